#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "channel/memory_records.h"
#include "channel/replica.h"
#include "channel/rng.h"

namespace moot::sim {

// A node's clocks against the time of the simulation, which no node sees.
struct NodeClock {
  std::int64_t ppm = 0;  // the steady clock's drift
  std::int64_t wall_off_ms = 0;

  static constexpr std::uint64_t kWallStart = 1'700'000'000'000;
  std::int64_t tick_at(std::int64_t us) const { return (us + us / 1'000'000 * ppm) / 1'000; }
  Now at(std::int64_t us) const {
    const std::int64_t ms = tick_at(us);
    return {Tick{ms}, UnixMs{static_cast<std::uint64_t>(static_cast<std::int64_t>(kWallStart) + ms +
                                                        wall_off_ms)}};
  }
  // When the steady clock shows `tick`, from `now_us` on: one that is slow is set back by its drift
  // at every full second, and may show the millisecond before once more.
  std::int64_t when(Tick tick, std::int64_t now_us) const {
    std::int64_t us = std::max(tick.ms * 1'000 - tick.ms / 1'000 * ppm, now_us);
    while (tick_at(us) < tick.ms) us += 500;
    return us;
  }
};

// One member's device: its process, its disk, its clocks. The world decides about all of them.
struct Device {
  struct Batch {
    std::vector<rop::Any> ops;
    Ticket ticket;
  };

  unsigned index = 0;
  unsigned user = 0;
  ReplicaConfig config;
  NodeClock clock;
  Rng net{0};   // of its connections
  Rng chip{0};  // of its disk
  Rng lying{0};

  MemoryRecords disk;          // what is durable
  std::deque<Batch> unsynced;  // handed over since
  MemoryRecords backup;        // an older image
  std::int64_t disk_at = -1;   // the sync under way ends; -1: none is
  std::int64_t disk_slow_until = 0;
  std::set<RecordKey> lost;  // was on this disk before it was wiped or restored

  std::unique_ptr<Replica> replica;  // null: the process does not run
  std::uint64_t life = 0;            // counts processes: an event of an earlier one is void
  bool dead = false;                 // for good
  bool led = false;                  // when it was looked at last
  std::uint64_t link = 0;            // the connection it believes in; 0: none
  bool connecting = false;
  std::int64_t timer_at = -1;
  std::int64_t hung_until = 0;

  bool forger = false;
  std::optional<MsgId> two_faced;  // an id under which it said one thing
  bool liar = false;
  std::uint64_t records_before = 0;       // S4
  std::vector<RecordKey> shown;           // some of what it has committed, in the order shown (S4)
  Fingerprint records;                    // of its history, as it was told record by record (S4)
  std::optional<RecordKey> acknowledged;  // last
  unsigned rounds = 0;                    // of the comparison under way
  // When each message was proposed last on this connection under this leader (L5).
  std::map<RecordKey, std::int64_t> proposed;
  std::uint64_t proposals = 0;  // since the faults stopped
  // Its messages in doubt then, if its user was no member: one who has not heard so proposes them.
  std::size_t in_doubt_outside = 0;

  bool running() const { return replica != nullptr; }
  void lose(const MemoryRecords& what_remains) {
    for (const auto& [key, record] : disk.committed()) lost.insert(key);
    for (const auto& [key, row] : disk.pending()) lost.insert(key);
    disk = what_remains;
  }
  bool holds(const RecordKey& key) const {
    return disk.committed().contains(key) || disk.pending().contains(key);
  }
};

}  // namespace moot::sim
