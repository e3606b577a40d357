#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "store/db.h"

namespace moot::store {

// What waits for the disk shares one fsync: the thread takes all that is queued into one
// transaction, commits, and only then tells.
// Invariants: work is done in the order of submission; `committed(t)` is called with growing t,
// after the COMMIT that covers every write with a ticket <= t; after the first failure nothing is
// applied or told any more (`failed` is called once), reads get the error. Thread rule: submitting
// from any thread but the store's; callbacks run on the store's thread.
class GroupCommit {
 public:
  struct Bounds {
    std::size_t queue_ops_max = 32'768;  // at the bound submitting blocks: push back
    std::size_t batch_ops_max = 4'096;   // what one transaction holds at most, give or take one job
    int log_pages_max = 2'000;           // pages of 4 KiB that wait in SQLite's log
  };
  struct Hooks {
    std::function<void(std::uint64_t)> committed;
    std::function<void(const Error&)> failed;
  };
  // What is left to do once the transaction around a read is on disk, or has failed.
  using After = std::function<void(const Status&)>;

  GroupCommit(Db& db, Bounds bounds, Hooks hooks);
  ~GroupCommit();  // finishes what is queued
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  // `ops` operations that `apply` writes; 0 is a pure barrier.
  void write(std::uint64_t ticket, std::size_t ops, std::function<void(Db&)> apply);
  // Sees every write before it and none after it; what it returns is called after the commit.
  void read(std::function<After(Db&)> read);
  // Outside any transaction, alone, and waited for.
  void alone(const std::function<void(Db&)>& work);

 private:
  struct Job {
    enum class Kind : std::uint8_t { write, read, alone };
    Kind kind = Kind::write;
    std::uint64_t ticket = 0;
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
  const Hooks hooks_;

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable room_;
  std::deque<Job> queue_;
  std::size_t queued_ops_ = 0;
  bool stop_ = false;

  bool failed_ = false;  // store thread only
  std::thread thread_;   // last: it uses all of the above
};

}  // namespace moot::store
