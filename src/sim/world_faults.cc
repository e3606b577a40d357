// What goes wrong, and who lies.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "channel/record.h"
#include "sim/world.h"

namespace moot::sim {
namespace {
constexpr std::int64_t kMs = 1'000;
constexpr std::int64_t kSecond = 1'000'000;
}  // namespace

Device* World::any_device(Rng& rng, bool running) {
  Device& d = *devices_[rng.below(devices_.size())];
  return d.running() == running && !d.dead ? &d : nullptr;
}

void World::restart_later(Device& device, Rng& rng) {
  at(now_ + log_between(rng, 50 * kMs, 30 * kSecond), Kind::restart, device.index, device.life);
}

void World::inject(Fault fault) {
  switch (strike(fault)) {
    case Struck::nothing:
      return out_.incidents.pop_back();
    case Struck::later:
      return;
    case Struck::now:
      ++out_.injected[static_cast<std::size_t>(fault)];
  }
}

World::Struck World::strike(Fault fault) {
  Rng rng = details(static_cast<std::uint8_t>(fault));
  const auto struck = [](bool something) { return something ? Struck::now : Struck::nothing; };
  Device* d = any_device(rng, true);
  if (fault == Fault::hung_leader) {
    d = nullptr;
    for (auto& each : devices_) {
      if (each->running() && each->replica->leading()) d = each.get();
    }
  }
  const bool needs_device = fault != Fault::server_crash && fault != Fault::roster;
  if (needs_device && d == nullptr) return Struck::nothing;
  const bool needs_link = fault == Fault::cut || fault == Fault::half_open ||
                          fault == Fault::stall || fault == Fault::delay ||
                          fault == Fault::slow_link || fault == Fault::forger ||
                          fault == Fault::colluders;
  if (needs_link && (d->link == 0 || link(d->link).up.cut || link(d->link).down.cut)) {
    return Struck::nothing;
  }
  trace([&] {
    return "fault " + std::string(kFaultNames[static_cast<std::size_t>(fault)]) +
           (d ? " device " + std::to_string(d->index) : "");
  });
  const bool at_server = fault == Fault::server_crash || fault == Fault::clock;
  const bool told = fault != Fault::roster && fault != Fault::restore && fault != Fault::liar &&
                    !(fault == Fault::forger && !d->forger) &&
                    !(fault == Fault::colluders && !d->forger);
  if (told) {
    write(at_server || d == nullptr ? Diary::kServer : d->index, Diary::What::fault,
          std::string(kFaultNames[static_cast<std::size_t>(fault)]));
  }
  switch (fault) {
    case Fault::cut: {
      Link& l = link(d->link);
      if (chance(rng, 0.5)) l.up.packets.clear();
      if (chance(rng, 0.5)) l.down.packets.clear();
      cut(d->link, 0, 0);
      return Struck::now;
    }
    case Fault::half_open: {
      Link& l = link(d->link);
      l.up.packets.clear();
      l.down.packets.clear();
      const std::int64_t late = log_between(rng, kSecond, 190 * kSecond);
      const bool server_late = chance(rng, 0.5);
      cut(d->link, server_late ? 0 : late, server_late ? late : 0);
      return Struck::now;
    }
    case Fault::stall: {
      const std::int64_t until = now_ + log_between(rng, 10 * kMs, 60 * kSecond);
      const bool up = chance(rng, 0.7);
      const bool down = chance(rng, 0.7);
      if (up) link(d->link).up.stalled_until = until;
      if (down) link(d->link).down.stalled_until = until;
      return struck(up || down);
    }
    case Fault::delay:
    case Fault::slow_link:
      return struck(slow_down(link(d->link), fault, rng));
    case Fault::crash:
      stop(*d, d->unsynced.size());
      restart_later(*d, rng);
      return Struck::now;
    case Fault::power_cut: {
      const std::size_t kept = rng.below(d->unsynced.size() + 1);
      if (kept < d->unsynced.size()) counters_.hit(Sometimes::lost_tail);
      for (std::size_t i = kept; i < d->unsynced.size(); ++i) {
        for (const rop::Any& op : d->unsynced[i].ops) {
          if (std::holds_alternative<rop::PutCommitted>(op)) {
            counters_.hit(Sometimes::lost_commit_mark);
          }
        }
      }
      stop(*d, kept);
      restart_later(*d, rng);
      return Struck::now;
    }
    case Fault::server_crash: {
      if (!server_->running()) return Struck::nothing;
      const std::size_t kept =
          chance(rng, 0.5) ? server_->unsynced() : rng.below(server_->unsynced() + 1);
      if (kept < server_->unsynced()) counters_.hit(Sometimes::server_lost_tail);
      server_->stop(kept);
      write(Diary::kServer, Diary::What::down);
      for (std::uint64_t conn = 1; conn < links_.size(); ++conn) {
        Link& l = link(conn);
        if (!l.server_open) continue;  // closed, or a call that the next server answers
        l.up.packets.clear();
        l.up.cut = true;
        l.server_open = false;
        const std::int64_t late = rng.below(8) == 0 ? between(rng, 1, 60) * kSecond : 0;
        push(conn, l.down, Kind::down, {0, {}, Pipe<Down>::Mark::closed}, late);
        l.down.cut = true;
      }
      at(now_ + log_between(rng, 50 * kMs, 20 * kSecond), Kind::server_restart, 0);
      return Struck::now;
    }
    case Fault::wipe:
      stop(*d, 0);
      d->lose({});
      d->backup = {};
      d->config.seed = rng.next();
      put_be64(d->config.replica.octets.data(), d->config.seed);
      counters_.hit(Sometimes::disk_wiped);
      restart_later(*d, rng);
      return Struck::now;
    case Fault::restore:
      if (chance(rng, 0.5) || d->backup.committed().empty()) {
        d->backup = d->disk;
        return Struck::later;
      }
      stop(*d, 0);
      d->lose(d->backup);
      counters_.hit(Sometimes::backup_restored);
      write(d->index, Diary::What::fault, "backup restored");
      restart_later(*d, rng);
      return Struck::now;
    case Fault::clock:
      return struck(jump_clock(rng));
    case Fault::hang:
    case Fault::hung_leader:
      d->hung_until = now_ + log_between(rng, 100 * kMs, 60 * kSecond);
      return Struck::now;
    case Fault::roster:
      return struck(change_roster(rng));
    case Fault::forger:
    case Fault::colluders:
      if (!d->forger) return Struck::nothing;
      return struck(forge(*d, rng));
    case Fault::liar:
      return Struck::nothing;  // lies whenever the replica sends, and is counted then
    case Fault::slow_disk: {
      const std::int64_t until = now_ + log_between(rng, kSecond, 30 * kSecond);
      (chance(rng, 0.3) ? server_disk_slow_until_ : d->disk_slow_until) = until;
      return Struck::now;
    }
  }
  MOOT_CHECK(!"a fault");
}

bool World::slow_down(Link& l, Fault fault, Rng& rng) {
  const std::int64_t until = now_ + log_between(rng, kSecond, 60 * kSecond);
  const std::int64_t more = log_between(rng, 20 * kMs, 2 * kSecond);
  const auto slow = [&](auto& pipe) {
    pipe.slow_until = until;
    pipe.longer_us = fault == Fault::delay ? more : 0;
    pipe.apart_us = fault == Fault::slow_link ? more : 0;
  };
  const bool up = chance(rng, 0.7);
  const bool down = chance(rng, 0.7);
  if (up) slow(l.up);
  if (down) slow(l.down);
  return up || down;
}

bool World::jump_clock(Rng& rng) {
  const std::int64_t by = log_between(rng, 100, 3'600'000) * (chance(rng, 0.5) ? 1 : -1);
  NodeClock& clock =
      chance(rng, 0.4) ? server_->clock : devices_[rng.below(devices_.size())]->clock;
  const std::int64_t before = clock.wall_off_ms;
  clock.wall_off_ms =
      std::clamp<std::int64_t>(before + by, -plan_.wall_off_max_ms, plan_.wall_off_max_ms);
  return clock.wall_off_ms != before;
}

// The owner, user 0, stays; so do three members at least.
bool World::change_roster(Rng& rng) {
  if (plan_.users < 4 || !server_->running()) return false;
  const unsigned user = 1 + static_cast<unsigned>(rng.below(plan_.users - 1));
  const bool kick = chance(rng, 0.4);
  Device* owner = devices_[0].get();
  Device* own = nullptr;
  for (auto& each : devices_) {
    if (each->user == user && each->link != 0) own = each.get();
  }
  if (member(user)) {
    const auto report = server_->channels().report(channel_);
    if (healed_ || !report || report->members.size() < 4) return false;
    if (kick && owner->link != 0) {
      counters_.hit(Sometimes::kicked);
      send_up(*owner, c::ChKick{channel_, user_id(user)});
    } else if (own != nullptr) {
      counters_.hit(Sometimes::left);
      send_up(*own, c::ChLeave{channel_});
    } else {
      return false;
    }
  } else if (own != nullptr) {
    if (owner->link != 0) send_up(*owner, c::ChInvite{channel_, user_id(user)});
    counters_.hit(Sometimes::joined);
    send_up(*own, c::ChJoin{channel_});
  } else {
    return false;
  }
  return true;
}

// ---- forgers and liars -------------------------------------------------------------------------

bool World::forge(Device& device, Rng& rng) {
  const auto any_user = [&] { return user_id(static_cast<unsigned>(rng.below(plan_.users))); };
  std::array<std::uint8_t, 10> random;
  rng.fill(random);
  const UserId victim = any_user();
  const std::string body = "never said " + std::to_string(rng.below(1'000'000));
  MergeRecord record;
  record.id = MsgId::make(device.clock.at(now_).wall, random);
  record.from = victim;
  record.msg = as_bytes(body);
  record.timestamp = record.id.time().ms;
  const std::vector<UserId> acks{user_id(1), user_id(2 % plan_.users), victim};
  record.acks = acks;
  record.acks_n = acks.size();
  // The key's name is no secret, and genuine stamps can be copied.
  std::array<std::uint8_t, kStampBytes> stamp{};
  put_be32(stamp.data(), stamp_key_.id);
  rng.fill(std::span(stamp).subspan(4));
  record.stamp = Bytes(stamp);
  std::optional<StoredRecord> genuine;
  if (!device.disk.committed().empty() && chance(rng, 0.5)) {
    genuine = device.disk.committed().rbegin()->second;
    record.stamp = Bytes(genuine->stamp);
    if (record.stamp->empty()) return false;
    if (chance(rng, 0.5)) record.id = genuine->id;
    record.timestamp = record.id.time().ms;
  }
  const Digest digest = record_digest(channel_, record.id, record.from, record.msg);
  switch (rng.below(7)) {
    case 0:
    case 1: {
      counters_.hit(Sometimes::forged_merge);
      const MergeRecord page[] = {record};
      send_up(device, c::ChMerge{page, channel_, 1'000'000 + rng.below(1'000)});
      return true;
    }
    case 2: {  // one id for two texts, at once or with hours between
      c::ChMsg msg;
      msg.id = channel_;
      msg.msg = record.msg;
      if (device.two_faced && chance(rng, 0.6)) {
        counters_.hit(Sometimes::equivocated);
        msg.msg_id = *device.two_faced;
        msg.retry = true;
        send_up(device, msg);
        return true;
      }
      msg.msg_id = MsgId::make(server_->clock.at(now_).wall, random);
      device.two_faced = msg.msg_id;
      send_up(device, msg);
      const std::string other = body + ", nor that";
      msg.msg = as_bytes(other);
      if (chance(rng, 0.5)) send_up(device, msg);
      return true;
    }
    case 3: {
      if (victim == device.config.self) return false;
      c::ChMsg msg;
      msg.id = channel_;
      msg.msg_id = record.id;
      msg.msg = record.msg;
      msg.from = record.from;
      msg.stamp = record.stamp;
      send_up(device, msg);
      return true;
    }
    case 4:
      counters_.hit(Sometimes::false_ack);
      send_up(device, c::AckChMsg{record.id, channel_, digest, {}});
      return true;
    case 5:
      counters_.hit(Sometimes::false_vote);
      send_up(device, c::ChVote{device.replica->election_seen() + rng.below(3), any_user(),
                                channel_, record.id, rng.below(1'000)});
      return true;
    default: {
      c::ChCommit commit;
      commit.id = record.id;
      commit.channel = channel_;
      commit.acks = acks;
      commit.election = device.replica->election_seen();
      commit.digest = digest;
      send_up(device, commit);
      return true;
    }
  }
}

// A liar's replica works as it should; what it sends does not.
void World::lie(Device& device, const c::Any& cmd) {
  if (chance(device.lying, 0.5)) return send_up(device, cmd);
  const auto lies = [&] { ++out_.injected[static_cast<std::size_t>(Fault::liar)]; };
  if (const auto* page = std::get_if<c::ChAppend>(&cmd)) {
    counters_.hit(Sometimes::forged_page);
    c::ChAppend lied = *page;
    std::vector<AppendRecord> records(page->messages.begin(), page->messages.end());
    const bool omits = !records.empty() && chance(device.lying, 0.5);
    if (omits) {
      records.erase(records.begin() +
                    static_cast<std::ptrdiff_t>(device.lying.below(records.size())));
    }
    std::array<std::uint8_t, 10> random;
    device.lying.fill(random);
    const std::string body = "page of lies " + std::to_string(device.lying.below(1'000'000));
    std::array<std::uint8_t, kStampBytes> stamp{};
    put_be32(stamp.data(), stamp_key_.id);
    AppendRecord forged;
    const bool forges = chance(device.lying, 0.5) && records.size() < 255;
    if (forges) {
      forged.id = page->upto ? *page->upto : MsgId::make(device.clock.at(now_).wall, random);
      forged.from = user_id(0);
      forged.msg = as_bytes(body);
      forged.timestamp = forged.id.time().ms;
      forged.stamp = Bytes(stamp);
      records.push_back(forged);
    }
    lied.messages = records;
    if (omits || forges) lies();
    return send_up(device, lied);
  }
  if (const auto* vote = std::get_if<c::ChVote>(&cmd)) {
    counters_.hit(Sometimes::false_vote);
    lies();
    c::ChVote lied = *vote;
    lied.user = user_id(static_cast<unsigned>(device.lying.below(plan_.users)));
    lied.count += device.lying.below(100);
    return send_up(device, lied);
  }
  if (const auto* lead = std::get_if<c::ChLead>(&cmd)) {
    c::ChLead lied = *lead;
    lied.count += 1'000'000;
    lies();
    return send_up(device, lied);
  }
  if (const auto* commit = std::get_if<c::ChCommit>(&cmd)) {
    if (chance(device.lying, 0.5)) return lies();  // never commits
    if (chance(device.lying, 0.5)) {
      lies();
      c::ChCommit lied = *commit;
      lied.election -= 1;
      return send_up(device, lied);
    }
  }
  send_up(device, cmd);
}

}  // namespace moot::sim
