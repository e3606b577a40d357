#include "apps/mootd/backup.h"

#include <atomic>
#include <csignal>
#include <cstdio>

#include "apps/mootd/commands.h"
#include "apps/mootd/key_output.h"
#include "net/admin.h"
#include "store/server_store.h"

namespace moot::mootd {
namespace {

// Global, because that is all a signal handler can reach.
std::atomic<bool> told_to_end{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// As long as it lives, a signal that would end this process ends the copying instead.
class EndsTheCopy {
 public:
  EndsTheCopy() {
    struct sigaction take{};
    take.sa_handler = [](int) { told_to_end = true; };
    take.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < std::size(kSignals); ++i) {
      ::sigaction(kSignals[i], nullptr, &before_[i]);
      // What nohup ignores stays ignored.
      if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &take, nullptr);
    }
  }
  ~EndsTheCopy() {
    for (std::size_t i = 0; i < std::size(kSignals); ++i)
      ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  EndsTheCopy(const EndsTheCopy&) = delete;
  EndsTheCopy& operator=(const EndsTheCopy&) = delete;

 private:
  static constexpr int kSignals[] = {SIGTERM, SIGINT, SIGHUP};
  struct sigaction before_[std::size(kSignals)] = {};
};

int failed(const std::string& sentence) {
  std::fprintf(stderr, "mootd: %s\n", sentence.c_str());
  return kExitFailed;
}

}  // namespace

int run_backup(const Config& config, const std::string& file) {
  // Whether there is a store, and whether the caller may: said as by every other command.
  if (const auto status = carry_out(config, {"status", {}}); !status) {
    return failed(status.error().message);
  }
  Status copied;
  {
    const EndsTheCopy signals;
    copied = store::backup(config.server.data_dir, file, told_to_end);
  }
  if (!copied) return failed(copied.error().message);
  // Only now: a line of the log and the doctor say that there is one.
  const net::AdminRequest made{std::string(net::kBackupMade), {{"file", file}}};
  const auto logged = carry_out(config, made);
  if (!logged) {
    return failed("The backup " + file +
                  " is whole, but the audit log has no line of it: " + logged.error().message);
  }
  print(logged->out);
  return kExitDone;
}

}  // namespace moot::mootd
