#include "net/worker.h"

#include <gtest/gtest.h>

#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "net/clock.h"

namespace moot::net {
namespace {

// One connection over a pair of sockets, at a thread whose calls are collected.
class WorkerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto vault = seal::Vault::make();
    ASSERT_TRUE(vault);
    vault_ = std::move(*vault);
    worker_.emplace(0, session::ServerInfo{}, limits::kCnnTimeout, *vault_, budget_, port_);
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    peer_ = fds[1];
    Accepted a;
    a.transport = Transport(fds[0]);
    worker_->accept(std::move(a));
    turn();
    char greeting[4096];
    ASSERT_GT(::recv(peer_, greeting, sizeof greeting, 0), 0);
  }
  void TearDown() override {
    worker_.reset();
    ::close(peer_);
  }

  // Waits for no longer than it takes to see what is there.
  void turn() {
    worker_->wait(read_clocks().tick + Millis{20});
    worker_->receive();
    worker_->deliver_waiting();
    worker_->flush();
  }
  void hang_up() { ASSERT_EQ(::shutdown(peer_, SHUT_WR), 0); }
  // A box with one piece of `octets`, for nobody.
  static std::unique_ptr<Outbox> box(std::size_t octets) {
    auto b = std::make_unique<Outbox>();
    b->octets.put(Bytes(std::vector<std::uint8_t>(octets)));
    return b;
  }

  std::unique_ptr<seal::Vault> vault_;
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
