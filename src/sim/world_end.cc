// Faults stop: from then on everything must come to rest, equal everywhere (replication.md 2.7,
// L1 to L5).
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "channel/record.h"
#include "sim/world.h"

namespace moot::sim {
namespace {
constexpr std::int64_t kSecond = 1'000'000;
// Nothing may wait for the comparison that comes every 8 to 12 minutes without a cause, unless
// somebody lied: what a lying leader left out is found by that one at the latest.
constexpr std::int64_t kRestWithin = 420 * kSecond;
constexpr std::int64_t kRestWithinAfterLies = 2'400 * kSecond;
constexpr std::int64_t kRestLasts = 60 * kSecond;
// Retries of one message and their refusals while the rest lasts.
constexpr std::uint64_t kFramesInVain = 40;
}  // namespace

void World::heal() {
  healed_ = true;
  healed_at_ = now_;
  out_.healed_at_us = now_;
  trace([] { return std::string("all faults stop"); });
  write(Diary::kServer, Diary::What::note, "all faults stop");
  server_disk_slow_until_ = 0;
  // Who is told that his clock is too far off sets it.
  if (plan_.wire) {
    for (auto& d : devices_) d->clock.wall_off_ms = server_->clock.wall_off_ms;
  }
  if (plan_.some_stay_dead > 0) {
    unsigned alive = 0;
    for (unsigned user = 0; user < plan_.users; ++user) alive += member(user) ? 1 : 0;
    for (unsigned user = 1; user < plan_.users && alive > 4; ++user) {
      if (!member(user) || !chance(end_, plan_.some_stay_dead)) continue;
      --alive;
      counters_.hit(Sometimes::died_for_good);
      for (auto& d : devices_) {
        if (d->user != user) continue;
        if (d->running()) stop(*d, d->unsynced.size());
        d->dead = true;
      }
    }
  }
  std::map<RecordKey, std::set<unsigned>> all;
  // Sent once under a wrong clock, fate unknown: its id stays, and waits for its time (hole 7).
  const auto waits_for_clock = [&](const RecordKey& key) {
    const auto ahead = static_cast<std::int64_t>(key.id.time().ms) -
                       static_cast<std::int64_t>(server_->clock.at(now_).wall.ms);
    wait_for_clock_us_ = std::max(wait_for_clock_us_, ahead * 1'000);
  };
  for (auto& d : devices_) {
    d->hung_until = std::min(d->hung_until, now_);
    d->disk_slow_until = 0;
    d->proposals = 0;
    if (!d->dead && !member(d->user)) {
      d->in_doubt_outside = d->running() ? d->replica->pending().size() : d->disk.pending().size();
    }
    if (d->dead || !member(d->user)) continue;
    for (const auto& [key, record] : d->disk.committed()) all[key].insert(d->user);
    for (const auto& [key, row] : d->disk.pending()) {
      all[key].insert(d->user);
      waits_for_clock(key);
    }
    if (d->running()) {
      // What was said in this very moment is on no disk yet.
      for (const auto& [key, entry] : d->replica->pending().all()) waits_for_clock(key);
    }
    work_at_heal_ += d->disk.pending().size();
    // What others merged into it, which no disk of a member need hold: they may have left since.
    if (d->running()) work_at_heal_ += d->replica->claims();
  }
  for (auto& d : devices_) {
    if (d->dead || !member(d->user)) continue;
    work_at_heal_ += all.size() - std::min(all.size(), d->disk.committed().size());
  }
  to_survive_ = std::move(all);
  for (auto& l : links_) {
    if (l == nullptr) continue;
    l->up.stalled_until = 0;
    l->down.stalled_until = 0;
    l->up.slow_until = 0;
    l->down.slow_until = 0;
  }
  at(now_ + kSecond, Kind::check, 0);
}

// What fewer than three may see cannot be proposed; what they hold of it stays with them.
MsgId World::shared_by_three() const {
  std::vector<MsgId> from;
  for (unsigned user = 0; user < plan_.users; ++user) {
    if (member(user) && !devices_[user]->dead) from.push_back(ghost_->sees_from(user));
  }
  std::ranges::sort(from);
  return from.empty() ? MsgId{} : from[std::min<std::size_t>(from.size() - 1, 2)];
}

std::size_t World::in_vain() const {
  if (plan_.keeper == Keeper::server) return 0;
  const MsgId proposable = shared_by_three();
  std::size_t n = 0;
  for (const auto& d : devices_) {
    if (d->dead || !member(d->user) || !d->running()) continue;
    n += static_cast<std::size_t>(
        std::ranges::count_if(d->replica->pending().all(),
                              [&](const auto& entry) { return entry.first.id < proposable; }));
  }
  return n;
}

// He may see it, and so may the leader, whom he asks for it; what the leader may not see waits for
// another one (protocol.md 6.3).
MsgId World::shared_from(unsigned user) const {
  const MsgId own = ghost_->sees_from(user);
  if (plan_.keeper == Keeper::server) return own;
  MsgId from = std::max(own, shared_by_three());
  for (const auto& d : devices_) {
    if (d->running() && d->replica->leading()) from = std::max(from, ghost_->sees_from(d->user));
  }
  return from;
}

Fingerprint World::others(const MsgId& from) const {
  Fingerprint set;
  if (plan_.keeper == Keeper::server) {
    for (const auto& [key, record] : kept_.all(channel_)) {
      if (from <= key.id) set.add(key.digest);
    }
    return set;
  }
  const Device* leader = nullptr;
  for (const auto& d : devices_) {
    if (d->dead || !member(d->user) || !d->running()) continue;
    if (leader == nullptr || d->replica->leading()) leader = d.get();
  }
  return leader->replica->history().between(from_id(from), std::nullopt);
}

std::string World::unequal() {
  if (!server_->running()) return "L1: the server is down";
  const auto report = server_->channels().report(channel_);
  if (!report) return "L1: the channel is gone";
  if (report->leader.empty()) {
    return "L1: nobody leads, " + std::to_string(report->online.size()) + " online";
  }
  const MsgId proposable = plan_.keeper == Keeper::server ? MsgId{} : shared_by_three();
  std::optional<std::pair<MsgId, Fingerprint>> first;
  for (auto& d : devices_) {
    if (d->dead || !member(d->user)) continue;
    const std::string who = "device " + std::to_string(d->index);
    if (!d->running() || d->link == 0) return "L1: " + who + " is not connected";
    if (!d->replica->can_send()) return "L2: " + who + " cannot send";
    const auto doubts = std::ranges::count_if(d->replica->pending().all(), [&](const auto& entry) {
      return proposable <= entry.first.id;
    });
    if (doubts > 0) return "L3: " + who + " has " + std::to_string(doubts) + " in doubt";
    if (!d->replica->synced()) return "L4: " + who + " is not synced";
    // What a member merged who left since is nobody's but the leader's, who proposes it in time.
    if (d->replica->claims() > 0) {
      return "L5: " + who + " decides on " + std::to_string(d->replica->claims());
    }
    const MsgId from = shared_from(d->user);
    const Fingerprint own = d->replica->history().between(from_id(from), std::nullopt);
    if (!first || first->first != from) first = {from, others(from)};
    if (own != first->second) {
      return "L4: " + who + " holds " + std::to_string(own.count()) + ", others " +
             std::to_string(first->second.count());
    }
  }
  const auto in_flight =
      std::ranges::count_if(server_->channels().in_flight(channel_),
                            [&](const RecordKey& key) { return proposable <= key.id; });
  if (in_flight > 0) return "L5: " + std::to_string(in_flight) + " in flight";
  return {};
}

// Of a process that is no more they come as well, as long as they wait in the network.
std::size_t World::under_way() const {
  std::size_t commands = 0;
  const auto count = [&](const auto& pipe) {
    commands += static_cast<std::size_t>(
        std::ranges::count_if(pipe.packets, [](const auto& packet) { return !!packet.cmd; }));
  };
  for (const auto& l : links_) {
    if (l == nullptr) continue;
    if (l->server_open) count(l->up);
    const Device& d = *devices_[l->device];
    if (d.life == l->device_life && !d.dead) count(l->down);
  }
  return commands;
}

void World::check_end() {
  at(now_ + kSecond, Kind::check, 0);
  std::string why = unequal();
  // Rest begins when nothing is on its way any more; what moves from then on is counted.
  if (why.empty() && equal_since_ < 0) {
    if (const std::size_t n = under_way(); n > 0) why = "L5: " + std::to_string(n) + " under way";
  }
  if (!why.empty()) {
    equal_since_ = -1;
    const bool lies = plan_.faults.has(Fault::liar) || plan_.faults.has(Fault::forger) ||
                      plan_.faults.has(Fault::colluders);
    const std::int64_t limit =
        (lies ? kRestWithinAfterLies : kRestWithin) + wait_for_clock_us_ +
        static_cast<std::int64_t>(work_at_heal_) * kSecond / 4;  // 20 proposals a second at most
    if (now_ - healed_at_ > limit) ghost_->fail(why.substr(0, 2), why.substr(4));
    // Two left at once, and those who stay are too few: one comes back.
    unsigned alive = 0;
    for (unsigned user = 0; user < plan_.users; ++user) {
      alive += member(user) && !devices_[user]->dead ? 1 : 0;
    }
    if (alive < 3) change_roster(end_);
    return;
  }
  if (equal_since_ < 0) {
    equal_since_ = now_;
    quiet_frames_ = frames_;
    return;
  }
  if (now_ - equal_since_ < kRestLasts) return;
  done_ = true;
  for (const auto& d : devices_) {
    if (d->running()) ghost_->ordered(*d);
  }
  // Comparisons without a cause are all that goes on, and what too few may see is tried in vain.
  if (frames_ - quiet_frames_ > 200 * devices_.size() + kFramesInVain * in_vain()) {
    return ghost_->fail("L5", std::to_string(frames_ - quiet_frames_) + " frames at rest");
  }
  std::uint64_t proposals = 0;
  std::uint64_t work = work_at_heal_;
  for (const auto& d : devices_) {
    proposals += d->proposals;
    if (d->proposals > 0) work += d->in_doubt_outside;
  }
  if (proposals > 200 + 20 * work) {
    return ghost_->fail("L5", std::to_string(proposals) + " proposals for " + std::to_string(work) +
                                  " differences");
  }
  for (const auto& [survivor, holders] : to_survive_) {
    // Who left afterwards, by a command that was on its way, took with him what he alone had; who
    // came back since does not compare what is older.
    const auto can_tell = [&](unsigned user) {
      return member(user) && ghost_->sees_from(user) <= survivor.id;
    };
    if (std::ranges::none_of(holders, can_tell)) continue;
    for (auto& d : devices_) {
      if (d->dead || !member(d->user) || kept_by(*d, survivor)) continue;
      if (survivor.id < shared_from(d->user)) continue;
      return ghost_->fail(ghost_->committed(survivor) ? "L4" : "L2",
                          "device " + std::to_string(d->index) + " lacks " + text(survivor.id));
    }
  }
}

// Under the id it had, or under one of those its author gave it since: a backup may bring the first
// back while the others are gone with the disk.
bool World::kept_by(const Device& device, RecordKey key) const {
  while (true) {
    if (ghost_->given_up(key) || device.replica->history().contains(key)) return true;
    const auto next = ghost_->renamed().find(key);
    if (next == ghost_->renamed().end()) return false;
    key = next->second;
  }
}

}  // namespace moot::sim
