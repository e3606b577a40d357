#include "crypto/mac_batch.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/keccak.h"
#include "crypto/mac_lane.h"
#include "crypto/wipe.h"

namespace moot {
namespace {

std::size_t octets_of(const MacJob& job) { return job.part_a.size() + job.part_b.size(); }

// Hands out the jobs, those longer than the mean first: a long message begun last would keep one
// lane busy with the others empty.
class JobQueue {
 public:
  explicit JobQueue(std::span<const MacJob> jobs) : jobs_(jobs) {
    std::size_t octets = 0;
    for (const MacJob& job : jobs) octets += octets_of(job);
    mean_octets_ = octets / jobs.size();
  }

  // Null when all were handed out.
  const MacJob* next() {
    while (pass_ < 2) {
      while (at_ < jobs_.size()) {
        const MacJob& job = jobs_[at_++];
        if ((octets_of(job) > mean_octets_) == (pass_ == 0)) return &job;
      }
      ++pass_;
      at_ = 0;
    }
    return nullptr;
  }

 private:
  std::span<const MacJob> jobs_;
  std::size_t mean_octets_ = 0;
  std::size_t at_ = 0;
  int pass_ = 0;  // 0: the long ones, 1: the others
};

// N messages in N states that are permuted together. A lane whose message is signed takes the next
// one before the next permutation, so messages of unlike length cost no empty lanes.
template <int N>
class Lanes {
 public:
  explicit Lanes(JobQueue queue) : queue_(queue) {}
  ~Lanes() { wipe(&states_, sizeof states_); }
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  void run() {
    while (advance_all()) keccak_permute(states_);
  }

 private:
  enum class Phase : std::uint8_t { idle, inner, outer };
  struct Lane {
    Phase phase = Phase::idle;
    Mac* out = nullptr;
    MacLane message;
  };

  // False when every lane is idle.
  bool advance_all() {
    bool busy = false;
    for (int n = 0; n < N; ++n) {
      if (lanes_[static_cast<std::size_t>(n)].phase == Phase::outer) emit(n);
      busy |= prepare(n);
    }
    return busy;
  }

  // Brings lane n to where one more permutation is its next step; false when it has nothing to do.
  bool prepare(int n) {
    Lane& lane = lanes_[static_cast<std::size_t>(n)];
    if (lane.phase == Phase::inner && lane.message.done()) {
      begin_outer(n);
      return true;
    }
    if (lane.phase == Phase::idle) {
      const MacJob* job = queue_.next();
      if (job == nullptr) return false;
      lane.phase = Phase::inner;
      lane.out = job->out;
      lane.message.begin(*job->key, job->part_a, job->part_b);
      load(n, lane.message.inner());
    }
    absorb(n, lane.message.next_block());
    return true;
  }

  void begin_outer(int n) {
    Lane& lane = lanes_[static_cast<std::size_t>(n)];
    std::uint64_t* words = states_.lane(n);
    const std::uint64_t* outer = lane.message.outer().data();
    for (int i = 0; i < kMacWords; ++i) words[i * N] ^= outer[i];
    words[kMacWords * N] = outer[kMacWords] ^ kMacOuterPadding;
    for (int i = kMacWords + 1; i < 25; ++i) words[i * N] = outer[i];
    lane.phase = Phase::outer;
  }

  void emit(int n) {
    Lane& lane = lanes_[static_cast<std::size_t>(n)];
    const std::uint64_t* words = states_.lane(n);
    for (int i = 0; i < kMacWords; ++i) store_le64(lane.out->data() + 8 * i, words[i * N]);
    lane.phase = Phase::idle;
  }

  void load(int n, const KeccakState& from) {
    std::uint64_t* words = states_.lane(n);
    for (int i = 0; i < 25; ++i) words[i * N] = from.data()[i];
  }
  void absorb(int n, const std::uint8_t* block) {
    std::uint64_t* words = states_.lane(n);
    for (int i = 0; i < kMacRateWords; ++i) words[i * N] ^= load_le64(block + 8 * i);
  }

  JobQueue queue_;
  KeccakLanes<N> states_{};
  std::array<Lane, N> lanes_;
};

}  // namespace

void sign_many(std::span<const MacJob> jobs) {
  const int lanes = keccak_lanes();
  if (lanes == 1 || jobs.size() < 2) {
    for (const MacJob& job : jobs) *job.out = job.key->sign(job.part_a, job.part_b);
  } else if (lanes == 4 || jobs.size() <= 4) {
    Lanes<4>(JobQueue(jobs)).run();
  } else {
    Lanes<8>(JobQueue(jobs)).run();
  }
}

}  // namespace moot
