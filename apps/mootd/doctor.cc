#include "apps/mootd/doctor.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/statvfs.h>
#include <sys/timex.h>

#include "apps/mootd/commands.h"
#include "apps/mootd/doctor_fronts.h"
#include "apps/mootd/findings.h"
#include "apps/mootd/key_output.h"
#include "apps/mootd/server_user.h"
#include "net/admin.h"
#include "net/admin_socket.h"
#include "net/clock.h"
#include "net/doctor.h"
#include "net/listener.h"
#include "net/transport.h"

namespace moot::mootd {
namespace {

constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::uint64_t kCertificateDays = 21;
constexpr Millis kSlowFsync{50};
constexpr std::uint64_t kLittleRoom = 256ull * 1024 * 1024;
constexpr UnixMs kEarliest{1'760'000'000'000};  // when this program was not there yet

void look_at_listener(Findings& f, const net::ListenOptions& l, bool running) {
  const std::string topic = "port " + l.address;
  if (!net::parse_endpoint(l.address)) return;  // no TCP
  if (running) return f.good(topic, "the running server's");
  if (const Status ok = net::can_listen(l); !ok) {
    f.bad(topic, ok.error().message);
  } else {
    f.good(topic, "free");
  }
}

// Of a running server: that one tells by itself.
void look_at_http(Findings& f, const net::HttpOptions& http) {
  if (http.off()) return;
  const std::string topic = "port " + http.address;
  const Status ok = net::can_serve_http(http);
  if (ok) return f.good(topic, "free");
  if (!http.by_default) return f.bad(topic, ok.error().message);
  f.look(topic, ok.error().message + " Nobody asked for it, so the server will go without");
}

void look_at_certificate(Findings& f, const Config& config, const net::ListenOptions& l,
                         UnixMs now) {
  const std::string topic = "certificate " + l.cert;
  const auto identity = net::TlsIdentity::load(l.cert, l.key, l.client_ca);
  if (!identity) return f.bad(topic, l.option + ": " + identity.error().message);
  std::vector<std::string> files{l.cert, l.key};
  if (!l.client_ca.empty()) files.push_back(l.client_ca);
  if (const Status ok = readable_by_server(config, files); !ok) {
    return f.bad(topic, l.option + ": " + ok.error().message);
  }
  const auto end = net::certificate_end(l.cert);
  if (!end) return f.bad(topic, end.error().message);
  const std::string pin = "pin " + identity->pin();
  if (end->ms <= now.ms) {
    return f.bad(topic, "it is over; make one for the same key, then SIGHUP; " + pin);
  }
  const std::uint64_t days = (end->ms - now.ms) / kDayMs;
  const std::string left = std::to_string(days) + " days left";
  if (days < kCertificateDays) {
    return f.look(topic, left + "; make one for the same key, then SIGHUP; " + pin);
  }
  f.good(topic, left + ", " + pin);
}

void look_at_clock(Findings& f, UnixMs now) {
  if (now < kEarliest) {
    return f.bad("clock", "it is years slow; set it, or every client is refused");
  }
  timex state{};
  if (::adjtimex(&state) == TIME_ERROR) {
    return f.look("clock",
                  "nothing keeps it right, and a client whose clock is 15 minutes off is "
                  "refused; run systemd-timesyncd or chrony");
  }
  f.good("clock", "kept right");
}

void look_at_disk(Findings& f, const std::string& dir) {
  if (!std::filesystem::exists(dir)) {
    return f.look("disk", "there is no " + dir + " yet; the first start makes it");
  }
  const auto time = net::fsync_time(dir);
  if (!time) return f.bad("disk", time.error().message);
  const std::string took = "an fsync takes " + std::to_string(time->count()) + " ms";
  struct statvfs room{};
  if (::statvfs(dir.c_str(), &room) == 0 && room.f_bavail * room.f_frsize < kLittleRoom) {
    return f.bad("disk", "less than 256 MiB are free; make room, a full disk stops the server");
  }
  if (*time > kSlowFsync) {
    return f.look("disk", took +
                              ", and every message waits for one; use a local disk with a "
                              "write cache that survives a power cut");
  }
  f.good("disk", took);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// How the server is, or would be: its status in a few lines. False: there is nothing to go on with.
bool look_at_server(Findings& f, const Result<net::AdminReply>& status) {
  if (!status) {
    f.bad("server", status.error().message);
    return false;
  }
  if (!f.json()) {
    print(status->out);
    return true;
  }
  std::string what;
  for (const std::string_view line : lines_of(status->out)) {
    what += (what.empty() ? "" : "; ") + std::string(line);
  }
  f.good("server", what);
  return true;
}

void look_at_store(Findings& f, const Config& config) {
  const auto store = carry_out(config, {"doctor", {}});
  if (!store) return f.bad("store", store.error().message);
  for (const net::AdminReply::Key& finding : store->keys) f.told(finding);
  if (store->code != 0) f.bad("store", store->note);
}

}  // namespace

int run_doctor(const Config& config, bool json) {
  Findings f(json);
  const UnixMs now = net::read_clocks().wall;
  f.good("configuration", "");
  const net::AdminRequest status{"status", {}};
  auto asked = net::ask_running_server(config.server.data_dir, status);
  const bool running = asked && asked->has_value();
  for (const net::ListenOptions& l : config.server.listen) {
    look_at_listener(f, l, running);
    if (l.door == net::Door::tls) look_at_certificate(f, config, l, now);
  }
  if (!running) look_at_http(f, config.server.http);
  look_at_fronts(f, config, running);
  const auto where = configured_addresses(config);
  if (const Status ok = net::reachable(net::key_address(where)); !ok) {
    f.look("invitations and keys", ok.error().message);
  }
  look_at_clock(f, now);
  look_at_disk(f, config.server.data_dir);
  if (!running) f.told(net::descriptors_finding());
  if (look_at_server(f, carry_out(config, status, std::move(asked)))) look_at_store(f, config);
  return f.any_bad() ? kExitFailed : kExitDone;
}

}  // namespace moot::mootd
