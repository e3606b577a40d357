#include "apps/moot/tui.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <ctime>

#include "apps/moot/commands.h"
#include "apps/moot/tui_model.h"
#include "base/counted.h"

namespace moot::app::tui {
namespace {

constexpr int kKeysAtOnce = 1'000;
constexpr auto kDrain = std::chrono::seconds(3);

WallTime wall_time(std::uint64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm at{};
  localtime_r(&seconds, &at);
  return {at.tm_year + 1900,
          static_cast<unsigned>(at.tm_mon + 1),
          static_cast<unsigned>(at.tm_mday),
          static_cast<unsigned>(at.tm_wday),
          static_cast<unsigned>(at.tm_hour),
          static_cast<unsigned>(at.tm_min)};
}

class FullScreen {
 public:
  FullScreen(Seat seat, const std::string& target, std::unique_ptr<Screen> screen, Fd signals)
      : seat_(std::move(seat)),
        screen_(std::move(screen)),
        signals_(std::move(signals)),
        model_(target, wall_time) {}

  int run() {
    model_.resize(screen_->size());
    model_.seated();
    while (!model_.quit() && !ended_) {
      const auto heard = exchange();
      if (heard == Seat::Heard::ended && !again()) return kFailed;
      if (model_.take_bell()) screen_->bell();
      screen_->draw(compose(model_.state(), wall_time));
      pollfd p[3] = {
          {seat_.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
      if (poll(p, 3, heard == Seat::Heard::more ? 0 : -1) < 0 && errno != EINTR) break;
      if (p[2].revents != 0) take_signal();
      if (p[1].revents != 0) take_keys();
    }
    exchange();
    screen_.reset();
    drain();
    return kDone;
  }

 private:
  // What is to be asked, then what is to be heard.
  Seat::Heard exchange() {
    const auto ask = [this] {
      // That the owner has gone is heard at once.
      for (const Json& json : model_.take_asks()) seat_.send(json);
    };
    ask();
    return seat_.hear([&](const Json& line) {
      model_.hear(line);
      ask();
    });
  }

  // The process that had the store ended: this one goes on in its place, or at the next one's.
  bool again() {
    if (auto sat = seat_.again(); !sat) {
      screen_.reset();
      give_up(sat.error());
      return false;
    }
    model_.seated();
    return true;
  }

  void take_keys() {
    for (int i = 0; i < kKeysAtOnce && !model_.quit(); ++i) {
      const auto key = screen_->read();
      if (!key) break;
      if (key->ctrl && key->text == "l") {
        screen_->redraw();
      } else {
        model_.press(*key);
      }
    }
    ended_ = ended_ || screen_->ended();
  }

  void take_signal() {
    signalfd_siginfo what{};
    if (read(signals_.get(), &what, sizeof what) != sizeof what) return;
    if (what.ssi_signo == SIGWINCH) {
      model_.resize(screen_->resized());
    } else {
      ended_ = true;
    }
  }

  // What was typed is on disk; it gets a moment to reach the server before the connection goes.
  void drain() {
    const auto until = std::chrono::steady_clock::now() + kDrain;
    while (model_.waiting() > 0 && model_.state().connection == "connected") {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          until - std::chrono::steady_clock::now());
      if (left.count() <= 0) break;
      const auto got = seat_.receive(left);
      if (got.ended) break;
      if (got.line) model_.hear(*got.line);
    }
    if (const std::size_t n = model_.waiting(); n > 0) {
      fmt::print(stderr, "moot: {} not sent yet; in the outbox, going with the next connection.\n",
                 counted(n, "message is", "messages are"));
    }
  }

  Seat seat_;
  std::unique_ptr<Screen> screen_;
  Fd signals_;
  Model model_;
  bool ended_ = false;
};

}  // namespace

int run(Seat seat, const std::string& target, std::unique_ptr<Screen> screen, Fd signals) {
  return FullScreen(std::move(seat), target, std::move(screen), std::move(signals)).run();
}

}  // namespace moot::app::tui
