#include "bench/scale_bench.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "bench/accounts.h"
#include "bench/moot_work.h"
#include "bench/server_process.h"

namespace moot::bench {
namespace {

constexpr unsigned kWindow = 16;
constexpr std::size_t kDeliveries = 200'000;  // a run, about
constexpr std::size_t kMessagesMin = 50;

void delivery_by_members(const Options& o, Keeper keeper, std::size_t members) {
  ServerProcess server(o.bin_dir, {"--set", "channels.lobby=false"});
  const auto who = enrol(server, members);
  Driver d(server.port(), "moot.local", o.batch);
  open_all(d, who, 0, members);
  BenchChannel channel(d, members, keeper, "scale");
  const CpuSeconds cpu = [&] { return server.cpu_seconds(); };
  const std::size_t messages = std::max(kDeliveries / members, kMessagesMin);
  channel_fan_out(channel, kWindow, std::max<std::size_t>(messages / 4, 1), cpu);  // warms up
  const bool kept = keeper == Keeper::server;
  Point point{.id = kept ? "S.members.server" : "S.members.members",
              .title = kept ? "Delivery by members, server-kept, window 16"
                            : "Delivery by members, member-kept, window 16",
              .unit = "us CPU a delivery",
              .x_name = "members",
              .x = static_cast<double>(members),
              .values = {}};
  for (int run = 0; run < std::min(o.runs, 3); ++run) {
    point.values.push_back(channel_fan_out(channel, kWindow, messages, cpu).cpu_us);
  }
  print(o.json, point);
}

void memory_by_connections(const Options& o, std::size_t connections) {
  ServerProcess server(o.bin_dir, {});
  const auto who = enrol(server, connections);
  // Who connects now would be told of every account that was made just before.
  server.restart();
  Driver d(server.port(), "moot.local", o.batch);
  const auto before = static_cast<double>(server.resident_bytes());
  open_all(d, who, 0, connections, kLoginsAtOnce);
  usleep(3'000'000);  // what the logins left in memory is given back
  print(o.json, {.id = "S.connections",
                 .title = "Resident memory by idle connections",
                 .unit = "KiB",
                 .x_name = "connections",
                 .x = static_cast<double>(connections),
                 .values = {(static_cast<double>(server.resident_bytes()) - before) / 1024}});
}

}  // namespace

void scale(const Options& o) {
  pin_to_load_processor();
  for (const std::size_t members : {10u, 30u, 100u, 300u, 1'000u, 3'000u, 10'000u}) {
    std::fprintf(stderr, "  a channel of %zu members, kept by the server\n", members);
    delivery_by_members(o, Keeper::server, members);
  }
  for (const std::size_t members : {3u, 10u, 30u, 100u, 300u, 1'000u}) {
    std::fprintf(stderr, "  a channel of %zu members, kept by them\n", members);
    delivery_by_members(o, Keeper::members, members);
  }
  for (std::size_t n = 1'000; n <= o.connections; n *= 2) {
    std::fprintf(stderr, "  %zu connections\n", n);
    memory_by_connections(o, n);
  }
}

}  // namespace moot::bench
