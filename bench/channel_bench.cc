#include "bench/channel_bench.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>

#include "bench/accounts.h"
#include "channel/memory_records.h"
#include "channel/replica.h"
#include "client/content.h"

namespace moot::bench {
namespace {

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "moot-bench: %s\n", why);
  std::exit(1);
}

// A member: a replica on the connection, and its disk.
class Member : public ReplicaEffects {
 public:
  Member(Client& client, const ChannelId& channel, std::uint64_t seed, std::uint64_t& committed)
      : client_(client), committed_(committed) {
    ReplicaConfig config{.channel = channel, .self = client.who().user, .seed = seed, .since = {}};
    put_be64(config.replica.octets.data(), seed);
    replica_.emplace(config, disk_, disk_.load());
    replica_->connected(now(), *this);
  }

  void send(const c::Any& cmd) override {
    ++commands;
    client_.send(cmd);
  }
  void persist(std::span<const rop::Any> ops, Ticket ticket, bool urgent) override {
    unsynced_.insert(unsynced_.end(), ops.begin(), ops.end());
    last_ = ticket;
    urgent_ = urgent_ || urgent;
  }
  void tell(const note::Any& what) override {
    if (std::holds_alternative<note::Committed>(what)) ++committed_;
  }
  // All that waits for the disk shares one sync; commit marks alone wait for company.
  void sync() {
    if (!urgent_ && unsynced_.size() < limits::kHeldOps) return;
    disk_.apply(unsynced_);
    unsynced_.clear();
    urgent_ = false;
    ++syncs;
    replica_->durable(now(), last_, *this);
  }
  void tick() {
    const auto due = replica_->next_deadline();
    if (due && *due <= now().tick) replica_->tick(now(), *this);
  }
  Replica& replica() { return *replica_; }

  std::uint64_t commands = 0;
  std::uint64_t syncs = 0;

 private:
  Client& client_;
  std::uint64_t& committed_;
  MemoryRecords disk_;
  std::optional<Replica> replica_;
  std::vector<rop::Any> unsynced_;
  Ticket last_;
  bool urgent_ = false;
};

struct Costs {
  std::vector<double> cpu;
  std::vector<double> latency;
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
  std::array<std::uint8_t, 10> random{};
  random[0] = static_cast<std::uint8_t>(run);
  random[1] = static_cast<std::uint8_t>(window);
  const ChannelId channel = ChannelId::make(now().wall, random);
  const std::string name = "bench " + text(channel);
  std::vector<std::unique_ptr<Member>> all(members);
  std::uint64_t committed = 0;
  std::uint64_t heard = 0;
  std::size_t joined = 0;
  d.hooks({.opened = {},
           .deliver =
               [&](Client& c, const s::Any& cmd, Bytes) {
                 ++heard;
                 const auto* status = std::get_if<s::ChStatus>(&cmd);
                 if (status != nullptr && status->id == channel && !all[c.index]) {
                   all[c.index] = std::make_unique<Member>(c, channel, 1 + c.index, committed);
                   ++joined;
                 }
                 if (all[c.index]) all[c.index]->replica().step(now(), cmd, *all[c.index]);
               },
           .closed = [](Client&) { give_up("the server ended a connection."); }});
  const auto turn = [&](auto done) {
    return d.run(
        [&] {
          for (const auto& m : all) {
            if (!m) continue;
            m->sync();
            m->tick();
          }
          return done();
        },
        std::chrono::seconds{120});
  };
  d.clients()[0]->send(c::ChCreate{.id = channel, .name = Name{name}, .keeper = keeper});
  if (!turn([&] { return joined == 1; })) give_up("no channel could be made.");
  for (std::size_t i = 1; i < members; ++i) d.clients()[i]->send(c::ChJoin{.id = channel});
  const auto ready = [&] {
    return joined == members && std::ranges::all_of(all, [](const auto& m) {
             return m->replica().can_send() && m->replica().synced();
           });
  };
  if (!turn(ready)) give_up("the members did not find a leader.");

  const ByteBuf body = *client::write_text(std::string(100, 'x'), std::nullopt);
  std::uint64_t said = 0;
  std::deque<Clock::time_point> since;
  committed = heard = 0;
  const auto of_all = [&](auto count) {
    std::uint64_t sum = 0;
    for (const auto& m : all) sum += (*m).*count;
    return sum;
  };
  const std::uint64_t commands = of_all(&Member::commands);
  const std::uint64_t syncs = of_all(&Member::syncs);
  const std::uint64_t frames = d.frames_in() + d.frames_out();
  const std::uint64_t octets = d.octets();
  const double cpu = server.cpu_seconds();
  const auto begin = Clock::now();
  const bool whole = turn([&] {
    const std::uint64_t everywhere = committed / members;
    while (since.size() > said - everywhere) {
      costs.latency.push_back(micros(Clock::now() - since.front()));
      since.pop_front();
    }
    while (said < messages && said - everywhere < window) {
      if (!all[0]->replica().compose(now(), body, *all[0])) give_up("a message was refused.");
      since.push_back(Clock::now());
      ++said;
    }
    for (const auto& m : all) m->sync();
    return committed == messages * members;
  });
  if (!whole) give_up("not every message was committed everywhere.");
  const double n = static_cast<double>(messages);
  costs.cpu.push_back((server.cpu_seconds() - cpu) * 1e6 / n);
  costs.rate = n / (micros(Clock::now() - begin) * 1e-6);
  costs.commands = static_cast<double>(heard + of_all(&Member::commands) - commands) / n;
  costs.syncs =
      static_cast<double>(of_all(&Member::syncs) - syncs) / n / static_cast<double>(members);
  costs.frames = static_cast<double>(d.frames_in() + d.frames_out() - frames) / n;
  costs.octets = static_cast<double>(d.octets() - octets) / n;
  d.hooks({});
  d.close_all();
}

}  // namespace

void channel_commits(const Options& o, std::size_t members, unsigned window) {
  for (const Keeper keeper : {Keeper::members, Keeper::server}) {
    ServerProcess server(o.bin_dir, {"--set", "channels.lobby=false"});
    const auto who = enrol(server, members);
    Costs costs;
    for (int run = 0; run < o.runs; ++run)
      commits(o, server, who, members, window, keeper, run, costs);
    char beside[200];
    std::snprintf(beside, sizeof beside,
                  "%.1f frames, %.1f commands, %.0f octets a message; %.2f syncs a member; %.0f/s, "
                  "p50 %.0f p99 %.0f us",
                  costs.frames, costs.commands, costs.octets, costs.syncs, costs.rate,
                  percentile(costs.latency, 0.5), percentile(costs.latency, 0.99));
    print(o, {"W2 " + std::string(keeper == Keeper::members ? "member" : "server") + "-kept, " +
                  std::to_string(members) + " members, window " + std::to_string(window),
              "us CPU/message", costs.cpu, beside});
  }
}

}  // namespace moot::bench
