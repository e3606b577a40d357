#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/tally.h"
#include "model/store_ops.h"
#include "store/db.h"

namespace moot::store {

// Called on the store's thread, never while a caller of the store is inside it.
struct StoreHooks {
  std::function<void(Ticket)> on_commit;
  std::function<void(const Error&)> on_error;  // at most once; the store is dead after it
};

// What waits for the disk shares one fsync: the thread takes all that is queued into one
// transaction, commits, and only then tells.
// Invariants: work is done in the order of submission; `on_commit(t)` is called with growing
// t, after the COMMIT that covers every write with a ticket <= t; after the first failure nothing
// is applied or told any more (`on_error` is called once), reads get the error. Thread rule:
// submitting from any thread but the store's; callbacks run on the store's thread.
class GroupCommit {
 public:
  struct Bounds {
    std::size_t queue_ops_max = 32'768;  // at the bound submitting blocks: push back
    std::size_t batch_ops_max = 4'096;   // what one transaction holds at most, give or take one job
    int log_pages_max = 2'000;           // pages of 4 KiB that wait in SQLite's log
  };
  struct Tallies {
    Tally commits;      // transactions on disk, each with an fsync of the log
    Tally operations;   // in them
    Tally checkpoints;  // of the log into the store, each with an fsync of both
  };
  // What is left to do once the transaction around a read is on disk, or has failed.
  using After = std::function<void(const Status&)>;

  GroupCommit(Db& db, Bounds bounds, StoreHooks hooks);
  ~GroupCommit();  // finishes what is queued
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  // `ops` operations that `apply` writes; 0 is a pure barrier.
  void write(Ticket ticket, std::size_t ops, std::function<void(Db&)> apply);
  // Sees every write before it and none after it; what it returns is called after the commit.
  void read(std::function<After(Db&)> read);
  // Outside any transaction, alone, and waited for.
  void alone(const std::function<void(Db&)>& work);
  // The same for work that reads: what it found, or why the database could not.
  template <class Work>
  auto ask(const Work& work) -> Result<decltype(work())> {
    Result<decltype(work())> result{};
    alone([&](Db& db) {
      auto value = work();
      if (db.ok()) {
        result = std::move(value);
      } else {
        result = std::unexpected(db.status().error());
      }
    });
    return result;
  }

  // From any thread.
  const Tallies& tallies() const { return tallies_; }

 private:
  struct Job {
    enum class Kind : std::uint8_t { write, read, alone };
    Kind kind = Kind::write;
    Ticket ticket;
    std::size_t ops = 0;
    std::function<void(Db&)> apply;
    std::function<After(Db&)> query;
  };

  void push(Job job);
  void run();
  std::vector<Job> take();
  void run_batch(std::vector<Job>& jobs);
  void fail_once();

  Db& db_;
  const Bounds bounds_;
  const StoreHooks hooks_;

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable room_;
  std::deque<Job> queue_;
  std::size_t queued_ops_ = 0;
  bool stop_ = false;

  Tallies tallies_;
  bool failed_ = false;  // store thread only
  std::thread thread_;   // last: it uses all of the above
};

}  // namespace moot::store
