#include "apps/mootd/doctor_fronts.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "net/admin.h"
#include "net/admin_socket.h"
#include "net/front_check.h"
#include "net/tallies.h"

namespace moot::mootd {
namespace {

using session::ProxyFault;

constexpr std::string_view kHeaders = "headers of fronts";

std::size_t number(std::string_view digits) {
  std::size_t n = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), n);
  return n;
}

// What an operator does about it, with HAProxy's words.
std::string_view mend(std::size_t fault) {
  if (fault == net::kFrontLate) {
    return "the front sends no header at all: write `send-proxy-v2-ssl-cn` into its `server` line";
  }
  switch (static_cast<ProxyFault>(fault)) {
    case ProxyFault::signature:
      return "the front speaks another version, or none: write `send-proxy-v2-ssl-cn`, and not "
             "`send-proxy`, into its `server` line";
    case ProxyFault::no_tls:
      return "TLS has to end in the front: write `ssl` into its `bind` line and "
             "`send-proxy-v2-ssl-cn` into its `server` line";
    case ProxyFault::unproven:
      return "the front has to see a certificate on each connection: write `verify required` and "
             "`no-tls-tickets` into its `bind` line, and set `tune.ssl.cachesize 0`";
    case ProxyFault::version:
      return "write `ssl-min-ver TLSv1.3` into the front's `bind` line";
    case ProxyFault::cn:
      return "write `send-proxy-v2-ssl-cn` into the front's `server` line, and issue certificates "
             "with one CN that is a user id";
    case ProxyFault::checksum:
      return "the front sends no checksum, or a wrong one: set `require_crc32c = false` if it "
             "sends "
             "none";
    case ProxyFault::none:
    case ProxyFault::command:
    case ProxyFault::length:
    case ProxyFault::family:
    case ProxyFault::tiling:
      break;
  }
  return "this is not the header of a front for TCP; look what else is sent there";
}

// Who may be the front, as far as this system knows him.
bool look_at_users(Findings& f, const std::string& topic, const net::ListenOptions& l) {
  for (const std::uint32_t uid : l.proxy_uids) {
    if (const Status ok = net::may_open(l.address, uid); !ok) {
      f.look(topic, ok.error().message);
      return false;
    }
  }
  return true;
}

void look_at_front(Findings& f, const net::ListenOptions& l, bool running) {
  const std::string topic = "front " + l.address;
  if (l.at_path() && !look_at_users(f, topic, l)) return;
  if (net::local_users_are_fronts(l)) {
    f.look("peers of " + l.address,
           "every user of this machine can be a front there and name whom he likes, because "
           "proxy_peers has loopback; let the front connect to a unix socket, with proxy_uids");
  }
  if (!running) return f.skipped(topic, "a header is tried while the server runs");
  if (!net::is_own_front(l)) {
    return f.skipped(topic, "no header was tried: whoever runs this is no front of it");
  }
  if (const Status ok = net::front_is_heard(l); !ok) return f.bad(topic, ok.error().message);
  f.good(topic, "a header from here is taken");
}

void tell_strangers(Findings& f, const net::AdminReply::Key& told) {
  const bool path = told.at("at").starts_with('/');
  f.look("strangers at " + told.at("at"),
         told.at("strangers") + " connections were of nobody who may be its front, the last from " +
             told.at("last") + "; if that is the front, add it to " +
             (path ? "proxy_uids" : "proxy_peers") + " and restart mootd");
}

void tell_headers(Findings& f, const std::vector<net::AdminReply::Key>& told) {
  std::size_t taken = 0;
  std::size_t refused = 0;
  std::size_t most = 0;
  std::size_t fault = 0;
  for (const net::AdminReply::Key& key : told) {
    if (!key.contains("fault")) continue;
    const std::size_t n = number(key.at("headers"));
    if (key.at("fault") == "0") {
      taken = n;
      continue;
    }
    refused += n;
    if (n <= most) continue;
    most = n;
    fault = number(key.at("fault"));
  }
  const std::string counts =
      std::to_string(taken) + " taken and " + std::to_string(refused) + " refused since the start";
  if (refused == 0) return f.good(kHeaders, counts);
  f.look(kHeaders, counts + ", most of these because of: " + std::string(net::front_text(fault)) +
                       "; " + std::string(mend(fault)));
}

}  // namespace

void look_at_fronts(Findings& f, const Config& config, bool running) {
  const auto& listen = config.server.listen;
  const auto is_door = [](const net::ListenOptions& l) { return l.door == net::Door::proxy; };
  if (std::ranges::none_of(listen, is_door)) return;
  for (const net::ListenOptions& l : listen) {
    if (is_door(l)) look_at_front(f, l, running);
  }
  const auto asked =
      net::ask_running_server(config.server.data_dir, {std::string(net::kAskFronts), {}});
  if (!asked || !*asked || (*asked)->code != 0) return;
  for (const net::AdminReply::Key& key : (*asked)->keys) {
    if (key.contains("strangers")) tell_strangers(f, key);
  }
  tell_headers(f, (*asked)->keys);
}

}  // namespace moot::mootd
