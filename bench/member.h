#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "bench/driver.h"
#include "bench/legs.h"
#include "channel/memory_records.h"
#include "channel/replica.h"
#include "model/limits.h"

namespace moot::bench {

// A member: a replica on the connection, and its disk.
class Member : public ReplicaEffects {
 public:
  Member(Client& client, Legs& legs, const ChannelId& channel, std::uint64_t seed)
      : client_(client), legs_(legs) {
    ReplicaConfig config{.channel = channel, .self = client.who().user, .seed = seed, .since = {}};
    put_be64(config.replica.octets.data(), seed);
    replica_.emplace(config, disk_, disk_.load());
    replica_->connected(now(), *this);
  }

  void send(const c::Any& cmd) override {
    ++commands;
    legs_.sent(client_.index, cmd);
    client_.send(cmd);
  }
  void persist(std::span<const rop::Any> ops, Ticket ticket, bool urgent) override {
    unsynced_.insert(unsynced_.end(), ops.begin(), ops.end());
    last_ = ticket;
    urgent_ = urgent_ || urgent;
  }
  void tell(const note::Any& what) override {
    if (std::holds_alternative<note::Committed>(what)) ++committed;
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
  void step(const s::Any& cmd) {
    legs_.heard(client_.index, cmd);
    const std::uint64_t before = committed;
    replica_->step(now(), cmd, *this);
    if (committed > before) legs_.committed(client_.index, cmd);
  }
  void tick() {
    const auto due = replica_->next_deadline();
    if (due && *due <= now().tick) replica_->tick(now(), *this);
  }
  Replica& replica() { return *replica_; }

  std::uint64_t committed = 0;
  std::uint64_t commands = 0;
  std::uint64_t syncs = 0;  // counted here: `disk_` is memory

 private:
  Client& client_;
  Legs& legs_;
  MemoryRecords disk_;
  std::optional<Replica> replica_;
  std::vector<rop::Any> unsynced_;
  Ticket last_;
  bool urgent_ = false;
};

// The first `n` clients of a driver as the members of a new channel.
class BenchChannel {
 public:
  // Makes it and waits until a message can be sent. What fails ends the program.
  BenchChannel(Driver& driver, std::size_t n, Keeper keeper, const std::string& name);
  ~BenchChannel();
  // Turns until `done` holds, which may send; disks and timers of the members run along.
  bool run(const std::function<bool()>& done, std::chrono::seconds limit);

  Member& operator[](std::size_t i) { return *members_[i]; }
  std::size_t size() const { return members_.size(); }
  // At all members together.
  std::uint64_t committed() const { return of_all(&Member::committed); }
  std::uint64_t heard() const { return heard_; }  // commands of the server
  Legs& legs() { return legs_; }
  template <class Count>
  std::uint64_t of_all(Count count) const {
    std::uint64_t sum = 0;
    for (const auto& m : members_) sum += (*m).*count;
    return sum;
  }

 private:
  Driver& driver_;
  ChannelId id_;
  Legs legs_;
  std::vector<std::unique_ptr<Member>> members_;
  std::uint64_t heard_ = 0;
};

}  // namespace moot::bench
