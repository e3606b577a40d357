#include <array>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "bench/still_server.h"
#include "channel/record.h"
#include "crypto/keccak_targets.h"
#include "crypto/mac_batch.h"
#include "session/outgoing.h"

// The hot paths of the server for tools/instructions.py, which counts their instructions: one path
// a run, `instructions PATH`. Prints how often the path was taken. Nothing here depends on a clock,
// on randomness or on the processor: Keccak runs in plain words unless the path names a target.
namespace moot::bench {
namespace {

const ByteBuf kBody(100, 'x');

// Private messages of two pairs, each way of a pair `together` at a time; every one acknowledged.
// Runs until what is remembered of an author is full before it counts.
std::size_t relay(std::size_t together) {
  constexpr std::size_t kPairs = 2;
  StillServer s(2 * kPairs);
  for (std::size_t n = 0; n < 2 * kPairs; ++n) s.connect(n);
  std::vector<c::Any> texts;
  std::vector<c::Any> acks;
  const auto round = [&](auto run) {
    std::array<std::vector<MsgId>, kPairs> ids;
    for (std::size_t p = 0; p < kPairs; ++p) {
      texts.clear();
      for (std::size_t i = 0; i < together; ++i) {
        ids[p].push_back(s.fresh_id());
        texts.push_back(
            c::PvMsg{.to = StillServer::user(2 * p + 1), .msg_id = ids[p].back(), .msg = kBody});
      }
      s.say(2 * p, texts);
    }
    run();
    for (std::size_t p = 0; p < kPairs; ++p) {
      acks.clear();
      for (const MsgId& id : ids[p])
        acks.push_back(c::AckMsg{.from = StillServer::user(2 * p), .msg_id = id});
      s.say(2 * p + 1, acks);
    }
    run();
  };
  const std::size_t warm = limits::kRecentAckedPerAuthor / together + 1;
  for (std::size_t i = 0; i < warm; ++i) round([&] { s.turn(); });
  const std::uint64_t before = s.commands_out();
  const std::size_t rounds = 256 / together;
  for (std::size_t i = 0; i < rounds; ++i) {
    round([&] { counted([&] { s.turn(); }); });
  }
  const std::size_t messages = rounds * together * kPairs;
  MOOT_CHECK(s.commands_out() - before == 2 * messages);  // MSG and MSG_ACK
  return messages;
}

ChannelId open_channel(StillServer& s, std::size_t members, Keeper keeper) {
  const ChannelId id = ChannelId::of(s.fresh_id().bytes());
  for (std::size_t n = 0; n < members; ++n) {
    s.connect(n);
    if (n == 0) {
      s.say(n, c::ChCreate{.id = id, .name = {"ops"}, .keeper = keeper});
    } else {
      s.say(n, c::ChJoin{id});
    }
    ReplicaId replica;
    replica.octets.fill(static_cast<std::uint8_t>(n + 1));
    s.say(n, c::ChAttach{id, replica});
    s.turn();
    s.sync();
  }
  // What CH_STATUS says of all this is told a little later, together.
  for (int i = 0; i < 1'000; ++i) s.turn();
  return id;
}

// A message in a channel of 100 members that the server keeps; its fsync is at once.
std::size_t fan_out() {
  constexpr std::size_t kMembers = 100;
  constexpr std::size_t kMessages = 32;
  StillServer s(kMembers);
  const ChannelId channel = open_channel(s, kMembers, Keeper::server);
  const auto message = [&](auto run) {
    s.say(0, c::ChMsg{.id = channel, .msg_id = s.fresh_id(), .msg = kBody});
    run();
  };
  const auto both = [&] {
    s.turn();
    s.sync();
  };
  for (int i = 0; i < 8; ++i) message(both);
  const std::uint64_t before = s.commands_out();
  for (std::size_t i = 0; i < kMessages; ++i) {
    message([&] { counted(both); });
  }
  MOOT_CHECK(s.commands_out() - before == kMessages * kMembers);
  return kMessages;
}

// A message that three members keep: relayed, acknowledged by two, committed by the leader.
std::size_t commit() {
  constexpr std::size_t kMembers = 3;
  constexpr std::size_t kMessages = 128;
  StillServer s(kMembers);
  const ChannelId channel = open_channel(s, kMembers, Keeper::members);
  const std::uint64_t election = election_number(1, 1);
  s.say(0, c::ChLead{.id = channel});
  s.turn();
  s.say(1, c::ChVote{.election = election, .user = StillServer::user(0), .id = channel});
  for (int i = 0; i < 1'000; ++i) s.turn();
  const std::array acks{StillServer::user(0), StillServer::user(1), StillServer::user(2)};
  const auto message = [&](auto run) {
    const MsgId id = s.fresh_id();
    const Digest digest = record_digest(channel, id, StillServer::user(0), kBody);
    s.say(0, c::ChMsg{.id = channel, .msg_id = id, .msg = kBody});
    run();
    for (const std::size_t n : {1, 2})
      s.say(n, c::AckChMsg{.id = id, .channel = channel, .digest = digest});
    run();
    s.say(0,
          c::ChCommit{
              .id = id, .acks = acks, .channel = channel, .election = election, .digest = digest});
    run();
  };
  for (int i = 0; i < 64; ++i) message([&] { s.turn(); });
  const std::uint64_t before = s.commands_out();
  for (std::size_t i = 0; i < kMessages; ++i) {
    message([&] { counted([&] { s.turn(); }); });
  }
  // To each: the text and its commit. Of each acknowledgement the author and the leader hear, who
  // are one here.
  MOOT_CHECK(s.commands_out() - before >= kMessages * 2 * kMembers);
  return kMessages;
}

// From greeting to SINFO, among 1,000 accounts, and the end.
std::size_t login() {
  constexpr std::size_t kAccounts = 1'000;
  StillServer s(kAccounts);
  for (std::size_t n = 0; n + 100 < kAccounts; ++n) s.connect(n);
  for (std::size_t n = kAccounts - 100; n < kAccounts; ++n) {
    s.prepare(n);
    counted([&] {
      s.admit(n);
      s.gone(n);
    });
  }
  return 100;
}

// The signatures of a turn's frames: 64 of 200 octets, computed together, compared with what the
// frames say.
std::size_t verify() {
  constexpr std::size_t kFrames = 64;
  const ByteBuf payload(200, 0x5a);
  std::vector<MacKey> keys;
  for (std::size_t i = 0; i < kFrames; ++i) {
    std::array<std::uint8_t, kMacKeyBytes> key{};
    key[0] = static_cast<std::uint8_t>(i);
    keys.emplace_back(key);
  }
  std::vector<Mac> macs(kFrames);
  std::vector<MacJob> jobs;
  for (std::size_t i = 0; i < kFrames; ++i) jobs.push_back({&keys[i], payload, {}, &macs[i]});
  sign_many(jobs);
  const std::string zero(128, '0');
  std::size_t equal = 0;
  counted([&] {
    sign_many(jobs);
    for (const Mac& mac : macs) equal += session::signature_is(zero, mac) ? 1 : 0;
  });
  MOOT_CHECK(equal == 0);
  return kFrames;
}

int run(std::string_view path) {
  const bool wide = path == "verify_avx2";
  // The widest comes first, plain words last.
  if (!keccak_use_target(wide ? "AVX2" : keccak_targets().back())) {
    std::puts("0");  // not on this processor
    return 0;
  }
  std::size_t times = 0;
  if (path == "relay") times = relay(1);
  if (path == "relay_batch") times = relay(16);
  if (path == "fan_out_100") times = fan_out();
  if (path == "commit") times = commit();
  if (path == "login") times = login();
  if (path == "verify" || wide) times = verify();
  if (times == 0) {
    std::fputs(
        "instructions PATH: relay, relay_batch, fan_out_100, commit, login, verify or "
        "verify_avx2\n",
        stderr);
    return 2;
  }
  std::printf("%zu\n", times);
  return 0;
}

}  // namespace
}  // namespace moot::bench

int main(int argc, char** argv) { return moot::bench::run(argc == 2 ? argv[1] : ""); }
