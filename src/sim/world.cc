#include "sim/world.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"
#include "channel/record.h"
#include "model/print.h"

namespace moot::sim {
namespace {
constexpr std::int64_t kMs = 1'000;
constexpr std::int64_t kSecond = 1'000'000;
constexpr std::uint64_t kAtOnceMax = 200'000;
constexpr std::uint64_t kOldestMs = 864'000'000;  // what is there at the start is so old at most
}  // namespace

std::string seconds(std::int64_t us) {
  std::string micros = std::to_string(us % kSecond);
  micros.insert(0, 6 - micros.size(), '0');
  return std::to_string(us / kSecond) + '.' + micros;
}

// What a replica wants done, in the world.
class World::Hands : public ReplicaEffects {
 public:
  Hands(World& world, Device& device) : world_(world), device_(device) {}
  void send(const c::Any& cmd) override { world_.device_sends(device_, cmd); }
  void persist(std::span<const rop::Any> ops, Ticket ticket, bool urgent) override {
    world_.device_persists(device_, ops, ticket, urgent);
  }
  void tell(const note::Any& what) override { world_.ghost_->tells(device_, what); }

 private:
  World& world_;
  Device& device_;
};

World::World(const Options& options)
    : options_(options),
      plan_(Plan::of(options.seed, options.faults)),
      counters_(out_.counters),
      server_chip_(stream(options.seed, "disk")),
      talk_(stream(options.seed, "talk")),
      end_(stream(options.seed, "end")) {
  out_.faults = plan_.faults;
  for (const std::string_view name : kFaultNames) fault_rng_.push_back(stream(plan_.seed, name));
  channel_ = ChannelId::of(as_bytes("one channel here"));
  links_.push_back(nullptr);  // ConnId 0 is nobody

  Rng shape = stream(plan_.seed, "devices");
  for (unsigned i = 0; i < plan_.devices; ++i) {
    auto device = std::make_unique<Device>();
    device->index = i;
    device->user = i < plan_.users ? i : static_cast<unsigned>(shape.below(plan_.users));
    device->config.channel = channel_;
    device->config.self = user_id(device->user);
    device->config.seed = shape.next();
    put_be64(device->config.replica.octets.data(), device->config.seed);
    device->net = stream(plan_.seed, "network", i);
    device->chip = stream(plan_.seed, "disk", 1 + i);
    device->lying = stream(plan_.seed, "lying", i);
    if (plan_.faults.has(Fault::clock)) {
      device->clock.ppm = between(shape, -500, 500);
      device->clock.wall_off_ms =
          between(shape, -plan_.wall_off_max_ms / 2, plan_.wall_off_max_ms / 2);
    }
    devices_.push_back(std::move(device));
  }
  const auto mark = [&](Fault fault, unsigned user, bool Device::* flag) {
    if (!plan_.faults.has(fault)) return;
    for (auto& d : devices_) {
      if (d->user == user) (*d).*flag = true;
    }
  };
  mark(Fault::forger, 1, &Device::forger);
  mark(Fault::colluders, 1, &Device::forger);
  mark(Fault::colluders, 2, &Device::forger);
  mark(Fault::liar, plan_.users - 1, &Device::liar);

  ChannelsConfig config;
  config.lobby = false;
  config.stamp_key.octets.fill(static_cast<std::uint8_t>(plan_.seed | 1));
  ghost_ = std::make_unique<Ghost>(devices_, kept_, channel_, counters_);
  server_ =
      std::make_unique<Server>(config, static_cast<ServerWorld&>(*this), kept_, *ghost_, counters_);
  if (plan_.faults.has(Fault::clock)) {
    server_->clock.wall_off_ms =
        between(shape, -plan_.wall_off_max_ms / 2, plan_.wall_off_max_ms / 2);
  }
  ChannelSnapshot channel;
  channel.channel = {.id = channel_,
                     .name = "ops",
                     .folded = "ops",
                     .keeper = plan_.keeper,
                     .history = plan_.since_join ? History::since_join : History::all,
                     .creator = user_id(0),
                     .epoch = 1};
  // Where history begins with one's joining, some of all but three came in these ten days, or now.
  Rng joins = stream(plan_.seed, "joins");
  const auto joined = [&](unsigned user) -> UnixMs {
    if (!plan_.since_join || user < 3 || chance(joins, 0.4)) return {};
    return {NodeClock::kWallStart - (chance(joins, 0.3) ? 0 : joins.below(kOldestMs))};
  };
  for (unsigned user = 0; user < plan_.users; ++user) {
    Account account;
    account.id = user_id(user);
    server_->disk.accounts.push_back(account);
    if (user + plan_.outsiders < plan_.users) {
      channel.members.push_back(
          {user_id(user), user == 0 ? Role::owner : Role::none, joined(user)});
    }
  }
  server_->disk.channels.push_back(channel);
  stamp_key_ = {.id = 7, .key = config.stamp_key};
  server_->disk.stamp_keys.push_back(stamp_key_);
  ghost_->begins(server_->disk);
  preload();
  if (plan_.keeper == Keeper::server) counters_.hit(Sometimes::kept_by_server);
  if (plan_.wire) counters_.hit(Sometimes::through_wire);
  if (plan_.since_join) counters_.hit(Sometimes::since_join);
}

void World::preload() {
  Rng rng = stream(plan_.seed, "preload");
  for (unsigned i = 0; i < plan_.preloaded; ++i) {
    std::array<std::uint8_t, 10> random;
    rng.fill(random);
    StoredRecord r;
    // Up to ten days old.
    r.id = MsgId::make({NodeClock::kWallStart - 3'600'000 - rng.below(kOldestMs)}, random);
    r.from = user_id(static_cast<unsigned>(rng.below(plan_.users)));
    const std::string body = "old " + std::to_string(i);
    append(r.msg, as_bytes(body));
    r.digest = record_digest(channel_, r.id, r.from, r.msg);
    const Stamp stamp = make_stamp(stamp_key_, channel_, r.id, r.from, r.msg);
    r.stamp.assign(stamp.begin(), stamp.end());
    const UserId acks[] = {user_id(0), user_id(1)};
    r.acks = Acks::of(acks, 2);
    ghost_->preload(r);
    const std::size_t sure = rng.below(devices_.size());
    for (auto& d : devices_) {
      const bool missed = d->index != sure && chance(rng, plan_.holes);
      // Who is no member yet was one once, so he may have what he will not see any more.
      const bool sees = ghost_->sees_from(d->user) <= r.id || r.from == d->config.self;
      const bool has = !missed && sees;
      if (plan_.crowded && d->index == 0) {
        d->disk.apply(rop::PutPending{{r, false}});
      } else if (has) {
        d->disk.apply(rop::PutCommitted{r});
      }
    }
    if (plan_.keeper != Keeper::server) continue;
    kept_.put({channel_, r.id, r.digest, r.from, r.msg, r.stamp, r.acks.list, r.acks.n, {}});
  }
  for (auto& d : devices_) {
    for (const LeafSummary& leaf : build_leaves(d->disk)) d->disk.apply(rop::PutLeaf{leaf});
  }
}

std::vector<std::string> World::names() const {
  std::vector<std::string> names;
  for (const auto& d : devices_) {
    const auto same = std::ranges::count_if(
        devices_, [&](const auto& o) { return o->user == d->user && o->index < d->index; });
    names.push_back(std::string(d->config.self.str()) +
                    (same > 0 ? ", device " + std::to_string(same + 1) : ""));
  }
  return names;
}

// ---- time --------------------------------------------------------------------------------------

void World::at(std::int64_t us, Kind kind, std::uint64_t who, std::uint64_t life) {
  heap_.push({std::max(us, now_), ++seq_, kind, who, life});
}

Outcome World::run() {
  server_->start(now_);
  write(Diary::kServer, Diary::What::up);
  arm_server();
  for (auto& d : devices_) {
    ordinals_[Incident::kDevice] = d->index;
    d->dead = !happens(Incident::kDevice);
    if (d->dead) continue;
    start(*d);
    at(between(d->net, 0, 2 * kSecond), Kind::connect, d->index, d->life);
  }
  at(kSecond, Kind::message, 0);
  for (std::size_t i = 0; i < kFaults; ++i) {
    if (plan_.faults.has(static_cast<Fault>(i))) {
      at(3 * kSecond + waiting(fault_rng_[i], plan_.between_us[i]), Kind::fault, i);
    }
  }
  while (!done_ && !ghost_->failure()) {
    MOOT_CHECK(!heap_.empty());
    const Event event = heap_.top();
    heap_.pop();
    at_once_ = event.at > now_ ? 0 : at_once_ + 1;
    if (at_once_ > kAtOnceMax) ghost_->fail("L5", "events without end at one moment");
    now_ = event.at;
    ++out_.events;
    const std::uint64_t mixed = static_cast<std::uint64_t>(event.at) * 0x9e3779b97f4a7c15 ^
                                static_cast<std::uint64_t>(event.kind) << 56 ^ event.who << 32;
    out_.hash = (out_.hash ^ mixed) * 0x100000001b3;
    handle(event);
    const bool time =
        options_.heal_at_us < 0 ? out_.events >= options_.events_min : now_ >= options_.heal_at_us;
    if (!healed_ && time) heal();
  }
  out_.failure = ghost_->failure();
  if (out_.failure) {
    write(Diary::kServer, Diary::What::failed, out_.failure->invariant + ": " + out_.failure->what);
  }
  out_.commits = ghost_->commits();
  out_.simulated_ms = now_ / kMs;
  out_.ended_at_us = now_;
  return out_;
}

void World::handle(const Event& event) {
  if (event.kind == Kind::timer || event.kind == Kind::disk || event.kind == Kind::connect ||
      event.kind == Kind::restart) {
    Device& d = *devices_.at(event.who);
    if (event.life != d.life || d.dead) return;
    if (now_ < d.hung_until) return at(d.hung_until, event.kind, event.who, event.life);
    if (event.kind == Kind::connect) return connect(d);
    if (event.kind == Kind::restart) {
      start(d);
      return connect(d);
    }
    if (event.kind == Kind::disk) return disk_done(d);
    // A timer; an earlier one may have taken its place.
    if (d.timer_at < 0 || d.timer_at > now_) return;
    d.timer_at = -1;
    const auto due = d.replica->next_deadline();
    if (due && *due <= d.clock.at(now_).tick) {
      trace([&] { return "device " + std::to_string(d.index) + " timer"; });
      step(d, [&](ReplicaEffects& fx) { d.replica->tick(d.clock.at(now_), fx); });
    }
    return arm(d);
  }
  switch (event.kind) {
    case Kind::up:
      return deliver_up(event.who);
    case Kind::down:
      return deliver_down(event.who);
    case Kind::open:
      return open(event.who);
    case Kind::server_timer:
      if (server_timer_at_ < 0 || server_timer_at_ > now_ || !server_->running()) return;
      server_timer_at_ = -1;
      if (const auto due = server_->next_deadline(); due && *due <= server_->clock.at(now_).tick) {
        trace([] { return std::string("server timer"); });
        server_->tick(now_);
        after_server_step();
      }
      return arm_server();
    case Kind::server_disk:
      if (event.life != server_->life || !server_->running()) return;
      server_disk_busy_ = false;
      trace([] { return std::string("server disk"); });
      server_->synced(now_);
      return after_server_step();
    case Kind::server_restart:
      trace([] { return std::string("server starts"); });
      server_timer_at_ = -1;
      server_disk_busy_ = false;
      server_->start(now_);
      write(Diary::kServer, Diary::What::up, "starts");
      counters_.hit(Sometimes::server_restarted);
      return arm_server();
    case Kind::fault: {
      if (healed_) return;
      Rng& rng = fault_rng_[event.who];
      if (happens(static_cast<std::uint8_t>(event.who))) inject(static_cast<Fault>(event.who));
      return at(now_ + waiting(rng, plan_.between_us[event.who]), Kind::fault, event.who);
    }
    case Kind::message:
      if (healed_) return;
      say();
      return at(now_ + waiting(talk_, plan_.message_us), Kind::message, 0);
    case Kind::check:
      return check_end();
    default:
      MOOT_CHECK(!"a kind of event");
  }
}

// ---- people ------------------------------------------------------------------------------------

bool World::member(unsigned user) const {
  for (const ChannelSnapshot& c : server_->disk.channels) {
    for (const ChannelMember& m : c.members) {
      if (m.user == user_id(user)) return true;
    }
  }
  return false;
}

// Each incident comes at its time, whichever others there are.
bool World::happens(std::uint8_t kind) {
  const Incident next{kind, kind == Incident::kDevice ? ordinals_[kind] : ++ordinals_[kind]};
  if (options_.only && !options_.only->contains(next)) return false;
  out_.incidents.emplace_back(now_, next);
  return true;
}

void World::say() {
  for (std::uint64_t burst = talk_.below(50) == 0 ? 20 : 1; burst > 0; --burst) {
    if (!happens(Incident::kSay)) continue;
    Rng rng = details(Incident::kSay);
    Device& d = *devices_[rng.below(devices_.size())];
    std::string body = "m" + std::to_string(ordinals_[Incident::kSay]) + " ";
    const bool large = plan_.large && rng.below(20) == 0;
    body.resize(body.size() + (large ? 16'000 : rng.below(64)), 'x');
    if (!d.running() || now_ < d.hung_until || !d.replica->can_send()) {
      out_.incidents.pop_back();
      continue;
    }
    step(d, [&](ReplicaEffects& fx) {
      const auto key = d.replica->compose(d.clock.at(now_), as_bytes(body), fx);
      if (key && options_.diary) {
        const std::string name = body.substr(0, body.find(' '));
        options_.diary->call(key->id, name);
        write(d.index, Diary::What::note, "writes " + name);
      }
      trace([&] {
        return "device " + std::to_string(d.index) + " says " + (key ? text(key->id) : "nothing");
      });
    });
  }
}

// ---- devices -----------------------------------------------------------------------------------

void World::step(Device& device, const Step& what) {
  Hands fx(*this, device);
  what(fx);
  ghost_->stepped(device);
  if (options_.diary && device.led != device.replica->leading()) {
    device.led = !device.led;
    write(device.index, device.led ? Diary::What::leads : Diary::What::led);
  }
  if (seq_ % 61 == 0) {
    ghost_->looked_through(device);
    if (device.replica->pending().size() < 100) device.replica->check_invariants();
  }
  arm(device);
}

void World::arm(Device& device) {
  const auto due = device.replica->next_deadline();
  if (!due) return;
  const std::int64_t us = device.clock.when(*due, now_);
  if (device.timer_at >= 0 && device.timer_at <= us) return;
  device.timer_at = us;
  at(us, Kind::timer, device.index, device.life);
}

void World::arm_server() {
  const auto due = server_->next_deadline();
  if (!due) return;
  const std::int64_t us = server_->clock.when(*due, now_);
  if (server_timer_at_ >= 0 && server_timer_at_ <= us) return;
  server_timer_at_ = us;
  at(us, Kind::server_timer, 0);
}

void World::after_server_step() {
  if (seq_ % 31 == 0 && server_->running()) server_->channels().check_invariants();
  arm_server();
}

void World::start(Device& device) {
  MOOT_CHECK(!device.running());
  ++device.life;
  device.timer_at = -1;
  device.disk_at = -1;
  device.hung_until = 0;
  device.records_before = 0;
  device.shown.clear();
  write(device.index, Diary::What::up);
  device.replica = std::make_unique<Replica>(device.config, device.disk, device.disk.load());
  Fingerprint whole;
  for (const auto& [key, record] : device.disk.committed()) whole.add(key.digest);
  device.records = whole;
  if (device.replica->history().below(std::nullopt) != whole) {
    ghost_->fail("S6", "the index of device " + std::to_string(device.index) +
                           " is not that of its records");
  }
}

void World::stop(Device& device, std::size_t kept_batches) {
  trace([&] { return "device " + std::to_string(device.index) + " stops"; });
  for (std::size_t i = 0; i < kept_batches && i < device.unsynced.size(); ++i) {
    device.disk.apply(device.unsynced[i].ops);
  }
  device.unsynced.clear();
  device.replica.reset();
  if (device.led) write(device.index, Diary::What::led);
  device.led = false;
  write(device.index, Diary::What::down);
  ++device.life;
  device.hung_until = 0;
  if (device.link != 0) {
    Link& l = link(device.link);
    l.client_open = false;
    push(device.link, l.up, Kind::up, {0, {}, Pipe<Up>::Mark::closed});
    l.up.cut = true;
    device.link = 0;
  }
  device.connecting = false;
  device.proposed.clear();
}

void World::device_persists(Device& device, std::span<const rop::Any> ops, Ticket ticket,
                            bool urgent) {
  device.unsynced.push_back({{ops.begin(), ops.end()}, ticket});
  const std::int64_t slow =
      now_ < device.disk_slow_until ? between(device.chip, 1, 4) * kSecond : 0;
  const std::int64_t wait = urgent ? between(device.chip, 0, 5 * kMs) : kSecond;
  const std::int64_t done = now_ + wait + log_normal(device.chip, plan_.disk_us, 0.5) + slow;
  if (device.disk_at >= now_ && device.disk_at <= done) return;
  device.disk_at = done;
  at(done, Kind::disk, device.index, device.life);
}

void World::disk_done(Device& device) {
  if (device.unsynced.empty() || device.disk_at > now_) return;
  device.disk_at = -1;
  const Ticket upto = device.unsynced.back().ticket;
  for (const auto& batch : device.unsynced) device.disk.apply(batch.ops);
  device.unsynced.clear();
  trace([&] { return "device " + std::to_string(device.index) + " disk"; });
  step(device,
       [&](ReplicaEffects& fx) { device.replica->durable(device.clock.at(now_), upto, fx); });
}

void World::device_sends(Device& device, const c::Any& cmd) {
  if (const auto* ack = std::get_if<c::AckChMsg>(&cmd))
    device.acknowledged = {ack->id, ack->digest};
  if (lies(device)) return lie(device, cmd);
  ghost_->sends(now_, device, cmd);
  if (const auto* pull = std::get_if<c::ChPull>(&cmd)) {
    device.rounds = pull->ranges ? device.rounds + 1 : 0;
    if (device.rounds == 3) counters_.hit(Sometimes::pull_in_rounds);
  } else if (const auto* vote = std::get_if<c::ChVote>(&cmd)) {
    if (vote->user == device.config.self) counters_.hit(Sometimes::vote_against);
  } else if (const auto* msg = std::get_if<c::ChMsg>(&cmd)) {
    if (msg->from && device.replica->leading()) counters_.hit(Sometimes::merge_proposed_again);
  } else if (const auto* page = std::get_if<c::ChAppend>(&cmd)) {
    if (page->more) counters_.hit(Sometimes::page_full);
    if (!page->upto && page->messages.empty() && !page->ranges) {
      counters_.hit(Sometimes::empty_page_to_the_end);
    }
  }
  send_up(device, cmd);
}

void World::sync_server_disk() {
  if (server_disk_busy_) return;
  server_disk_busy_ = true;
  server_->sync_begins();
  const std::int64_t slow =
      now_ < server_disk_slow_until_ ? between(server_chip_, 1, 4) * kSecond : 0;
  at(now_ + log_normal(server_chip_, plan_.server_disk_us, 0.5) + slow, Kind::server_disk, 0,
     server_->life);
}

}  // namespace moot::sim
