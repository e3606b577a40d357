#include "bench/channel_bench.h"

#include <cstdio>
#include <cstdlib>
#include <deque>

#include "bench/accounts.h"
#include "bench/member.h"
#include "client/content.h"

namespace moot::bench {
namespace {

// Following a message takes its members' time, which is not to be seen in the p99.
constexpr std::uint64_t kFollowedOneOf = 250;

struct Costs {
  std::vector<double> cpu;
  std::vector<double> latency;
  std::vector<double> legs;
  double frames = 0;
  double commands = 0;
  double octets = 0;
  double syncs = 0;
  double rate = 0;
};

// One channel, one run.
void commits(const Options& o, ServerProcess& server, const std::vector<Identity>& who,
             std::size_t members, unsigned window, Keeper keeper, int run, Costs& costs) {
  const std::size_t messages = members >= 100 ? 1'000 : 4'000;
  Driver d(server.port(), "moot.local", o.batch);
  open_all(d, who, 0, members);
  BenchChannel channel(d, members, keeper, "run " + std::to_string(run));

  const ByteBuf body = *client::write_text(std::string(100, 'x'), std::nullopt);
  std::uint64_t said = 0;
  std::deque<Clock::time_point> since;
  const std::uint64_t committed = channel.committed();
  const std::uint64_t heard = channel.heard();
  const std::uint64_t commands = channel.of_all(&Member::commands);
  const std::uint64_t syncs = channel.of_all(&Member::syncs);
  const std::uint64_t frames = d.frames_in() + d.frames_out();
  const std::uint64_t octets = d.octets();
  const double cpu = server.cpu_seconds();
  const auto begin = Clock::now();
  const auto step = [&] {
    const std::uint64_t everywhere = (channel.committed() - committed) / members;
    while (since.size() > said - everywhere) {
      costs.latency.push_back(micros(Clock::now() - since.front()));
      since.pop_front();
    }
    while (said < messages && said - everywhere < window) {
      if (said % kFollowedOneOf == 0) channel.legs().follow();
      if (!channel[0].replica().compose(now(), body, channel[0])) return true;
      since.push_back(Clock::now());
      ++said;
    }
    return channel.committed() - committed == messages * members;
  };
  if (!channel.run(step, std::chrono::seconds{120}) || said < messages) {
    std::fprintf(stderr, "moot-bench: not every message was committed everywhere.\n");
    std::exit(1);
  }
  const auto& legs = channel.legs().counts();
  costs.legs.insert(costs.legs.end(), legs.begin(), legs.end());
  const double n = static_cast<double>(messages);
  costs.cpu.push_back((server.cpu_seconds() - cpu) * 1e6 / n);
  costs.rate = n / (micros(Clock::now() - begin) * 1e-6);
  costs.commands =
      static_cast<double>(channel.heard() - heard + channel.of_all(&Member::commands) - commands) /
      n;
  costs.syncs = static_cast<double>(channel.of_all(&Member::syncs) - syncs) / n /
                static_cast<double>(members);
  costs.frames = static_cast<double>(d.frames_in() + d.frames_out() - frames) / n;
  costs.octets = static_cast<double>(d.octets() - octets) / n;
}

}  // namespace

void channel_commits(const Options& o, std::size_t members, unsigned window) {
  for (const Keeper keeper : {Keeper::members, Keeper::server}) {
    ServerProcess server(o.bin_dir, {"--set", "channels.lobby=false"});
    const auto who = enrol(server, members);
    Costs costs;
    for (int run = 0; run < o.runs; ++run)
      commits(o, server, who, members, window, keeper, run, costs);
    char beside[240];
    std::snprintf(beside, sizeof beside,
                  "%.1f frames, %.1f commands, %.0f octets a message; %.1f round trips; "
                  "%.2f syncs a member; %.0f/s, p50 %.0f p99 %.0f us",
                  costs.frames, costs.commands, costs.octets, percentile(costs.legs, 0.5) / 2,
                  costs.syncs, costs.rate, percentile(costs.latency, 0.5),
                  percentile(costs.latency, 0.99));
    print(o, {"W2 " + std::string(keeper == Keeper::members ? "member" : "server") + "-kept, " +
                  std::to_string(members) + " members, window " + std::to_string(window),
              "us CPU/message", costs.cpu, beside});
  }
}

}  // namespace moot::bench
