// Channels behind the server core: barriers, rates, ends of connections.
#include <gtest/gtest.h>

#include <array>

#include "channel/record.h"
#include "server/core_harness.h"

namespace moot::server {
namespace {

ChannelId channel(std::uint64_t n) {
  return ChannelId::make({1'700'000'000'000 + n}, std::array<std::uint8_t, 10>{});
}
ReplicaId replica(std::uint8_t n) {
  ReplicaId id;
  id.octets.fill(n);
  return id;
}
c::ChCreate create(std::uint64_t n, std::string_view name, Keeper keeper = Keeper::members) {
  return {.id = channel(n), .name = {name}, .keeper = keeper};
}

// One person's two connections.
struct TwoDevices : Harness {
  TwoDevices() : Harness({"ada"}) {
    add_device("ada", 1);
    restart();
    first = connect("ada");
    second = connect("ada", 1);
    log();
  }
  ConnId first;
  ConnId second;
};

TEST(ChannelsInCore, ABarrierWaitsForWhatAnotherConnectionMadeDurable) {
  TwoDevices h;
  h.say(h.first, create(1, "ops"));
  h.say(h.second, create(1, "ops"));
  h.say(h.second, c::Info{});
  EXPECT_EQ(h.heard(h.second), "") << "the channel is not on disk: nothing may say that it is";
  h.sync();
  const std::string told = h.heard(h.second);
  EXPECT_TRUE(has(told, "CH_STATUS") && told.find("CH_STATUS") < told.find("SINFO ref=")) << told;
}

TEST(ChannelsInCore, AConnectionThatWasReplacedDoesNotTakeItsReplicaBack) {
  TwoDevices h;
  const ConnId older = h.first;
  const ConnId newer = h.second;
  h.say(older, create(1, "ops"));
  h.say(older, c::ChAttach{channel(1), replica(7)});
  h.sync();
  h.log();
  h.say(newer, c::ChAttach{channel(1), replica(7)});
  EXPECT_TRUE(has(h.heard(older), "DCNN replaced"));
  h.say(older, c::ChAttach{channel(1), replica(7)});  // it was on its way
  EXPECT_EQ(h.heard(older), "");
  EXPECT_FALSE(has(h.heard(newer), "DCNN"));
  EXPECT_EQ(h.core().channels().attached_channels(newer), 1u);
}

TEST(ChannelsInCore, BadPayloadCountsWhoeverFindsIt) {
  Harness h({"ada"});
  const ConnId ada = h.connect("ada");
  h.log();
  for (unsigned n = 1; n <= 20; ++n) h.say(ada, create(n, "e\xcc\x81"));
  EXPECT_TRUE(has(h.heard(ada), "DCNN proto"));
}

TEST(ChannelsInCore, ARefusedCandidacyHasARate) {
  Config config = Harness::quiet_config();
  config.rates = {};
  Harness h({"ada", "bob", "cyd"}, config);
  const std::array conns{h.connect("ada"), h.connect("bob"), h.connect("cyd")};
  h.say(conns[0], create(1, "ops"));
  for (std::uint8_t i = 0; i < 3; ++i) {
    if (i > 0) h.say(conns[i], c::ChJoin{channel(1)});
    h.say(conns[i], c::ChAttach{channel(1), replica(i)});
  }
  h.sync();
  h.log();
  for (std::uint64_t n = 1; n <= 2; ++n) {
    h.say(conns[0], c::ChLead{.id = channel(1), .count = n});
    for (const ConnId voter : {conns[1], conns[2]}) {
      h.say(
          voter,
          c::ChVote{.election = (1ull << 20) | n, .user = Harness::user("bob"), .id = channel(1)});
    }
    EXPECT_FALSE(has(h.heard(conns[0]), "pause"));
  }
  h.say(conns[0], c::Kalive{});
  EXPECT_TRUE(has(h.heard(conns[0]), "pause 5000 ms"));
}

// A channel that the server keeps, of 200 people who are all there, with the shipped rates.
struct Crowd : Harness {
  static constexpr std::size_t kMembers = 200;

  Crowd() : Harness(names(), with_rates()) {
    sender = connect("u0");
    say(sender, create(1, "ops", Keeper::server));
    say(sender, c::ChAttach{channel(1), replica(0)});
    for (std::size_t i = 1; i < kMembers; ++i) {
      const ConnId conn = connect(names()[i]);
      say(conn, c::ChJoin{channel(1)});
      say(conn, c::ChAttach{channel(1), replica(static_cast<std::uint8_t>(i))});
    }
    sync();
    pass(Seconds{60});
    listen_only(sender);
    log();
  }
  static std::vector<std::string> names() {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < kMembers; ++i) all.push_back("u" + std::to_string(i));
    return all;
  }
  static Config with_rates() {
    Config config = quiet_config();
    config.rates = {};
    return config;
  }
  StampKey stamp_key() const {
    for (const op::Any& op : ops()) {
      if (const auto* put = std::get_if<op::PutStampKey>(&op)) return put->key;
    }
    return {};
  }

  ConnId sender;
  std::vector<std::uint8_t> msg = std::vector<std::uint8_t>(16'000);
  // So many such messages may go to all at once.
  unsigned at_once =
      static_cast<unsigned>(kFanOutBytesBurst / (kMembers * (msg.size() + kCopyOverhead)));
};

TEST(ChannelsInCore, WhatAMessageMakesOfItselfIsTheSendersToPay) {
  Crowd h;
  for (unsigned n = 1; n <= h.at_once; ++n) {
    h.say(h.sender, c::ChMsg{.id = channel(1), .msg_id = Harness::id(n), .msg = h.msg});
    ASSERT_FALSE(has(h.heard(h.sender), "pause")) << n;
  }
  h.say(h.sender, c::ChMsg{.id = channel(1), .msg_id = Harness::id(h.at_once + 1), .msg = h.msg});
  EXPECT_TRUE(has(h.heard(h.sender), "pause"));
}

TEST(ChannelsInCore, WhoBringsWhatOthersSaidDoesNotPayForItsCopies) {
  Crowd h;
  const StampKey key = h.stamp_key();
  for (unsigned n = 1; n <= 3 * h.at_once; ++n) {
    MergeRecord r;
    r.id = Harness::id(n);
    r.from = Harness::user("u1");
    r.msg = h.msg;
    r.timestamp = r.id.time().ms;
    const Stamp stamp = make_stamp(key, channel(1), r.id, r.from, r.msg);
    r.stamp = stamp;
    h.say(h.sender, c::ChMerge{.msg = {&r, 1}, .id = channel(1)});
    h.sync();
    const std::string heard = h.heard(h.sender);
    ASSERT_TRUE(has(heard, "CH_M")) << n << heard;
    ASSERT_FALSE(has(heard, "pause")) << n;
  }
}

TEST(ChannelsInCore, ANewConfigurationHoldsForChannels) {
  Harness h({"ada"});
  const ConnId ada = h.connect("ada");
  h.say(ada, create(1, "ops", Keeper::server));
  h.sync();
  h.log();
  const std::vector<std::uint8_t> msg(2'000);
  Config config = Harness::quiet_config();
  config.channels.msg_bytes_max = 1'000;
  h.core().configure(h.now(), config, h);
  h.say(ada, c::ChMsg{.id = channel(1), .msg_id = Harness::id(1), .msg = msg});
  EXPECT_TRUE(has(h.heard(ada), "too_large"));
}

}  // namespace
}  // namespace moot::server
