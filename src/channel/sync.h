#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "channel/desk.h"
#include "channel/ranges.h"
#include "model/commands.h"

namespace moot {

// The asking side of a sync (replication.md 3.2): what the leader has and this replica lacks is
// pulled, then what the leader lacks is merged.
//
//   prefix -> page*                            equal up to the newest own record: what is behind it
//          -> (ranges* -> want*)* -> merge* -> prefix       not equal: find the differences first
//
// One question is in flight. A page is on disk before the next question leaves.
class Sync {
 public:
  // Asks the leader, who is elsewhere; while a sync runs: once more after it.
  void start(Desk& desk);
  // From the beginning, whatever runs: there is a new leader.
  void restart(Desk& desk);
  void stop();

  bool running() const { return phase_ != Phase::idle; }
  // Everything the leader had when asked is here. What is to be merged may still be on its way.
  bool synced() const { return synced_; }

  void on_append(Desk& desk, const s::ChAppend& answer);
  void on_committed(Desk& desk, const RecordKey& key);  // by a broadcast
  void on_refused(Desk& desk, const s::Err& err);       // of CH_PULL or CH_MERGE
  void on_durable(Desk& desk);
  // The question in flight only left now: its answer has its time from here on.
  void left(Tick now);
  void tick(Desk& desk);
  std::optional<Tick> deadline() const { return deadline_; }

  struct Costs {  // of the sync that runs or ran last
    std::uint64_t questions = 0;
    std::uint64_t records = 0;
    std::uint64_t merged = 0;
  };
  const Costs& costs() const { return costs_; }
  std::size_t extras() const { return extras_.size(); }  // ranges with something to be merged
  void check_invariants(const Desk& desk) const;

 private:
  enum class Phase : std::uint8_t { idle, prefix, page, ranges, want, merge, storing, paused };
  struct Todo {  // a range to be told to the leader
    KeySpan span;
    unsigned depth = 0;
    bool list = false;  // known to differ, and small
  };
  struct Extras {  // own records of the span but for those listed
    KeySpan span;
    std::vector<Element> theirs;  // ascending
  };

  bool asking() const;
  Millis patience() const;
  std::uint64_t ask(Desk& desk, Phase phase);
  void ask_prefix(Desk& desk);
  void ask_page(Desk& desk);
  void ask_ranges(Desk& desk);
  void ask_wanted(Desk& desk);
  void send_merge(Desk& desk);
  bool take_extra(Desk& desk, const RecordKey& key, PageBudget& budget);

  void on_page(Desk& desk, const s::ChAppend& answer);
  bool on_ranges(Desk& desk, Ranges theirs);
  void on_range(Desk& desk, const KeySpan& span, const Range& theirs, unsigned depth);
  void on_wanted(Desk& desk, const s::ChAppend& answer);
  void learn(Desk& desk, const s::ChAppend& answer, std::vector<Element>& listed);
  void resend(Desk& desk);
  void after_storing(Desk& desk);
  void next(Desk& desk);
  void finish(Desk& desk);
  void pause(Desk& desk, Millis wait);
  void forget();

  Phase phase_ = Phase::idle;
  bool synced_ = false;
  bool again_ = false;  // asked for while running
  bool page_follows_ = false;
  bool compare_again_ = false;  // differences were found: equal only once a prefix says so
  unsigned comparisons_ = 0;    // in a row that found differences
  unsigned timeouts_ = 0;
  std::uint64_t req_ = 0;
  Ticket stored_;  // of the page in hand
  OrNil<MsgId> anchor_;
  std::deque<Todo> todo_;    // ascending
  std::vector<Todo> asked_;  // ascending, told in the question in flight
  std::deque<Element> wanted_;
  std::vector<Element> asked_for_;
  std::deque<Extras> extras_;
  std::size_t extras_listed_ = 0;
  std::set<RecordKey> merging_;  // sent, not seen committed
  std::set<RecordKey> live_;  // committed by broadcast since the comparison began: the leader's too
  std::vector<StoredRecord> page_;
  std::vector<MergeRecord> views_;
  RangeWriter ranges_;
  std::optional<Tick> deadline_;
  Costs costs_;
};

}  // namespace moot
