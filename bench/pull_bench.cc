#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "bench/accounts.h"
#include "bench/channel_bench.h"
#include "bench/member.h"
#include "client/content.h"
#include "store/temp_dir.h"

namespace moot::bench {
namespace {

constexpr std::uint64_t kInFlight = 256;

// Far below what any machine commits or pulls in a second.
constexpr std::size_t kRecordsASecond = 250;
std::chrono::seconds patience(std::size_t records) {
  return std::chrono::seconds(60 + records / kRecordsASecond);
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "moot-bench: %s\n", why.c_str());
  std::exit(1);
}

// A `moot` with a home of its own, beside the server under test.
class Newcomer {
 public:
  Newcomer(const Options& o, ServerProcess& server) : moot_(o.bin_dir + "/moot") {
    const std::string text = server.admin("invite");
    const auto at = text.find("moot://");
    if (at == std::string::npos) give_up("`mootd invite` printed no link.");
    link_ = text.substr(at, text.find_first_of("'\n", at) - at);
  }
  Newcomer(const Newcomer&) = delete;
  Newcomer& operator=(const Newcomer&) = delete;

  const std::string& link() const { return link_; }
  pid_t start(std::vector<std::string> args) const {
    args.insert(args.begin(), {moot_, "--home", home_.path()});
    const pid_t pid = fork();
    if (pid != 0) return pid;
    const int nowhere = open("/dev/null", O_RDWR);
    dup2(nowhere, 0);
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    std::vector<char*> argv;
    for (std::string& a : args) argv.push_back(a.data());
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }

 private:
  std::string moot_;
  store::TempDir home_;
  std::string link_;
};

// The most that the process ever had resident, in MiB. What `wait4` says counts this program too,
// as it was before the exec.
double peak_mib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

// Turns until the process has ended; its peak memory in MiB.
double until_ended(BenchChannel& channel, pid_t pid, const char* what, std::size_t records = 0) {
  int status = -1;
  double peak = 0;
  auto looked = Clock::now();
  const bool ended = channel.run(
      [&] {
        if (Clock::now() - looked > std::chrono::milliseconds{5}) {
          looked = Clock::now();
          peak = std::max(peak, peak_mib(pid));
        }
        return waitpid(pid, &status, WNOHANG) == pid;
      },
      patience(records));
  if (!ended || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    give_up(std::string("`moot ") + what + "` did not do what it should.");
  return peak;
}

}  // namespace

void catch_up(const Options& o, std::size_t records) {
  ServerProcess server(o.bin_dir, {"--set", "channels.lobby=false"});
  const auto who = enrol(server, 3);
  Driver d(server.port(), "moot.local", o.batch);
  open_all(d, who, 0, 3);
  BenchChannel channel(d, 3, Keeper::members, "long");
  const ByteBuf body = *client::write_text(std::string(100, 'x'), std::nullopt);
  std::uint64_t said = 0;
  const auto tell = [&](std::uint64_t committed) {
    std::fprintf(stderr, "  committed %llu of %zu messages\n",
                 static_cast<unsigned long long>(committed), records);
  };
  std::uint64_t told = 0;
  const bool whole = channel.run(
      [&] {
        while (said < records && said - channel.committed() / 3 < kInFlight) {
          if (!channel[0].replica().compose(now(), body, channel[0])) break;
          ++said;
        }
        if (channel.committed() / 3 >= told + std::max<std::size_t>(records / 10, 1)) {
          told = channel.committed() / 3;
          tell(told);
        }
        return channel.committed() == 3 * records;
      },
      patience(records));
  if (!whole) give_up("not every message was committed.");
  Newcomer newcomer(o, server);
  until_ended(channel, newcomer.start({"join", newcomer.link(), "--as", "newcomer"}), "join");
  until_ended(channel, newcomer.start({"enter", "long"}), "enter");
  const auto begin = Clock::now();
  const double cpu = server.cpu_seconds();
  const double peak = until_ended(channel, newcomer.start({"pull", "long"}), "pull", records);
  const double seconds = micros(Clock::now() - begin) * 1e-6;
  const double n = static_cast<double>(records);
  char beside[160];
  std::snprintf(beside, sizeof beside, "%.1f s; peak memory %.1f MiB; %.1f us of the server each",
                seconds, peak, (server.cpu_seconds() - cpu) * 1e6 / n);
  print(o, {"catch-up of " + std::to_string(records), "messages/s", {n / seconds}, beside});
  const auto again = Clock::now();
  const double second = until_ended(channel, newcomer.start({"pull", "long"}), "pull");
  std::snprintf(beside, sizeof beside, "start, open, compare, end; peak memory %.1f MiB", second);
  print(o, {"pull with nothing missing", "ms", {micros(Clock::now() - again) / 1000}, beside});
}

}  // namespace moot::bench
