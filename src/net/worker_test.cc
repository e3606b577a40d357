#include "net/worker.h"

#include <gtest/gtest.h>

#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "net/clock.h"
#include "wire/commands.h"

namespace moot::net {
namespace {

// One connection over a pair of sockets, at a thread whose calls are collected.
class WorkerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto vault = seal::Vault::make();
    ASSERT_TRUE(vault);
    vault_ = std::move(*vault);
    // Long enough for every other deadline to come first.
    worker_.emplace(0, session::ServerInfo{}, std::chrono::hours{1}, *vault_, budget_, port_);
    worker_->clocks = [this] {
      Now now = read_clocks();
      now.tick = now.tick + later_;
      return now;
    };
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    peer_ = fds[1];
    if (full_) {
      const std::vector<std::uint8_t> junk(4096);
      while (::send(fds[0], junk.data(), junk.size(), MSG_NOSIGNAL) > 0) {
      }
    }
    Accepted a;
    a.transport = Transport(fds[0]);
    worker_->accept(std::move(a));
    turn();
    if (full_) return;
    char greeting[4096];
    ASSERT_GT(::recv(peer_, greeting, sizeof greeting, 0), 0);
  }
  void TearDown() override {
    worker_.reset();
    ::close(peer_);
  }

  // Waits for no longer than it takes to see what is there.
  void turn() {
    worker_->wait(worker_->clocks().tick + Millis{20});
    worker_->receive();
    worker_->deliver_waiting();
    worker_->flush();
  }
  // A first frame, signed by nobody; `spoil` may change its payload.
  void say(const c::Any& cmd, void (*spoil)(MutBytes) = [](MutBytes) {}) {
    Buffer fields;
    const std::uint32_t pairs = wire::encode_fields(fields, cmd);
    Buffer out;
    const wire::FrameSlot slot =
        wire::put_frame(out, Dir::client, 7, 7, {wire::name_of(cmd), pairs, fields.bytes()});
    spoil({out.data() + slot.payload, slot.payload_len});
    Mac mac;
    mac.fill(0x5a);
    wire::put_signature(out, slot, mac);
    ASSERT_EQ(::send(peer_, out.data(), out.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(out.size()));
  }
  // Whom the hub was asked for in this turn; none: nobody.
  std::optional<CnnName> looked_up() {
    for (const InBatch::Call& call : port_.take().calls) {
      if (const auto* name = std::get_if<CnnName>(&call)) return *name;
    }
    return std::nullopt;
  }
  // The hub's answer for who is nobody: a key that no one has.
  void answer_nobody(ConnId conn) {
    KeyAnswer answer;
    answer.candidates.push_back({Credential{}, {}});
    auto b = std::make_unique<Outbox>();
    b->answers.push_back(std::move(answer));
    b->outs.push_back({.kind = Out::Kind::keys, .conn = conn});
    worker_->deliver_later(std::move(b));
    turn();
  }
  void hang_up() { ASSERT_EQ(::shutdown(peer_, SHUT_WR), 0); }
  // A box with one piece of `octets`, for nobody.
  static std::unique_ptr<Outbox> box(std::size_t octets) {
    auto b = std::make_unique<Outbox>();
    b->octets.put(Bytes(std::vector<std::uint8_t>(octets)));
    return b;
  }

  // Reads some of what waits for it.
  std::size_t read_some() {
    std::vector<std::uint8_t> room(64 * 1024);
    const ssize_t n = ::recv(peer_, room.data(), room.size(), 0);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  std::uint64_t stalled() const {
    return worker_->tallies().silent[static_cast<std::size_t>(Silent::stalled)].get();
  }

  std::unique_ptr<seal::Vault> vault_;
  Millis later_{0};    // than it is
  bool full_ = false;  // nothing fits into what goes to the peer
  QueueBudget budget_{kSendQueuesBytes};
  QueuePort port_;
  std::optional<Worker> worker_;
  int peer_ = -1;
};

TEST_F(WorkerTest, HeldItReadsNothingAndWaitsForWhoWakesIt) {
  hang_up();
  worker_->hold(true);
  for (int i = 0; i < 3; ++i) turn();
  EXPECT_EQ(worker_->load(), 1u);  // it has not seen the end
  worker_->hold(false);
  turn();
  EXPECT_EQ(worker_->load(), 0u);
}

// protocol.md 5.2: as late as an unknown id, because it takes the way of one.
TEST_F(WorkerTest, ACnnThatCannotBeReadIsLookedUpAndTriedLikeAnUnknownId) {
  const c::Cnn cnn{.id = *UserId::parse("nobody"), .kid = Kid{}, .srv = "moot.local"};
  struct Case {
    const char* what;
    c::Any cmd;
    void (*spoil)(MutBytes);
    Silent counted;
  };
  const auto none = [](MutBytes) {};
  const Case cases[] = {
      {"an unknown id", cnn, none, Silent::auth_failure},
      {"a map with less than it says", cnn, [](MutBytes p) { ++p[0]; }, Silent::protocol_error},
      {"octets that are no msgpack", cnn, [](MutBytes p) { p[0] = 0xc1; }, Silent::protocol_error},
      {"a command that is no CNN", c::Info{}, none, Silent::protocol_error},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    TearDown();
    port_.take();
    SetUp();
    say(c.cmd, c.spoil);
    turn();
    const auto name = looked_up();
    ASSERT_TRUE(name.has_value()) << "the hub is asked";
    EXPECT_TRUE(name->kid.has_value()) << "one key is tried";
    EXPECT_EQ(worker_->load(), 1u) << "it is not closed before the hub has answered";
    answer_nobody(name->conn);
    EXPECT_EQ(worker_->load(), 0u);
    EXPECT_EQ(worker_->tallies().cnn.get(), 1u) << "its signature was compared";
    EXPECT_EQ(worker_->tallies().silent[static_cast<std::size_t>(c.counted)].get(), 1u);
    char more[16];
    EXPECT_EQ(::recv(peer_, more, sizeof more, 0), 0) << "nothing is said";
  }
}

class StalledPeer : public WorkerTest {
 protected:
  StalledPeer() { full_ = true; }
};

TEST_F(StalledPeer, IsEndedWhenNothingLeftForThirtySeconds) {
  later_ = limits::kWriteStall - Millis{5'000};  // the machine may have been slow so far
  turn();
  EXPECT_EQ(worker_->load(), 1u);
  EXPECT_EQ(stalled(), 0u);
  later_ = limits::kWriteStall;
  turn();
  EXPECT_EQ(worker_->load(), 0u);
  EXPECT_EQ(stalled(), 1u);
}

TEST_F(StalledPeer, IsNotEndedOnceItReads) {
  later_ = limits::kWriteStall - Millis{5'000};
  std::size_t got = 0;
  while (const std::size_t n = read_some()) got += n;
  EXPECT_GT(got, 0u);
  turn();  // the greeting leaves
  EXPECT_GT(read_some(), 0u);
  later_ = 2 * limits::kWriteStall;
  turn();
  EXPECT_EQ(worker_->load(), 1u);
  EXPECT_EQ(stalled(), 0u);
}

TEST_F(WorkerTest, SaysThatItIsBehindUntilItTookWhatWaits) {
  int room = 0;
  worker_->on_room = [&] { ++room; };
  worker_->deliver_later(box(kMailboxBytes));
  EXPECT_FALSE(worker_->behind());
  worker_->deliver_later(box(1));
  EXPECT_TRUE(worker_->behind());
  worker_->hold(true);  // held by another, it takes what is for its own connections
  turn();
  EXPECT_FALSE(worker_->behind());
  EXPECT_EQ(room, 1);
  worker_->deliver_later(box(1));
  turn();
  EXPECT_EQ(room, 1);
}

TEST(Mailbox, IsFullOverItsBoundAndTellsWhoTakes) {
  Mailbox<int> mail;
  std::vector<int> got;
  EXPECT_TRUE(mail.put(1, kMailboxBytes));
  EXPECT_FALSE(mail.full());
  EXPECT_FALSE(mail.put(2, 1));
  EXPECT_TRUE(mail.full());
  EXPECT_TRUE(mail.take(got));
  EXPECT_EQ(got, (std::vector{1, 2}));
  EXPECT_FALSE(mail.full());
  EXPECT_TRUE(mail.put(3));
  EXPECT_FALSE(mail.take(got));
  EXPECT_EQ(got, (std::vector{3}));
}

}  // namespace
}  // namespace moot::net
