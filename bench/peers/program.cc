#include "bench/peers/program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "base/check.h"
#include "bench/server_process.h"

namespace moot::bench {
namespace {

constexpr auto kStartsWithin = std::chrono::seconds{60};

// The process groups that run: those that give up root's rights lose PR_SET_PDEATHSIG with them, so
// whatever way this process ends by itself takes them along.
constexpr std::size_t kProgramsMax = 32;
std::array<std::atomic<pid_t>, kProgramsMax> running;

void kill_all() {
  for (const auto& group : running) {
    if (group != 0) kill(-group, SIGKILL);
  }
}

void on_signal(int number) {
  kill_all();
  signal(number, SIG_DFL);
  raise(number);
}

void remember(pid_t group) {
  static const bool once = [] {
    std::atexit(kill_all);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, on_signal);
    return true;
  }();
  MOOT_CHECK(once);
  for (auto& place : running) {
    pid_t none = 0;
    if (place.compare_exchange_strong(none, group)) return;
  }
  MOOT_CHECK(false && "more programs than kProgramsMax");
}

void forget(pid_t group) {
  for (auto& place : running) {
    pid_t here = group;
    if (place.compare_exchange_strong(here, 0)) return;
  }
}

[[noreturn]] void give_up(const std::string& why) { throw std::runtime_error(why); }

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = loopback(0);
  socklen_t size = sizeof at;
  MOOT_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  MOOT_CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  close(fd);
  return ntohs(at.sin_port);
}

bool answers(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in at = loopback(port);
  const bool yes = connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  close(fd);
  return yes;
}

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
}

}  // namespace

Program::Program(const std::string& name, std::vector<std::string> args,
                 const std::string& config_name, std::string config)
    : name_(name), port_(free_port()) {
  // Some of them give up root's rights before they write there.
  chmod(dir_.path().c_str(), 0777);
  const auto fill = [&](std::string& text) {
    replace_all(text, "@PORT@", std::to_string(port_));
    replace_all(text, "@DIR@", dir_.path());
  };
  if (!config_name.empty()) {
    fill(config);
    std::ofstream(dir_ / config_name) << config;
  }
  for (std::string& a : args) fill(a);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    pin_to_server_processor();
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    const int log = open((dir_ / "output").c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(log, 1);
    dup2(log, 2);
    if (chdir(dir_.path().c_str()) != 0) _exit(127);
    std::vector<char*> argv;
    for (std::string& a : args) argv.push_back(a.data());
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  setpgid(pid_, pid_);  // the child's own call may come after what follows
  remember(pid_);
  const auto end = std::chrono::steady_clock::now() + kStartsWithin;
  while (!answers(port_)) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_ || std::chrono::steady_clock::now() > end) {
      give_up(name_ + " did not start; what it said is in " + (dir_ / "output") + ".");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

Program::~Program() {
  kill(-pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  forget(pid_);
}

// Its process group.
std::vector<pid_t> Program::processes() const {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && getpgid(pid) == pid_) found.push_back(pid);
  }
  return found;
}

double Program::cpu_seconds() const {
  double sum = 0;
  for (const pid_t pid : processes()) {
    clockid_t clock;
    timespec t{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) continue;
    sum += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
  }
  return sum;
}

std::uint64_t Program::resident_bytes() const {
  std::uint64_t sum = 0;
  for (const pid_t pid : processes()) {
    std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    statm >> size >> resident;
    sum += resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  return sum;
}

}  // namespace moot::bench
