#include "apps/mootd/adopted.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "apps/mootd/service_manager.h"
#include "net/endpoint.h"

namespace moot::mootd {
namespace {

// A path may be written through links, as /var/run often is one.
bool same(const std::string& written, const std::string& address) {
  if (const auto at = net::parse_endpoint(written)) return net::text(*at) == address;
  if (written == address) return true;
  if (!written.starts_with('/') || !address.starts_with('/')) return false;
  std::error_code no;
  const auto real = std::filesystem::canonical(written, no);
  return !no && real == std::filesystem::canonical(address, no);
}

std::string who(const InheritedSocket& s) {
  return "The service manager passed a socket on " + s.address;
}

Status adopt_http(Adopted& adopted, net::HttpOptions http, const InheritedSocket& s) {
  if (http.off()) {
    return fail(who(s) + " for HTTP, and `http.listen` is \"off\": set it, or remove the unit.");
  }
  if (s.at_path()) {
    return fail(who(s) +
                " for HTTP, which is over TCP only: let its unit have a "
                "ListenStream=127.0.0.1:7680.");
  }
  if (adopted.http >= 0) return fail(who(s) + " for HTTP, and another one before: pass one.");
  http.address = s.address;
  if (const Status ok = check_http(http); !ok) return ok;
  adopted.http = s.fd;
  return {};
}

Status adopt_listener(Adopted& adopted, const Config& config, std::size_t place,
                      const InheritedSocket& s) {
  net::ListenOptions l = config.server.listen[place];
  // Key files name the path that is written, so that one has to lead here.
  if ((l.at_path() || s.at_path()) && !same(l.address, s.address)) {
    return fail(who(s) + " for " + l.option + ", which is at " + l.address +
                ": let the block and the socket unit name the same one.");
  }
  l.address = s.address;
  if (const Status ok = check_address(l); !ok) return fail(l.option + ": " + ok.error().message);
  if (!adopted.listeners.emplace(place, s.fd).second) {
    return fail(who(s) + " for " + l.option + ", and another one before: pass one.");
  }
  return {};
}

// The [[listen]] that it is for: by a name like `listen-2`, else by its address.
std::optional<std::size_t> place_of(const std::vector<net::ListenOptions>& all,
                                    const InheritedSocket& s) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (s.name == "listen-" + std::to_string(i + 1)) return i;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (same(all[i].address, s.address)) return i;
  }
  return std::nullopt;
}

Status adopt(Adopted& adopted, const Config& config, const InheritedSocket& s) {
  const net::HttpOptions& http = config.server.http;
  if (s.name == "http") return adopt_http(adopted, http, s);
  if (const auto place = place_of(config.server.listen, s)) {
    return adopt_listener(adopted, config, *place, s);
  }
  if (same(http.address, s.address)) return adopt_http(adopted, http, s);
  return fail(who(s) +
              ", and no listener has this address: let a [[listen]] block and the socket unit name "
              "the same one, or the unit say FileDescriptorName=http or listen-1, listen-2, ...");
}

}  // namespace

Result<Adopted> adopt_sockets(const Config& config) {
  const auto sockets = inherited_sockets();
  if (!sockets) return std::unexpected(sockets.error());
  Adopted adopted;
  for (const InheritedSocket& s : *sockets) {
    if (const Status ok = adopt(adopted, config, s); !ok) return std::unexpected(ok.error());
  }
  return adopted;
}

}  // namespace moot::mootd
