#include "apps/moot-sim/crew.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace moot::sim {
namespace {
constexpr std::string_view kWhole = "moot-sim outcome\n";  // what an aborted run does not say

// Both ends are one program on one machine: octets as they are.
template <class T>
  requires std::is_trivially_copyable_v<T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put(std::string& out, const std::string& text) {
  put(out, text.size());
  out += text;
}

class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void get(T& value) {
    MOOT_CHECK(rest_.size() >= sizeof value);
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
  }
  void get(std::string& text) {
    std::size_t n = 0;
    get(n);
    MOOT_CHECK(rest_.size() >= n);
    text = rest_.substr(0, n);
    rest_.remove_prefix(n);
  }

 private:
  std::string_view rest_;
};

std::string written(const Outcome& o) {
  std::string out(kWhole);
  put(out, o.failure.has_value());
  if (o.failure) {
    put(out, o.failure->invariant);
    put(out, o.failure->what);
  }
  put(out, o.events);
  put(out, o.hash);
  put(out, o.commits);
  put(out, o.simulated_ms);
  put(out, o.counters);
  put(out, o.injected);
  put(out, o.faults);
  put(out, o.healed_at_us);
  put(out, o.ended_at_us);
  // Of interest only where something is to be found.
  put(out, o.failure ? o.incidents.size() : 0);
  if (!o.failure) return out;
  for (const auto& [us, incident] : o.incidents) {
    put(out, us);
    put(out, incident);
  }
  return out;
}

Outcome read(std::string_view said) {
  Outcome o;
  const std::size_t at = said.find(kWhole);
  if (at == std::string_view::npos) {
    if (said.ends_with('\n')) said.remove_suffix(1);
    o.failure = Failure{"core", std::string(said)};
    return o;
  }
  Reader in(said.substr(at + kWhole.size()));
  bool failed = false;
  in.get(failed);
  if (failed) {
    o.failure.emplace();
    in.get(o.failure->invariant);
    in.get(o.failure->what);
  }
  in.get(o.events);
  in.get(o.hash);
  in.get(o.commits);
  in.get(o.simulated_ms);
  in.get(o.counters);
  in.get(o.injected);
  in.get(o.faults);
  in.get(o.healed_at_us);
  in.get(o.ended_at_us);
  std::size_t incidents = 0;
  in.get(incidents);
  for (std::size_t i = 0; i < incidents; ++i) {
    o.incidents.emplace_back();
    in.get(o.incidents.back().first);
    in.get(o.incidents.back().second);
  }
  return o;
}

[[noreturn]] void work(const Options& options, int fd) {
  std::signal(SIGINT, SIG_IGN);  // who started it decides
  dup2(fd, STDERR_FILENO);       // what a failed check prints goes the same way
  const std::string text = written(World(options).run());
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) break;
    done += n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  std::fflush(stdout);
  _exit(0);
}
}  // namespace

Crew::~Crew() {
  for (const Worker& w : working_) {
    close(w.fd);
    waitpid(w.pid, nullptr, 0);
  }
}

void Crew::start(const Options& options, std::uint64_t tag) {
  MOOT_CHECK(!full());
  std::array<int, 2> ends{};
  MOOT_CHECK(pipe(ends.data()) == 0);
  std::fflush(stdout);
  const pid_t pid = fork();
  MOOT_CHECK(pid >= 0);
  if (pid == 0) {
    close(ends[0]);
    work(options, ends[1]);
  }
  close(ends[1]);
  working_.push_back({pid, ends[0], tag, {}});
}

std::optional<Crew::Ended> Crew::next(std::chrono::milliseconds patience) {
  std::vector<pollfd> fds;
  for (const Worker& w : working_) fds.push_back({w.fd, POLLIN, 0});
  if (poll(fds.data(), fds.size(), static_cast<int>(patience.count())) <= 0) return std::nullopt;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if (fds[i].revents == 0) continue;
    Worker& w = working_[i];
    std::array<char, 65'536> buffer;
    const ssize_t n = ::read(w.fd, buffer.data(), buffer.size());
    if (n > 0) {
      w.said.append(buffer.data(), static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    close(w.fd);
    waitpid(w.pid, nullptr, 0);
    Ended ended{w.tag, sim::read(w.said)};
    working_.erase(working_.begin() + static_cast<std::ptrdiff_t>(i));
    return ended;
  }
  return std::nullopt;
}

Outcome run_apart(const Options& options) {
  Crew one(1);
  one.start(options, 0);
  while (true) {
    if (auto ended = one.next(std::chrono::seconds(1))) return std::move(ended->outcome);
  }
}

}  // namespace moot::sim
