#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "channel/memory_records.h"
#include "channel/replica.h"
#include "channel/test_records.h"
#include "model/kept_command.h"

namespace moot::test {

// A replica with its disk and its effects, which a test looks at and decides about.
class Member : private ReplicaEffects {
 public:
  explicit Member(const std::string& name, std::uint64_t seed = 1) {
    config_.channel = kChannel;
    config_.self = user(name);
    config_.replica.octets[0] = static_cast<std::uint8_t>(seed);
    config_.seed = seed;
    restart();
  }

  // As after a crash: what was not on disk is lost.
  void restart() {
    unsynced_.clear();
    replica_.reset();
    replica_ = std::make_unique<Replica>(config_, disk_, disk_.load());
  }

  void lose_disk() {
    replica_.reset();
    disk_ = {};
    restart();
  }

  Replica& operator*() { return *replica_; }
  Replica* operator->() { return replica_.get(); }
  MemoryRecords& disk() { return disk_; }
  ReplicaConfig& config() { return config_; }
  const UserId& name() const { return config_.self; }

  // Time of all calls; wall and steady clock go together.
  Now now{Tick{0}, UnixMs{1'700'000'000'000}};
  void pass(Millis d) {
    now.tick = now.tick + d;
    now.wall.ms += static_cast<std::uint64_t>(d.count());
  }

  void connect() { replica_->connected(now, *this); }
  void disconnect() { replica_->disconnected(now, *this); }
  void give(const s::Any& cmd) {
    replica_->step(now, cmd, *this);
    if (replica_->pending().size() < 100) replica_->check_invariants();
  }
  std::expected<RecordKey, Errc> compose(std::string_view text) {
    return replica_->compose(now, as_bytes(text), *this);
  }
  void tick() {
    replica_->tick(now, *this);
    replica_->check_invariants();
  }
  void sync_now() { replica_->sync_now(now, *this); }
  // Everything persisted so far is on disk, and the replica learns it.
  void sync_disk() {
    const auto batches = std::move(unsynced_);
    unsynced_.clear();
    for (const Batch& batch : batches) disk_.apply(batch.ops);
    if (!batches.empty()) replica_->durable(now, batches.back().ticket, *this);
    if (replica_->pending().size() < 100) replica_->check_invariants();
  }
  // Puts records into C as if they had been there at the start.
  void preload(const std::vector<StoredRecord>& records) {
    MemoryRecords all;
    for (const StoredRecord& r : records) disk_.apply(rop::PutCommitted{r});
    for (const LeafSummary& leaf : build_leaves(disk_)) disk_.apply(rop::PutLeaf{leaf});
    restart();
  }

  // To be connected with a leader elsewhere, or to lead.
  void attach(std::string_view leader, std::uint64_t election = 1) {
    connect();
    elect(leader, election);
  }
  void elect(std::string_view leader, std::uint64_t election) {
    const UserId who = user(std::string(leader));
    give(status(ChannelStatus::healthy, leader));
    s::ChElected elected{election, who, kChannel, std::nullopt};
    if (who == name()) elected.you = true;
    give(elected);
  }
  s::ChStatus status(ChannelStatus state, std::string_view leader = {}) {
    s::ChStatus cmd;
    cmd.id = kChannel;
    cmd.name = {"ops"};
    if (!leader.empty()) cmd.leader = user(std::string(leader));
    cmd.status = state;
    cmd.min = 3;
    cmd.acks = true;
    cmd.now = now.wall.ms;
    return cmd;
  }

  template <class C>
  std::vector<const C*> sent() const {
    std::vector<const C*> found;
    for (const auto& kept : sent_) {
      if (const C* cmd = kept.template get<C>()) found.push_back(cmd);
    }
    return found;
  }
  template <class N>
  std::size_t told() const {
    std::size_t n = 0;
    for (const note::Any& what : told_) n += std::holds_alternative<N>(what) ? 1 : 0;
    return n;
  }
  const std::vector<note::Any>& notes() const { return told_; }
  std::deque<Kept<c::Any>>& outgoing() { return sent_; }
  void forget_sent() {
    sent_.clear();
    told_.clear();
  }
  bool waits_for_disk() const { return !unsynced_.empty(); }
  bool urgent() const {
    return std::any_of(unsynced_.begin(), unsynced_.end(), [](const auto& b) { return b.urgent; });
  }

 private:
  struct Batch {
    std::vector<rop::Any> ops;
    Ticket ticket;
    bool urgent = false;
  };
  void send(const c::Any& cmd) override { sent_.emplace_back(cmd); }
  void persist(std::span<const rop::Any> ops, Ticket ticket, bool urgent) override {
    unsynced_.push_back({{ops.begin(), ops.end()}, ticket, urgent});
  }
  void tell(const note::Any& what) override { told_.push_back(what); }

  ReplicaConfig config_;
  MemoryRecords disk_;
  std::unique_ptr<Replica> replica_;
  std::deque<Kept<c::Any>> sent_;
  std::vector<Batch> unsynced_;
  std::vector<note::Any> told_;
};

// What the server makes of a record, an acknowledgement, a commit.
inline s::ChMsg relayed(const StoredRecord& r) {
  s::ChMsg cmd;
  cmd.id = kChannel;
  cmd.msg_id = r.id;
  cmd.msg = r.msg;
  cmd.from = r.from;
  cmd.sent = r.id.time().ms;
  cmd.stamp = r.stamp;
  return cmd;
}
inline s::ChMsgCommit committed(const RecordKey& key, Users acks = {}) {
  return {key.id, acks, kChannel, 1, key.digest, acks.size(), {}};
}

}  // namespace moot::test
