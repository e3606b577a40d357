#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "net/queue_budget.h"
#include "net/source_limits.h"
#include "server/core.h"
#include "session/proxy_header.h"
#include "session/server_session.h"

namespace moot::net {

// How connections come in (`transport` of the configuration).
enum class Door : std::uint8_t { tcp, tls, proxy, local };

// One [[listen]] of the configuration.
struct ListenOptions {
  std::string address;  // "127.0.0.1:7667", "[::1]:7667"; of a unix socket its path
  std::string option;   // what to name when it cannot be had: "--listen", "[[listen]] 2"
  Door door = Door::tcp;
  session::ListenerRules rules;
  std::string cert;
  std::string key;
  std::string client_ca;                  // whose certificates people show, where they do
  std::vector<std::uint32_t> proxy_uids;  // who may be the front at a path
  std::vector<Network> proxy_peers;       // or where it may be
  session::ProxyRules proxy;
  bool insecure = false;  // plain TCP off loopback, in the operator's own words
  bool at_path() const { return address.starts_with('/'); }
  bool front_is(std::uint32_t uid) const {
    return std::ranges::find(proxy_uids, uid) != proxy_uids.end();
  }
  bool front_at(const Address& from) const {
    return std::ranges::any_of(proxy_peers,
                               [&from](const Network& n) { return n.holds(plain_v4(from)); });
  }
  friend bool operator==(const ListenOptions& a, const ListenOptions& b) {
    return a.address == b.address && a.door == b.door && a.cert == b.cert && a.key == b.key &&
           a.client_ca == b.client_ca && a.proxy_uids == b.proxy_uids &&
           a.proxy_peers == b.proxy_peers && a.proxy == b.proxy && a.rules.auth == b.rules.auth &&
           a.rules.challenge_required == b.rules.challenge_required;
  }
};

// "unix:/run/moot/wall", as key files name a unix socket.
inline std::string local_address_text(std::string_view path) { return "unix:" + std::string(path); }

// Where health and metrics are told.
struct HttpOptions {
  std::string address = "127.0.0.1:7680";  // "off": nowhere
  // Nobody asked for this address: when somebody else has it, it goes without.
  bool by_default = true;
  bool insecure = false;  // off loopback, in the operator's own words
  bool off() const { return address == "off"; }
  friend bool operator==(const HttpOptions&, const HttpOptions&) = default;
};

// What a running server may be told anew (SIGHUP).
struct LiveOptions {
  std::uint64_t timeout_s = static_cast<std::uint64_t>(limits::kTimeout.count());
  Millis cnn_timeout = limits::kCnnTimeout;
  std::uint32_t max_frame = limits::kFrameBytesMax;
  std::string public_address;  // "chat.example:7697"; empty: where the first listener is
  std::size_t send_queues_max = kSendQueuesBytes;
  SourceLimits::Config sources;
  server::Config core;
};

struct ServerOptions {
  std::string name = "moot.local";
  std::string version;
  std::string data_dir = "./moot-data";
  unsigned threads = 1;
  std::vector<ListenOptions> listen;
  HttpOptions http;
  Keeper default_keeper = Keeper::server;  // of channels whose maker does not say
  LiveOptions live;
};

}  // namespace moot::net
