#include <algorithm>

#include "apps/mootd/keys.h"
#include "apps/mootd/values.h"
#include "net/listener.h"

// [[listen]]: one place where connections come in.
namespace moot::mootd {
namespace {

using net::Door;
using session::Auth;

const std::vector<std::string> kNames{"address",          "transport",      "auth",
                                      "challenge",        "cert",           "key",
                                      "client_ca",        "proxy_uids",     "proxy_peers",
                                      "allow_resumption", "require_crc32c", "insecure_plaintext"};

struct DoorWord {
  std::string_view word;
  Door door;
};
constexpr DoorWord kDoors[] = {
    {"tcp", Door::tcp}, {"tls", Door::tls}, {"proxy", Door::proxy}, {"unix", Door::local}};

struct AuthWord {
  std::string_view word;
  Auth auth;
};
constexpr AuthWord kAuths[] = {
    {"key", Auth::key}, {"wall", Auth::wall}, {"wall+key", Auth::wall_key}};

Status take_uids(net::ListenOptions& o, const toml::node& value) {
  const auto wrong = fail("must be a list of uids, like [119]");
  const toml::array* list = value.as_array();
  if (list == nullptr) return wrong;
  for (const toml::node& each : *list) {
    const auto* n = each.as_integer();
    if (n == nullptr || n->get() < 0 || n->get() >= ~std::uint32_t{0}) return wrong;
    o.proxy_uids.push_back(static_cast<std::uint32_t>(n->get()));
  }
  return {};
}

Status take_peers(net::ListenOptions& o, const toml::node& value) {
  const auto wrong = fail("must be a list of addresses, like [\"127.0.0.1\", \"192.0.2.0/28\"]");
  const toml::array* list = value.as_array();
  if (list == nullptr) return wrong;
  for (const toml::node& each : *list) {
    const auto* text = each.as_string();
    if (text == nullptr) return wrong;
    const auto network = net::parse_network(text->get());
    if (!network) return std::unexpected(network.error());
    o.proxy_peers.push_back(*network);
  }
  return {};
}

Status take_flag(bool& flag, const toml::node& value) {
  const auto* b = value.as_boolean();
  if (b == nullptr) return fail("must be true or false");
  flag = b->get();
  return {};
}

// One key whose value is a text. An error is what the key is to be.
Status take_text(net::ListenOptions& o, std::string_view key, const std::string& v) {
  if (key == "address") o.address = v;
  if (key == "cert") o.cert = v;
  if (key == "key") o.key = v;
  if (key == "client_ca") o.client_ca = v;
  if (key == "insecure_plaintext") o.insecure = v == kUnderstood;
  if (key == "challenge") {
    if (v != "required" && v != "optional") return fail("is required or optional");
    o.rules.challenge_required = v == "required";
  }
  if (key == "transport") {
    const auto* const it = std::ranges::find(kDoors, v, &DoorWord::word);
    if (it == std::end(kDoors)) return fail("is tcp, tls, proxy or unix");
    o.door = it->door;
  }
  if (key == "auth") {
    const auto* const it = std::ranges::find(kAuths, v, &AuthWord::word);
    if (it == std::end(kAuths)) return fail("is key, wall or wall+key");
    o.rules.auth = it->auth;
  }
  return {};
}

Status take(net::ListenOptions& o, std::string_view key, const toml::node& value) {
  if (key == "proxy_uids") return take_uids(o, value);
  if (key == "proxy_peers") return take_peers(o, value);
  if (key == "allow_resumption") return take_flag(o.proxy.allow_resumption, value);
  if (key == "require_crc32c") return take_flag(o.proxy.require_crc32c, value);
  const auto* text = value.as_string();
  if (text == nullptr) return fail("must be a text in quotes");
  return take_text(o, key, text->get());
}

// Whether a network cannot be a list of fronts. The widest that is somebody's own is 10.0.0.0/8,
// and in IPv6 a /16: what is wider has strangers in it. So no few lines cover everything, as /0 or
// both its halves would.
bool too_wide(const net::Network& n) { return n.prefix < (n.address.v6 ? 16u : 8u); }

// A front is believed whatever it says, so it has to be clear who is one (security.md 3.3).
Status check_proxy(const net::ListenOptions& o) {
  if (o.door != Door::proxy) {
    if (o.proxy_uids.empty() && o.proxy_peers.empty() && o.proxy == session::ProxyRules{})
      return {};
    return fail(
        "proxy_uids, proxy_peers, allow_resumption and require_crc32c are of a front; set "
        "transport = \"proxy\", or remove them.");
  }
  if (o.rules.auth == Auth::key) {
    return fail(
        "A front says who its client is, which auth = \"key\" would not look at; set auth = "
        "\"wall\" or \"wall+key\".");
  }
  if (o.at_path()) {
    if (!o.proxy_peers.empty()) {
      return fail("At a unix socket a front is known by its uid; use proxy_uids, not proxy_peers.");
    }
    if (o.proxy_uids.empty()) {
      return fail("A front has to be named; set proxy_uids to the uids it may have.");
    }
    if (std::ranges::find(o.proxy_uids, kNobodyUid) != o.proxy_uids.end()) {
      return fail(
          "The uid 65534 in proxy_uids is everybody without a number; give the front its own.");
    }
    return {};
  }
  if (!o.proxy_uids.empty()) {
    return fail("Over TCP a front is known by its address; use proxy_peers, not proxy_uids.");
  }
  if (o.proxy_peers.empty()) {
    return fail("A front has to be named; set proxy_peers to the addresses it may have.");
  }
  const auto wide = std::ranges::find_if(o.proxy_peers, too_wide);
  if (wide != o.proxy_peers.end()) {
    return fail(
        net::text(*wide) +
        " in proxy_peers believes everybody there, whom nobody knows; name the addresses of "
        "the front alone, in networks of /8 or longer (IPv6: /16).");
  }
  return {};
}

// Whether what was said of the listener goes together.
Status check_block(const net::ListenOptions& o) {
  if (o.address.empty()) return fail("`address` is missing.");
  if (o.door == Door::tcp && o.rules.auth != Auth::key) {
    return fail(
        "Plain TCP says of nobody who he is, so there is no wall on it; use transport = \"tls\", "
        "\"proxy\" or \"unix\", or auth = \"key\".");
  }
  const bool asks = o.rules.auth != Auth::key;
  if (o.door == Door::tls && asks && o.client_ca.empty()) {
    return fail(
        "A wall over TLS is the authority of your clients' certificates; set `client_ca` to its "
        "file, or auth = \"key\".");
  }
  if (!o.client_ca.empty() && (o.door != Door::tls || !asks)) {
    return fail(
        "`client_ca` is looked at with transport = \"tls\" and auth = \"wall\" or \"wall+key\"; "
        "set "
        "those, or remove it.");
  }
  return check_proxy(o);
}

std::string show_proxy(const net::ListenOptions& l) {
  std::string all;
  for (const std::uint32_t uid : l.proxy_uids) {
    all += (all.empty() ? "" : ", ") + std::to_string(uid);
  }
  for (const net::Network& n : l.proxy_peers) {
    all += (all.empty() ? "" : ", ") + toml_text(net::text(n));
  }
  const auto flag = [](bool on) { return on ? "true" : "false"; };
  return std::string(l.at_path() ? "proxy_uids" : "proxy_peers") + " = [" + all +
         "]\nallow_resumption = " + flag(l.proxy.allow_resumption) +
         "\nrequire_crc32c = " + flag(l.proxy.require_crc32c) + "\n";
}

}  // namespace

Result<net::ListenOptions> read_listen(const toml::node& node, std::size_t number) {
  const std::string where = "[[listen]] " + std::to_string(number);
  const toml::table* table = node.as_table();
  if (table == nullptr) return fail(where + " must be a table.");
  net::ListenOptions listener;
  listener.option = where;
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
    if (const Status ok = take(listener, key, value); !ok) {
      std::string why = ok.error().message;
      if (why.ends_with('.')) why.pop_back();
      return wrong(key, why);
    }
  }
  listener.rules.fronted = listener.door == Door::proxy;
  if (const Status ok = check_block(listener); !ok) return fail(where + ": " + ok.error().message);
  return listener;
}

std::string show_listen(const net::ListenOptions& l) {
  const auto* const door = std::ranges::find(kDoors, l.door, &DoorWord::door);
  const auto* const auth = std::ranges::find(kAuths, l.rules.auth, &AuthWord::auth);
  std::string out =
      "[[listen]]\naddress = " + toml_text(l.address) + "\ntransport = " + toml_text(door->word) +
      "\nauth = " + toml_text(auth->word) +
      "\nchallenge = " + (l.rules.challenge_required ? "\"required\"" : "\"optional\"") + "\n";
  if (l.door == Door::tls) {
    out += "cert = " + toml_text(l.cert) + "\nkey = " + toml_text(l.key) + "\n";
  }
  if (!l.client_ca.empty()) out += "client_ca = " + toml_text(l.client_ca) + "\n";
  if (l.door == Door::proxy) out += show_proxy(l);
  if (l.insecure) out += "insecure_plaintext = " + toml_text(kUnderstood) + "\n";
  return out;
}

}  // namespace moot::mootd
