#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "apps/moot/json.h"
#include "apps/moot/local_socket.h"
#include "moot/client.h"

namespace moot::app {

// What reads a whole store, one after the other on a thread of its own, so that the owner goes on
// serving; and what it has to say meanwhile.
// Thread rule: one owner of it; `Work` runs on the thread.
class Proofs {
 public:
  // Tells a line of the answer, if there is one; false: nobody wants it any more, end.
  using Tell = std::function<bool(const std::optional<Json>& line)>;
  // An error, or nothing.
  using Work = std::function<std::string(const Tell& tell)>;
  struct Said {
    std::uint64_t request = 0;
    Json line;
    bool last = false;
    std::string error;  // of the last
  };

  Proofs();
  ~Proofs();  // ends what runs
  Proofs(const Proofs&) = delete;
  Proofs& operator=(const Proofs&) = delete;

  // False at limits::kGuestProofs.
  bool add(std::uint64_t request, Work work);
  // Who asked is gone: what runs ends soon, what waits does not begin.
  void drop(std::uint64_t request);
  // Readable when something was said.
  int fd() const { return said_fd_.get(); }
  std::vector<Said> take();

 private:
  struct Job {
    std::uint64_t request = 0;
    Work work;
  };
  void run();
  void say(Said said);
  bool wanted(std::uint64_t request);

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Job> jobs_;
  std::uint64_t running_ = 0;  // 0: none
  bool dropped_ = false;       // what runs
  bool ended_ = false;
  std::vector<Said> said_;
  Fd said_fd_;
  std::thread thread_;  // last: it uses all of the above
};

// For what counts records: told at most once a second, and at once when nobody wants it any more.
Client::Progress progress_to(const Proofs::Tell& tell);

}  // namespace moot::app
