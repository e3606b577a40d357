// Private messages of accounts with several devices (protocol.md 6.2).
#include <gtest/gtest.h>

#include "server/core.h"
#include "server/core_harness.h"

namespace moot::server {
namespace {

TEST(PrivateDevices, ReachEveryDeviceOnce) {
  Harness h({"ada", "bob"});
  h.add_device("bob", 1);
  h.add_device("ada", 1);
  h.restart();
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  h.log();
  h.say(ada, pv("bob", 1));
  EXPECT_EQ(h.heard(bob), msg_line("ada", 1) + "\n");
  h.say(bob, ack("ada", 1));
  EXPECT_EQ(h.heard(ada), "") << "the copies of the devices that are away are not on disk yet";
  h.sync();
  EXPECT_EQ(h.heard(ada), msg_ack(1, "bob") + "\n");
  h.restart();
  const ConnId phone = h.connect("bob", 1);
  EXPECT_EQ(h.heard(phone), "SINFO\n" + msg_line("ada", 1) + "\n");
  const ConnId other = h.connect("ada", 1);
  EXPECT_EQ(h.heard(other), "SINFO\n" + msg_line("ada", 1) + " to=@bob\n");
  h.say(other, ack("ada", 1));
  h.say(phone, ack("ada", 1));
  h.sync();
  h.restart();
  EXPECT_EQ(h.core().counts().offline_messages, 0u);
}

// Found by the soak (seed 1, 0.4 minutes): MSG_ACK made by a device that was away ended it for
// those that were here before the restart.
TEST(PrivateDevices, WhenOneCopyIsOnDiskAllAre) {
  Harness h({"ada", "bob"});
  h.add_device("bob", 1);
  h.add_device("ada", 1);
  h.restart();
  const ConnId ada = h.connect("ada");
  h.connect("ada", 1);
  h.connect("bob", 1);
  h.say(ada, pv("bob", 1));
  h.sync();
  h.restart();  // nobody acknowledged it
  const ConnId bob = h.connect("bob");
  EXPECT_EQ(h.heard(bob), "SINFO\n" + msg_line("ada", 1) + "\n");
  h.say(bob, ack("ada", 1));
  const ConnId phone = h.connect("bob", 1);
  EXPECT_EQ(h.heard(phone), "SINFO\n" + msg_line("ada", 1) + "\n");
  const ConnId other = h.connect("ada", 1);
  h.sync();
  EXPECT_TRUE(has(h.heard(other), msg_line("ada", 1) + " to=@bob\n"));
}

// protocol.md 6.2: the device that wrote it has it.
TEST(PrivateDevices, ANoteToOneselfGoesToTheOtherDevices) {
  Harness h({"ada", "bob"});
  h.add_device("ada", 1);
  h.restart();
  const ConnId ada = h.connect("ada");
  h.log();
  h.say(ada, pv("ada", 1));
  h.sync();
  EXPECT_FALSE(has(h.heard(ada), msg_line("ada", 1)));
  const ConnId phone = h.connect("ada", 1);
  EXPECT_EQ(h.heard(phone), "SINFO\n" + msg_line("ada", 1) + "\n");
  h.say(phone, ack("ada", 1));
  h.sync();
  EXPECT_TRUE(has(h.heard(ada), "MSG_ACK"));
  EXPECT_EQ(h.core().counts().offline_messages, 0u);
  h.check();
}

TEST(PrivateDevices, ANoteToOneselfComesBackToTheOnlyDevice) {
  Harness h({"ada", "bob"});
  const ConnId ada = h.connect("ada");
  h.log();
  h.say(ada, pv("ada", 1));
  EXPECT_TRUE(has(h.heard(ada), msg_line("ada", 1)));
  h.say(ada, ack("ada", 1));
  h.sync();
  EXPECT_TRUE(has(h.heard(ada), "MSG_ACK"));
  h.check();
}

TEST(PrivateDevices, OfOnesOwnADeviceThatIsAwayGetsTheLatest) {
  Config c = Harness::quiet_config();
  c.offline_messages = 3;
  Harness h({"ada", "bob"}, c);
  h.add_device("ada", 1);
  h.restart();
  ConnId ada = h.connect("ada");
  ConnId bob = h.connect("bob");
  const auto talk = [&](unsigned from, unsigned upto) {
    for (unsigned n = from; n <= upto; ++n) {
      h.say(ada, pv("bob", n));
      h.say(bob, ack("ada", n));
      h.check();
    }
  };
  talk(1, 4);
  EXPECT_EQ(h.core().counts().offline_messages, 3u);
  h.sync();
  h.restart();
  ada = h.connect("ada");
  bob = h.connect("bob");
  talk(5, 20);
  EXPECT_EQ(h.core().counts().offline_messages, 3u) << "counted on after a restart";
  h.sync();
  h.log();
  const ConnId other = h.connect("ada", 1);
  EXPECT_EQ(h.heard(other), "SINFO\n" + msg_line("ada", 18) + " to=@bob\n" + msg_line("ada", 19) +
                                " to=@bob\n" + msg_line("ada", 20) + " to=@bob\n");
  for (unsigned n = 18; n <= 20; ++n) h.say(other, ack("ada", n));
  EXPECT_EQ(h.core().counts().offline_messages, 0u);
  h.check();
}

TEST(PrivateDevices, OfOnesOwnSoManyOctetsAreKept) {
  Config c = Harness::quiet_config();
  c.offline_bytes = 2'000;
  Harness h({"ada", "bob"}, c);
  h.add_device("ada", 1);
  h.restart();
  const ConnId ada = h.connect("ada");
  const ConnId bob = h.connect("bob");
  const ByteBuf body(900, 7);
  for (unsigned n = 1; n <= 5; ++n) {
    h.say(ada, pv("bob", n, body));
    h.say(bob, ack("ada", n));
    h.check();
  }
  EXPECT_EQ(h.core().counts().offline_messages, 2u);
  h.say(ada, pv("bob", 6, body));
  EXPECT_FALSE(has(h.heard(ada), "queue_full")) << "bob's queue is another matter";
}

}  // namespace
}  // namespace moot::server
