#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "apps/moot/scripted_owner_test.h"
#include "apps/moot/seat.h"
#include "apps/moot/show_channel.h"

// Who stays and listens: nothing that the owner says is lost, whatever channels are called.
namespace moot::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kId[] = "01HHNNM7S8M2RW5MZ4YM31EA1S";

Client::Channel channel(const std::string& name) {
  Client::Channel c;
  c.name = name;
  c.id = kId;
  c.keeper = "members";
  c.status = "healthy";
  c.leader = "bob";
  c.min = 3;
  c.members_n = c.online_n = 3;
  c.member = true;
  return c;
}
Client::Post post(const std::string& channel, std::uint64_t n) {
  Client::Post p;
  p.channel = channel;
  p.channel_id = kId;
  p.id = "01HHNNM7S8M2RW5MZ4YM31EA2" + std::to_string(n);
  p.from = "bob";
  p.text = "text " + std::to_string(n);
  p.state = Client::State::committed;
  p.seq = n;
  return p;
}
class Follow : public CommandTest {
 protected:
  Follow() { sigprocmask(SIG_SETMASK, nullptr, &before_); }
  ~Follow() override { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;  // `moot replica` blocks those that end it
};

TEST_F(Follow, AReplicaKeepsAChannelThatIsRenamed) {
  ScriptedOwner owner(dir_, [](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "attach") return {};
    if (ask.str("do") != "channels_here") return {};
    return {line(channel("ops")),
            event("channel", channel("ops")),
            event("post", post("ops", 1)),
            event("channel", channel("dev")),
            event("post", post("dev", 2)),
            Json()
                .set("ev", "sync")
                .set("channel", "dev")
                .set("id", kId)
                .set("records", std::uint64_t{3}),
            Json().set("ev", "synced").set("channel", "dev").set("id", kId),
            event("acks", post("dev", 2)),
            event("left", channel("dev"))};
  });
  const Ran ran = moot({"replica", "#ops", "--json"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("no channel left"));
  std::vector<std::string> what;
  std::string_view rest = ran.out;
  for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;
       rest.remove_prefix(end + 1)) {
    const auto said = Json::parse(rest.substr(0, end));
    ASSERT_TRUE(said.has_value()) << ran.out;
    what.push_back(
        said->str("channel") + ' ' + said->str("what") +
        (said->has("since_start") ? ' ' + std::to_string(said->u64("since_start")) : ""));
  }
  EXPECT_THAT(what, ElementsAre("ops status", "ops commits 1", "dev renamed", "dev commits 2",
                                "dev synced", "dev left"))
      << ran.out;
}

TEST_F(Follow, TailKeepsAChannelThatIsRenamed) {
  int arrivals = 0;
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    const std::string& what = ask.str("do");
    if (what == "channels_here") {
      return {line(channel("ops"))};
    }
    if (what != "posts") return {};
    // Only its id names it all the time.
    if (!ask.str("channel").empty() && ask.str("channel") != kId)
      return {Json().set("error", "There is nothing of #ops here.")};
    // Told before the new name is.
    if (ask.str("order") == "newest") return {event("post", post("dev", 1))};
    if (ask.str("order") != "arrival" || ask.str("channel").empty()) return {};
    if (++arrivals == 1) {
      return {line(post("dev", 1)), event("channel", channel("dev")),
              event("post", post("dev", 2))};
    }
    return {line(post("dev", 2)), Json().set("ev", "stopped").set("text", "End.")};
  });
  const Ran ran = moot({"tail", "#ops", "-f"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_EQ(ran.err, "moot: End.\n");
  EXPECT_THAT(ran.out, HasSubstr("#dev  @bob  text 1\n"));
  EXPECT_THAT(ran.out, HasSubstr("#dev  @bob  text 2\n"));
}

TEST_F(Follow, SendingGoesOnInAChannelThatIsRenamed) {
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "channels_here") {
      return {line(channel("ops")), event("channel", channel("dev"))};
    }
    if (ask.str("do") != "post") return {};
    if (ask.str("channel") != kId) return {Json().set("error", "You are in no channel #ops.")};
    Client::Post p = post("dev", 1);
    p.draft = 4;
    return {Json().set("draft_only", std::uint64_t{4}), event("post", p)};
  });
  const Ran ran = moot({"send", "#ops", "hello"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
}

TEST_F(Follow, SendingIsNotLedAstrayByWhatIsToldOfOtherChannels) {
  Client::Channel other = channel("dev");
  other.id = "01HHNNM7S8M2RW5MZ4YM31EA9S";
  int attached = 0;
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "attach" && ++attached == 1)
      return {event("channel", other), Json().set("error", "You are in no channel #ops.")};
    if (ask.str("do") == "channels_here") return {line(other), line(channel("ops"))};
    if (ask.str("do") != "post") return {};
    if (ask.str("channel") != kId) return {Json().set("error", "This is another channel.")};
    Client::Post p = post("ops", 1);
    p.draft = 4;
    return {Json().set("draft_only", std::uint64_t{4}), event("post", p)};
  });
  const Ran ran = moot({"send", "#ops", "hello"});
  EXPECT_EQ(ran.code, kDone) << ran.err;
}

