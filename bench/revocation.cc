#include "bench/revocation.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/accounts.h"
#include "bench/driver.h"
#include "bench/server_process.h"
#include "bench/wall.h"

namespace moot::bench {
namespace {

constexpr std::size_t kSessions = 1'000;
constexpr std::size_t kOneByOne = 50;

void measure(const Options& o, const std::string& what, const ServerProcess& server, Driver& d,
             const std::vector<Identity>& who) {
  std::vector<double> times;
  std::vector<double> command;
  std::vector<double> both;  // from the start of the command
  open_all(d, who, 0, kSessions);
  // One after the other among all the others.
  for (std::size_t i = 0; i < kOneByOne; ++i) {
    const Client& c = *d.clients()[i];
    const auto begin = Clock::now();
    server.admin("key revoke " + text(who[i].kid));
    const auto done = Clock::now();
    if (!d.run([&] { return c.gone(); }, std::chrono::seconds{5})) std::exit(1);
    times.push_back(micros(std::max(c.gone_at(), done) - done) / 1000.0);
    command.push_back(micros(done - begin) / 1000.0);
    both.push_back(micros(c.gone_at() - begin) / 1000.0);
  }
  char beside[160];
  std::snprintf(
      beside, sizeof beside,
      "p99 %.1f ms after the command returned, %.1f ms after it began; the command itself "
      "%.0f ms",
      percentile(times, 0.99), percentile(both, 0.99), percentile(command, 0.5));
  print(o, {"revocation, one " + what + " of 1,000", "ms to closed", times, beside});
  // All that are left, by one command.
  std::string ids;
  for (std::size_t i = kOneByOne; i < kSessions; ++i) ids += text(who[i].kid) + " ";
  const auto begin = Clock::now();
  server.admin("key revoke " + ids);
  const auto done = Clock::now();
  if (!d.run([&] { return std::ranges::all_of(d.clients(), &Client::gone); },
             std::chrono::seconds{20})) {
    std::fprintf(stderr, "moot-bench: not every connection of a revoked %s ended.\n", what.c_str());
    std::exit(1);
  }
  std::vector<double> last;
  for (std::size_t i = kOneByOne; i < kSessions; ++i) {
    last.push_back(micros(std::max(d.clients()[i]->gone_at(), done) - done) / 1000.0);
  }
  std::snprintf(beside, sizeof beside, "p99 %.1f ms, the last %.1f ms; the command itself %.0f ms",
                percentile(last, 0.99), *std::ranges::max_element(last),
                micros(done - begin) / 1000.0);
  print(o, {"revocation, 950 " + what + "s at once", "ms to closed", last, beside});
}

}  // namespace

void revocation(const Options& o) {
  if (!o.wall.empty()) {
    Wall wall(*wall_named(o.wall));
    ServerProcess server(o.bin_dir, wall.server_args({"--set", "presence.mode=\"off\""}));
    wall.ready(server);
    const auto who = wall.enrol(server, kSessions);
    Driver d([&wall](const Identity& one) { return wall.connect(one); }, "moot.local", o.batch,
             true);
    measure(o, wall.what(), server, d, who);
    return;
  }
  ServerProcess server(o.bin_dir, {"--set", "presence.mode=\"off\""});
  const auto who = enrol(server, kSessions);
  Driver d(server.port(), "moot.local", o.batch);
  measure(o, "key", server, d, who);
}

}  // namespace moot::bench
