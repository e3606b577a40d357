#include "apps/mootd/keys.h"
#include "apps/mootd/values.h"
#include "net/listener.h"

// [[listen]]: one place where connections come in.
namespace moot::mootd {
namespace {

const std::vector<std::string> kNames{"address",          "transport",      "auth",
                                      "challenge",        "cert",           "key",
                                      "client_ca",        "proxy_uids",     "proxy_peers",
                                      "allow_resumption", "require_crc32c", "insecure_plaintext"};

}  // namespace

Result<ListenBlock> read_listen(const toml::node& node, std::size_t number) {
  const std::string where = "[[listen]] " + std::to_string(number);
  const toml::table* table = node.as_table();
  if (table == nullptr) return fail(where + " must be a table.");
  ListenBlock block;
  block.options.option = where;
  const auto wrong = [&where](std::string_view key, std::string_view what) {
    return fail(where + ": `" + std::string(key) + "` " + std::string(what) + ".");
  };
  for (const auto& [raw, value] : *table) {
    const std::string key(raw.str());
    if (std::ranges::find(kNames, key) == kNames.end()) {
      const std::string near = nearest(key, kNames);
      return fail(where + ": unknown key `" + key + "`" +
                  (near.empty() ? "." : "; did you mean `" + near + "`?"));
    }
    if (key == "proxy_uids" || key == "proxy_peers" || key == "allow_resumption" ||
        key == "require_crc32c") {
      continue;  // of a transport that is refused below
    }
    const auto* text = value.as_string();
    if (text == nullptr) return wrong(key, "must be a text in quotes");
    const std::string& v = text->get();
    if (key == "address") block.options.address = v;
    if (key == "transport") block.transport = v;
    if (key == "auth") block.auth = v;
    if (key == "cert") block.options.cert = v;
    if (key == "key") block.options.key = v;
    if (key == "insecure_plaintext") block.insecure = v == kUnderstood;
    if (key == "challenge") {
      if (v != "required" && v != "optional") return wrong(key, "is required or optional");
      block.options.rules.challenge_required = v == "required";
    }
  }
  if (block.transport == "proxy" || block.transport == "unix") {
    return wrong("transport", "= \"" + block.transport +
                                  "\" is not in this version: it takes tcp and tls; remove the "
                                  "block or change it");
  }
  if (block.transport != "tcp" && block.transport != "tls") {
    return wrong("transport", "is tcp or tls (proxy and unix are not in this version)");
  }
  if (block.auth == "wall" || block.auth == "wall+key") {
    return wrong("auth", "= \"" + block.auth +
                             "\" is not in this version: it has key only; remove the block or "
                             "change it");
  }
  if (block.auth != "key") return wrong("auth", "is key (walls are not in this version)");
  block.options.tls = block.transport == "tls";
  if (block.options.address.empty()) return wrong("address", "is missing");
  const auto at = net::parse_endpoint(block.options.address);
  if (!at) return fail(where + ": " + at.error().message);
  return block;
}

}  // namespace moot::mootd