// An owner that writes all it has to say at once.
class Burst {
 public:
  Burst(const std::string& dir, std::string lines)
      : listener_(std::move(*listen_in(dir))), lines_(std::move(lines)) {
    thread_ = std::thread([this] { run(); });
  }
  ~Burst() {
    ended_ = true;
    thread_.join();
  }

 private:
  void run() {
    while (!ended_) {
      pollfd p{listener_.get(), POLLIN, 0};
      if (poll(&p, 1, 20) <= 0) continue;
      Lines guest(Fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
      while (!ended_) {
        const auto got = guest.receive(std::chrono::milliseconds(20));
        if (got.ended) break;
        if (!got.line) continue;
        if (got.line->str("do") == "watch") {
          write_all(guest.fd());
        } else {
          guest.send(Json().set("re", got.line->u64("n")).set("end", true));
        }
      }
    }
  }
  void write_all(int fd) const {
    for (std::size_t done = 0; done < lines_.size();) {
      const ssize_t n = ::send(fd, lines_.data() + done, lines_.size() - done, MSG_NOSIGNAL);
      if (n <= 0) return;
      done += static_cast<std::size_t>(n);
    }
  }

  Fd listener_;
  std::string lines_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

TEST_F(Follow, ManyLinesAtOnceAreHeardToTheLast) {
  constexpr std::size_t kAll = 10'100;
  std::string lines;
  for (std::size_t n = 0; n < kAll; ++n) lines += Json().set("ev", "notice").text() + '\n';
  Burst owner(dir_, lines);
  auto seat = Seat::take({{}, dir_}, {});
  ASSERT_TRUE(seat.has_value());
  ASSERT_TRUE(seat->send(Json().set("do", "watch")));
  std::size_t heard = 0;
  bool more = false;
  while (heard < kAll) {
    pollfd p{seat->fd(), POLLIN, 0};
    ASSERT_TRUE(more || poll(&p, 1, 10'000) == 1) << heard << " were heard";
    const auto how = seat->hear([&](const Json&) { ++heard; });
    ASSERT_NE(how, Seat::Heard::ended);
    more = how == Seat::Heard::more;
  }
  EXPECT_EQ(heard, kAll);
}

// Standard input as a pipe that nobody writes to and nobody closes.
class SilentInput {
 public:
  SilentInput() : before_(dup(STDIN_FILENO)) {
    MOOT_CHECK(pipe(ends_) == 0);
    dup2(ends_[0], STDIN_FILENO);
  }
  ~SilentInput() {
    dup2(before_, STDIN_FILENO);
    for (const int fd : {before_, ends_[0], ends_[1]}) close(fd);
  }

 private:
  int before_;
  int ends_[2];
};

TEST_F(Follow, AChatOfAProgramEndsWithTheStore) {
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    if (ask.str("do") == "users")
      return {Json().set("ev", "store_failed").set("why", "The disk is full.")};
    return {};
  });
  const SilentInput input;
  const Ran ran = moot({"chat"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_THAT(ran.out, HasSubstr("The disk is full."));
}

TEST_F(Follow, WhoeverWaitsForTheServerIsToldThatTheStoreFailed) {
  ScriptedOwner owner(dir_, [&](const Json& ask) -> std::vector<Json> {
    Client::Channel c = channel("ops");
    c.leader.clear();
    const Json failed = Json().set("ev", "store_failed").set("why", "The disk is full.");
    if (ask.str("do") == "watch") return {failed};
    if (ask.str("do") == "channels_here") return {line(c)};
    return {};
  });
  for (const std::vector<std::string>& args : {std::vector<std::string>{"users"},
                                               {"pull", "ops"},
                                               {"verify", "ops"},
                                               {"send", "ops", "hello"}}) {
    const Ran ran = moot(args);
    EXPECT_EQ(ran.code, kFailed) << args[0];
    EXPECT_THAT(ran.err, HasSubstr("The disk is full.")) << args[0];
  }
}

TEST_F(Follow, AnOwnerThatTakesLongToEndIsWaitedFor) {
  ScriptedOwner owner(dir_, [](const Json&) -> std::vector<Json> { return {}; }, 150);
  const auto seat = Seat::take({{}, dir_}, {});
  ASSERT_TRUE(seat.has_value()) << seat.error().sentence;
}

}  // namespace
}  // namespace moot::app
