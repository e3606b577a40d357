#include "apps/mootd/keys.h"

#include <algorithm>

#include "apps/mootd/values.h"
#include "client/address.h"
#include "net/admin.h"

namespace moot::mootd {
namespace {

using net::log::Format;
using net::log::Level;

Result<std::string> text_of(const toml::node& n) {
  if (const auto* s = n.as_string()) return s->get();
  return fail("must be a text in quotes");
}
Result<std::uint64_t> number_of(const toml::node& n, std::uint64_t least, std::uint64_t most) {
  const auto* i = n.as_integer();
  if (i == nullptr || i->get() < 0 || static_cast<std::uint64_t>(i->get()) < least ||
      static_cast<std::uint64_t>(i->get()) > most) {
    return fail("must be a whole number from " + std::to_string(least) + " to " +
                std::to_string(most));
  }
  return static_cast<std::uint64_t>(i->get());
}
Result<bool> flag_of(const toml::node& n) {
  if (const auto* b = n.as_boolean()) return b->get();
  return fail("must be true or false");
}
Result<std::vector<std::string>> texts_of(const toml::node& n) {
  const auto* a = n.as_array();
  std::vector<std::string> out;
  if (a == nullptr) return fail("must be a list of texts, like [\"one\", \"two\"]");
  for (const toml::node& each : *a) {
    const auto* s = each.as_string();
    if (s == nullptr) return fail("must be a list of texts, like [\"one\", \"two\"]");
    out.push_back(s->get());
  }
  return out;
}

// The shapes of keys. `at` says where in the configuration the value stands.
template <class At>
Key text_key(std::string_view path, At at) {
  return {path,
          [at](Config& c, const toml::node& n) -> Status {
            auto v = text_of(n);
            if (!v) return std::unexpected(v.error());
            at(c) = std::move(*v);
            return {};
          },
          [at](const Config& c) { return toml_text(at(const_cast<Config&>(c))); }};
}
template <class At>
Key number_key(std::string_view path, std::uint64_t least, std::uint64_t most, At at) {
  return {path,
          [at, least, most](Config& c, const toml::node& n) -> Status {
            const auto v = number_of(n, least, most);
            if (!v) return std::unexpected(v.error());
            at(c) = static_cast<std::remove_reference_t<decltype(at(c))>>(*v);
            return {};
          },
          [at](const Config& c) { return std::to_string(at(const_cast<Config&>(c))); }};
}
template <class At>
Key flag_key(std::string_view path, At at) {
  return {path,
          [at](Config& c, const toml::node& n) -> Status {
            const auto v = flag_of(n);
            if (!v) return std::unexpected(v.error());
            at(c) = *v;
            return {};
          },
          [at](const Config& c) { return at(const_cast<Config&>(c)) ? "true" : "false"; }};
}
template <class At>
Key size_key(std::string_view path, std::uint64_t least, std::uint64_t most, At at) {
  return {path,
          [at, least, most](Config& c, const toml::node& n) -> Status {
            Result<std::uint64_t> v = 0;
            if (const auto* s = n.as_string()) {
              v = parse_size(s->get());
              if (v && (*v < least || *v > most)) {
                v = fail("must be from " + std::to_string(least) + " to " + std::to_string(most) +
                         " octets");
              }
            } else {
              v = number_of(n, least, most);
            }
            if (!v) return std::unexpected(v.error());
            at(c) = static_cast<std::remove_reference_t<decltype(at(c))>>(*v);
            return {};
          },
          [at](const Config& c) { return std::to_string(at(const_cast<Config&>(c))); }};
}
template <class At>
Key seconds_key(std::string_view path, std::uint64_t least, std::uint64_t most, At at) {
  return {
      path,
      [at, least, most](Config& c, const toml::node& n) -> Status {
        const auto v = number_of(n, least, most);
        if (!v) return std::unexpected(v.error());
        at(c) = Millis{static_cast<std::int64_t>(*v) * 1000};
        return {};
      },
      [at](const Config& c) { return std::to_string(at(const_cast<Config&>(c)).count() / 1000); }};
}
template <class At>
Key duration_key(std::string_view path, At at) {
  return {path,
          [at](Config& c, const toml::node& n) -> Status {
            const auto t = text_of(n);
            if (!t) return fail("must be a duration in quotes, like \"30d\"");
            const auto v = net::parse_duration(*t);
            if (!v) return std::unexpected(v.error());
            at(c) = *v;
            return {};
          },
          [at](const Config& c) {
            return toml_text(std::to_string(at(const_cast<Config&>(c)).count() / 1000) + "s");
          }};
}
template <class E>
struct Word {
  std::string_view word;
  E value;
};
template <class E, class At>
Key word_key(std::string_view path, std::vector<Word<E>> words, At at) {
  return {path,
          [at, words](Config& c, const toml::node& n) -> Status {
            const auto t = text_of(n);
            std::string all;
            for (const Word<E>& w : words) {
              if (t && *t == w.word) {
                at(c) = w.value;
                return {};
              }
              all += (all.empty() ? "" : ", ") + std::string(w.word);
            }
            return fail("must be one of: " + all);
          },
          [at, words](const Config& c) {
            for (const Word<E>& w : words) {
              if (w.value == at(const_cast<Config&>(c))) return toml_text(w.word);
            }
            return std::string("\"\"");
          }};
}

server::Config& core(Config& c) { return c.server.live.core; }

Key store_key() {
  return {"store",
          [](Config&, const toml::node& n) -> Status {
            const auto t = text_of(n);
            if (!t || *t != "sqlite") return fail("must be \"sqlite\", the only store there is");
            return {};
          },
          [](const Config&) { return std::string("\"sqlite\""); }};
}

Key exempt_key() {
  return {"limits.exempt",
          [](Config& c, const toml::node& n) -> Status {
            const auto texts = texts_of(n);
            if (!texts) return std::unexpected(texts.error());
            std::vector<net::Network> networks;
            for (const std::string& t : *texts) {
              const auto network = net::parse_network(t);
              if (!network) return std::unexpected(network.error());
              networks.push_back(*network);
            }
            c.server.live.sources.exempt = std::move(networks);
            c.exempt = *texts;
            return {};
          },
          [](const Config& c) {
            std::string out = "[";
            for (const std::string& t : c.exempt)
              out += (out.size() > 1 ? ", " : "") + toml_text(t);
            return out + "]";
          }};
}

Key public_address_key() {
  return {"public_address",
          [](Config& c, const toml::node& n) -> Status {
            const auto t = text_of(n);
            if (!t) return std::unexpected(t.error());
            if (!t->empty() && !client::parse_address(*t)) {
              return fail("must be a host and a port, like \"chat.example:7697\", or \"\"");
            }
            c.server.live.public_address = *t;
            return {};
          },
          [](const Config& c) { return toml_text(c.server.live.public_address); }};
}

Key keepers_key() {
  return {"channels.keepers",
          [](Config& c, const toml::node& n) -> Status {
            const auto texts = texts_of(n);
            if (!texts) return std::unexpected(texts.error());
            bool members = false;
            bool server = false;
            for (const std::string& t : *texts) {
              if (t != "members" && t != "server") {
                return fail("must be a list of \"members\" and \"server\"");
              }
              (t == "members" ? members : server) = true;
            }
            if (!members && !server) return fail("must name at least one keeper");
            core(c).channels.member_kept = members;
            core(c).channels.server_kept = server;
            return {};
          },
          [](const Config& c) -> std::string {
            const auto& ch = c.server.live.core.channels;
            if (ch.member_kept && ch.server_kept) return R"(["members", "server"])";
            return ch.member_kept ? R"(["members"])" : R"(["server"])";
          }};
}

Key http_listen_key() {
  return {"http.listen",
          [](Config& c, const toml::node& n) -> Status {
            auto t = text_of(n);
            if (!t) return std::unexpected(t.error());
            c.server.http.address = std::move(*t);
            c.server.http.by_default = false;
            return {};
          },
          [](const Config& c) { return toml_text(c.server.http.address); }};
}

// What is allowed only to who says so in words.
template <class At>
Key understood_key(std::string_view path, At at) {
  return {
      path,
      [at](Config& c, const toml::node& n) -> Status {
        const auto t = text_of(n);
        if (!t || (!t->empty() && *t != kUnderstood)) {
          return fail("must be \"" + std::string(kUnderstood) + "\", or \"\"");
        }
        at(c) = !t->empty();
        return {};
      },
      [at](const Config& c) { return toml_text(at(const_cast<Config&>(c)) ? kUnderstood : ""); }};
}

std::vector<Key> make_keys() {
  constexpr std::uint64_t kAny = 1ull << 40;
  std::vector<Key> k;
  k.push_back(text_key("name", [](Config& c) -> auto& { return c.server.name; }));
  k.push_back(public_address_key());
  k.push_back(text_key("data_dir", [](Config& c) -> auto& { return c.server.data_dir; }));
  k.push_back(text_key("user", [](Config& c) -> auto& { return c.user; }));
  k.push_back(number_key("threads", 1, 64, [](Config& c) -> auto& { return c.server.threads; }));
  k.push_back(number_key("timeout_s", 1, 86'400,
                         [](Config& c) -> auto& { return c.server.live.timeout_s; }));
  k.push_back(seconds_key("cnn_timeout_s", 1, 600,
                          [](Config& c) -> auto& { return c.server.live.cnn_timeout; }));
  k.push_back(store_key());
  k.push_back(size_key("limits.max_frame", 4'096, limits::kFrameBytesCeiling,
                       [](Config& c) -> auto& { return c.server.live.max_frame; }));
  k.push_back(size_key("limits.max_msg", 1, limits::kFrameBytesCeiling,
                       [](Config& c) -> auto& { return core(c).max_msg; }));
  k.push_back(number_key("limits.commands_per_s", 0, kAny,
                         [](Config& c) -> auto& { return core(c).rates.commands_per_s; }));
  k.push_back(number_key("limits.commands_burst", 1, kAny,
                         [](Config& c) -> auto& { return core(c).rates.commands_burst; }));
  k.push_back(size_key("limits.bytes_per_s", 0, kAny,
                       [](Config& c) -> auto& { return core(c).rates.bytes_per_s; }));
  k.push_back(size_key("limits.bytes_burst", 1, kAny,
                       [](Config& c) -> auto& { return core(c).rates.bytes_burst; }));
  k.push_back(size_key("limits.send_queues", limits::kSendQueueSoftBytes, kAny,
                       [](Config& c) -> auto& { return c.server.live.send_queues_max; }));
  k.push_back(number_key("limits.conns_per_ip", 0, kAny,
                         [](Config& c) -> auto& { return c.server.live.sources.live_max; }));
  k.push_back(number_key("limits.conns_new_per_10min", 0, kAny,
                         [](Config& c) -> auto& { return c.server.live.sources.new_per_10min; }));
  k.push_back(exempt_key());
  k.push_back(flag_key("offline.keep", [](Config& c) -> auto& { return core(c).offline_keep; }));
  k.push_back(number_key("offline.max_messages", 1, 1'000'000,
                         [](Config& c) -> auto& { return core(c).offline_messages; }));
  k.push_back(size_key("offline.max_bytes", 1, kAny,
                       [](Config& c) -> auto& { return core(c).offline_bytes; }));
  k.push_back(
      duration_key("offline.max_age", [](Config& c) -> auto& { return core(c).offline_age; }));
  k.push_back(keepers_key());
  k.push_back(word_key<Keeper>("channels.default_keeper",
                               {{"members", Keeper::members}, {"server", Keeper::server}},
                               [](Config& c) -> auto& { return c.server.default_keeper; }));
  k.push_back(
      flag_key("channels.lobby", [](Config& c) -> auto& { return core(c).channels.lobby; }));
  k.push_back(word_key<server::PresenceMode>("presence.mode",
                                             {{"all", server::PresenceMode::all},
                                              {"shared", server::PresenceMode::shared},
                                              {"off", server::PresenceMode::off}},
                                             [](Config& c) -> auto& { return core(c).presence; }));
  k.push_back(word_key<Level>("log.level",
                              {{"debug", Level::debug},
                               {"info", Level::info},
                               {"warn", Level::warn},
                               {"error", Level::error},
                               {"off", Level::off}},
                              [](Config& c) -> auto& { return c.log_level; }));
  k.push_back(word_key<Format>("log.format", {{"text", Format::text}, {"json", Format::json}},
                               [](Config& c) -> auto& { return c.log_format; }));
  k.push_back(text_key("tls.cert", [](Config& c) -> auto& { return c.tls_cert; }));
  k.push_back(text_key("tls.key", [](Config& c) -> auto& { return c.tls_key; }));
  k.push_back(http_listen_key());
  k.push_back(understood_key("http.insecure_plaintext",
                             [](Config& c) -> auto& { return c.server.http.insecure; }));
  return k;
}

}  // namespace

const std::vector<Key>& config_keys() {
  static const std::vector<Key> keys = make_keys();
  return keys;
}

std::vector<std::string> config_key_names() {
  std::vector<std::string> names;
  for (const Key& k : config_keys()) names.emplace_back(k.path);
  names.emplace_back("listen");
  return names;
}

std::string toml_text(std::string_view text) { return net::json_text(text); }

}  // namespace moot::mootd
