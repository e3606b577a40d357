#include "apps/moot/proofs.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "model/limits.h"

namespace moot::app {
namespace {

constexpr auto kBetweenTold = std::chrono::seconds(1);

}  // namespace

Proofs::Proofs() : said_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { run(); }) {}

Proofs::~Proofs() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  more_.notify_one();
  thread_.join();
}

bool Proofs::add(std::uint64_t request, Work work) {
  {
    const std::scoped_lock lock(mutex_);
    if (jobs_.size() >= limits::kGuestProofs) return false;
    jobs_.push_back({request, std::move(work)});
  }
  more_.notify_one();
  return true;
}

void Proofs::drop(std::uint64_t request) {
  const std::scoped_lock lock(mutex_);
  if (running_ == request) dropped_ = true;
  std::erase_if(jobs_, [&](const Job& job) { return job.request == request; });
}

std::vector<Proofs::Said> Proofs::take() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = read(said_fd_.get(), &count, sizeof count);
  const std::scoped_lock lock(mutex_);
  return std::exchange(said_, {});
}

void Proofs::say(Said said) {
  {
    const std::scoped_lock lock(mutex_);
    // Only the newest of what is not the end matters, so this does not grow.
    const auto old = std::ranges::find_if(
        said_, [&](const Said& s) { return s.request == said.request && !s.last; });
    if (!said.last && old != said_.end()) {
      *old = std::move(said);
    } else {
      said_.push_back(std::move(said));
    }
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(said_fd_.get(), &one, sizeof one);
}

bool Proofs::wanted(std::uint64_t request) {
  const std::scoped_lock lock(mutex_);
  return !ended_ && !(running_ == request && dropped_);
}

void Proofs::run() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      running_ = 0;
      dropped_ = false;
      more_.wait(lock, [this] { return ended_ || !jobs_.empty(); });
      if (ended_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      running_ = job.request;
    }
    const auto tell = [&](const std::optional<Json>& line) {
      if (!wanted(job.request)) return false;
      if (line) say({job.request, *line, false, {}});
      return true;
    };
    std::string error = job.work(tell);
    say({job.request, {}, true, std::move(error)});
  }
}

Client::Progress progress_to(const Proofs::Tell& tell) {
  return [tell, last = std::chrono::steady_clock::now()](std::uint64_t records,
                                                         std::uint64_t all) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < kBetweenTold) return tell(std::nullopt);
    last = now;
    return tell(Json().set("records", records).set("all", all));
  };
}

}  // namespace moot::app
