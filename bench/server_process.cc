#include "bench/server_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/check.h"

namespace moot::bench {
namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "moot-bench: %s\n", why.c_str());
  std::exit(1);
}

// The n-th processor this process was started with; the last one where there are fewer.
int processor(int n) {
  static const cpu_set_t set = [] {
    cpu_set_t at_start;
    CPU_ZERO(&at_start);
    MOOT_CHECK(sched_getaffinity(0, sizeof at_start, &at_start) == 0);
    return at_start;
  }();
  int found = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    found = cpu;
    if (n-- == 0) break;
  }
  return found;
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

void pin_to_server_processor() { pin(processor(0)); }
void pin_to_load_processor() { pin(processor(1)); }

ServerProcess::ServerProcess(const std::string& bin_dir, std::vector<std::string> extra_args)
    : bin_dir_(bin_dir), extra_args_(std::move(extra_args)) {
  start();
}

ServerProcess::~ServerProcess() { stop(); }

void ServerProcess::restart() {
  stop();
  start();
}

void ServerProcess::stop() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void ServerProcess::start() {
  int out[2];
  MOOT_CHECK(pipe(out) == 0);
  const std::string data = dir_ / "data";
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_to_server_processor();
    dup2(out[1], 1);
    const int log = open((dir_ / "log").c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(log, 2);
    std::vector<std::string> args{
        bin_dir_ + "/mootd", "run",           "--data-dir", data,    "--listen",
        "127.0.0.1:0",       "--http-listen", "off",        "--set", "limits.commands_per_s=0"};
    args.insert(args.end(), extra_args_.begin(), extra_args_.end());
    std::vector<char*> argv;
    for (std::string& a : args) argv.push_back(a.data());
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  ::close(out[1]);
  FILE* lines = fdopen(out[0], "r");
  char line[256];
  bool ready = false;
  port_ = 0;
  while (!ready && std::fgets(line, sizeof line, lines) != nullptr) {
    const bool plain = std::strncmp(line, "listening plain ", 16) == 0;
    if (plain || std::strncmp(line, "listening tls ", 14) == 0) {
      (plain ? port_ : tls_port_) =
          static_cast<std::uint16_t>(std::atoi(std::strrchr(line, ':') + 1));
    }
    ready = std::strcmp(line, "ready\n") == 0;
  }
  // It says nothing after that.
  std::fclose(lines);
  if (!ready || port_ == 0) give_up("mootd did not start; its log is in " + (dir_ / "log") + ".");
}

double ServerProcess::cpu_seconds() const {
  clockid_t clock;
  MOOT_CHECK(clock_getcpuclockid(pid_, &clock) == 0);
  timespec t{};
  MOOT_CHECK(clock_gettime(clock, &t) == 0);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

std::uint64_t ServerProcess::resident_bytes() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::string ServerProcess::admin(const std::string& args) const {
  const std::string command = bin_dir_ + "/mootd " + args + " --data-dir " + (dir_ / "data");
  FILE* p = popen(command.c_str(), "r");
  MOOT_CHECK(p != nullptr);
  std::string out;
  char chunk[4096];
  while (const std::size_t n = std::fread(chunk, 1, sizeof chunk, p)) out.append(chunk, n);
  if (pclose(p) != 0) give_up("`" + command + "` failed.");
  return out;
}

}  // namespace moot::bench
