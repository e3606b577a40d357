#include "store/group_commit.h"

#include <utility>

#include "base/check.h"

namespace moot::store {

GroupCommit::GroupCommit(Db& db, Bounds bounds, StoreHooks hooks)
    : db_(db), bounds_(bounds), hooks_(std::move(hooks)), thread_([this] { run(); }) {}

GroupCommit::~GroupCommit() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void GroupCommit::write(Ticket ticket, std::size_t ops, std::function<void(Db&)> apply) {
  push({.kind = Job::Kind::write,
        .ticket = ticket,
        .ops = ops,
        .apply = std::move(apply),
        .query = {}});
}

void GroupCommit::read(std::function<After(Db&)> read) {
  push({.kind = Job::Kind::read, .ticket = {}, .ops = 1, .apply = {}, .query = std::move(read)});
}

void GroupCommit::alone(const std::function<void(Db&)>& work) {
  MOOT_CHECK(std::this_thread::get_id() != thread_.get_id());
  std::mutex done_mutex;
  std::condition_variable done_signal;
  bool done = false;
  push({.kind = Job::Kind::alone,
        .ticket = {},
        .ops = 1,
        .apply =
            [&](Db& db) {
              work(db);
              const std::scoped_lock lock(done_mutex);
              done = true;
              done_signal.notify_one();
            },
        .query = {}});
  std::unique_lock lock(done_mutex);
  done_signal.wait(lock, [&] { return done; });
}

void GroupCommit::push(Job job) {
  {
    std::unique_lock lock(mutex_);
    // One job larger than the bound must still get in: it waits for an empty queue.
    room_.wait(lock,
               [&] { return queue_.empty() || queued_ops_ + job.ops <= bounds_.queue_ops_max; });
    queued_ops_ += job.ops;
    queue_.push_back(std::move(job));
  }
  work_.notify_one();
}

std::vector<GroupCommit::Job> GroupCommit::take() {
  std::vector<Job> jobs;
  {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [&] { return stop_ || !queue_.empty(); });
    std::size_t ops = 0;
    while (!queue_.empty() && (jobs.empty() || ops + queue_.front().ops <= bounds_.batch_ops_max)) {
      const bool alone = queue_.front().kind == Job::Kind::alone;
      if (alone && !jobs.empty()) break;
      ops += queue_.front().ops;
      jobs.push_back(std::move(queue_.front()));
      queue_.pop_front();
      if (alone) break;
    }
    queued_ops_ -= ops;
  }
  room_.notify_all();
  return jobs;
}

void GroupCommit::run() {
  for (;;) {
    std::vector<Job> jobs = take();
    if (jobs.empty()) return;
    if (jobs.front().kind == Job::Kind::alone) {
      jobs.front().apply(db_);
    } else {
      run_batch(jobs);
      if (db_.checkpoint_if_due(bounds_.log_pages_max)) tallies_.checkpoints.add();
    }
    fail_once();
  }
}

void GroupCommit::run_batch(std::vector<Job>& jobs) {
  std::vector<After> after;
  Ticket ticket;
  bool writes = false;
  for (Job& job : jobs) {
    if (job.kind == Job::Kind::read) {
      after.push_back(job.query(db_));
      continue;
    }
    if (job.ops > 0 && !writes) {
      db_.exec("BEGIN IMMEDIATE");
      writes = true;
    }
    if (db_.ok()) job.apply(db_);
    MOOT_CHECK(job.ticket >= ticket);
    ticket = job.ticket;
  }
  // A failure sticks, so nothing of a half applied batch is ever committed.
  if (writes) db_.exec("COMMIT");
  if (writes && db_.ok()) {
    tallies_.commits.add();
    for (const Job& job : jobs) tallies_.operations.add(job.kind == Job::Kind::write ? job.ops : 0);
  }
  if (db_.ok() && ticket > Ticket{} && hooks_.on_commit) hooks_.on_commit(ticket);
  for (const After& f : after) {
    if (f) f(db_.status());
  }
}

void GroupCommit::fail_once() {
  if (db_.ok() || failed_) return;
  failed_ = true;
  if (hooks_.on_error) hooks_.on_error(db_.status().error());
}

}  // namespace moot::store
