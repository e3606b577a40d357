#include "channel/desk.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "channel/mutants.h"

namespace moot {
namespace {
// The id that stands `step` further on, as 128-bit numbers; REQUIRES: step > 0. Its time is the
// same but once in 2^16 ids.
MsgId further(MsgId id, std::uint64_t step) {
  const std::uint64_t low = get_be64(id.octets.data() + 8);
  put_be64(id.octets.data() + 8, low + step);
  if (low + step > low) return id;
  const std::uint64_t high = get_be64(id.octets.data());
  put_be64(id.octets.data(), high + 1);
  return id;
}
}  // namespace

Desk::Desk(const ReplicaConfig& settings, const RecordReader& reader, ReplicaSnapshot stored)
    : config(settings),
      history(reader, stored.leaves),
      pending(std::move(stored.pending)),
      rng(settings.seed),
      budget(page_budget(settings.frame_bytes_max)),
      election_seen(stored.election_seen) {
  forget_newest();
}

void Desk::forget_newest() {
  newest_seen = {};
  if (const auto id = history.newest_id()) see(*id);
  for (const auto& [key, entry] : pending.all()) {
    if (!entry.own || !entry.record.stamp.empty() || entry.sent_before) see(key.id);
  }
}

void Desk::begin(Now at, ReplicaEffects& effects) {
  MOOT_CHECK(effects_ == nullptr);
  now = at;
  effects_ = &effects;
}

void Desk::end() {
  for (LeafSummary& leaf : history.take_changed_leaves()) ops_.push_back(rop::PutLeaf{leaf});
  if (!ops_.empty()) {
    last_ = ticket();
    effects_->persist(ops_, last_, urgent_);
    ops_.clear();
    urgent_ = false;
  }
  effects_ = nullptr;
}

void Desk::persist(rop::Any op, bool urgent) {
  ops_.push_back(std::move(op));
  urgent_ = urgent_ || urgent;
}

void Desk::see(const MsgId& id) { newest_seen = std::max(newest_seen, id); }

MsgId Desk::new_id() {
  std::array<std::uint8_t, 10> random;
  rng.fill(random);
  const auto ahead = static_cast<std::uint64_t>(clock_ahead_ms);  // modulo 2^64, as is the sum
  const MsgId by_clock = MsgId::make({now.wall.ms + ahead}, random);
  // One more than the newest would be the same for two members who write at once.
  const MsgId id = std::max(by_clock, further(newest_seen, 1 + (rng.next() >> 1)));
  see(id);
  return id;
}

bool Desk::take_pending(StoredRecord record, bool own) {
  if (pending.full(record.msg.size())) return false;
  see(record.id);
  const RecordKey key = record.key();
  if (history.contains_other(key) || pending.contains_other(key)) tell(note::Conflict{key.id});
  persist(rop::PutPending{{record, own}}, true);
  const PendingEntry& entry = pending.add(std::move(record), own, ticket());
  tell(note::Pending{entry.record, own});
  return true;
}

void Desk::drop_pending(const RecordKey& key) {
  if (!pending.contains(key)) return;
  pending.erase(key);
  persist(rop::DropPending{key}, false);
}

void Desk::commit(StoredRecord record, note::Way way) {
  const RecordKey key = record.key();
  see(key.id);
  if (const PendingEntry* entry = pending.find(key)) {
    if (record.stamp.empty()) record.stamp = entry->record.stamp;
    if (record.cert.empty()) record.cert = entry->record.cert;
    drop_pending(key);
  }
  if (history.contains(key)) {
    auto known = history.record(key);
    if (!known || !known->acks.unite(record.acks)) return;
    history.update(*known, ticket());
    tell(note::MoreAcks{*known});
    persist(rop::PutCommitted{std::move(*known)}, false);
    return;
  }
  if (history.contains_other(key) || pending.contains_other(key)) tell(note::Conflict{key.id});
  const auto newest = history.newest_id();
  const bool late =
      newest && key.id.time().ms + Millis(limits::kChannelIdAge).count() < newest->time().ms;
  MOOT_CHECK(history.insert(record, ticket()));
  tell(note::Committed{record, way, late});
  persist(rop::PutCommitted{std::move(record)}, way == note::Way::pulled);
}

void Desk::acknowledge(const RecordKey& key) {
  const PendingEntry* entry = pending.find(key);
  const Ticket on_disk = entry ? entry->ticket : history.ticket_of(key);
  if (on_disk <= durable_ || mutant(Mutant::m01_ack_before_sync)) return send_ack(key);
  waiting_.push_back({on_disk, key, false});
}

void Desk::send_ack(const RecordKey& key) {
  if (!attached || (!pending.contains(key) && !history.contains(key))) return;
  send(c::AckChMsg{key.id, config.channel, key.digest, {}});
}

void Desk::propose(const RecordKey& key) {
  PendingEntry* entry = pending.find(key);
  MOOT_CHECK(entry != nullptr);
  entry->tried = true;
  if (entry->ticket <= durable_) return send_proposal(key);
  // Its turn comes with the disk, once, whoever leads by then.
  pending.schedule(*entry, std::nullopt);
  const bool waits = std::any_of(waiting_.begin(), waiting_.end(),
                                 [&](const auto& w) { return w.propose && w.key == key; });
  if (!waits) waiting_.push_back({entry->ticket, key, true});
}

void Desk::send_proposal(const RecordKey& key) {
  PendingEntry* entry = pending.find(key);
  if (!attached || entry == nullptr) return;
  entry->tried = true;  // perhaps under an earlier leader
  back_off(*entry);
  const StoredRecord& record = entry->record;
  c::ChMsg cmd;
  cmd.id = config.channel;
  cmd.msg_id = record.id;
  cmd.msg = record.msg;
  // A stamp needs no age: an author whose message is old proposes as the others do.
  const std::uint64_t age_max = static_cast<std::uint64_t>(Millis(limits::kIdAgeMax).count()) / 2;
  const bool old = record.id.time().ms + age_max < now.wall.ms;
  if (!record.stamp.empty() && (!entry->own || old)) {
    cmd.from = record.from;
    cmd.stamp = Bytes(record.stamp);
  } else if (!entry->own) {
    return;  // nobody would believe it
  } else if (entry->sent_before || entry->sent > 0) {
    cmd.retry = true;
  }
  entry->proposed = true;
  ++entry->sent;
  send(cmd);
}

void Desk::on_durable(Ticket upto) {
  durable_ = std::max(durable_, upto);
  history.durable(durable_);
  std::vector<Waiting> ready;
  const auto first_later = std::find_if(waiting_.begin(), waiting_.end(),
                                        [&](const auto& w) { return durable_ < w.ticket; });
  ready.assign(waiting_.begin(), first_later);
  waiting_.erase(waiting_.begin(), first_later);
  for (const Waiting& w : ready) w.propose ? send_proposal(w.key) : send_ack(w.key);
}

void Desk::connection_lost() {
  attached = false;
  healthy = false;
  leader = Leader::none;
  waiting_.clear();
  pending.forget_tries(true);
}

void Desk::back_off(PendingEntry& entry) {
  constexpr Millis kFirst{5'000};
  constexpr Millis kLongest{60'000};
  // Whoever is not the author lets him go first.
  const unsigned doublings = std::min(entry.tries + (entry.own ? 0u : 1u), 4u);
  ++entry.tries;
  const Millis wait = std::min(kFirst * (1 << doublings), kLongest);
  pending.schedule(entry, now.tick + rng.around(wait));
}

}  // namespace moot
