// Replicas and the real coordinator together, on a network that neither delays nor loses: the two
// sides agree about the protocol.

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "channel/channels.h"
#include "channel/memory_records.h"
#include "channel/test_replica.h"

namespace moot {
namespace {
using test::kChannel;
using test::Member;
using test::user;

struct NothingKept : KeptRecords {
  MemoryRecords none;
  const RecordReader& of(const ChannelId&) const override { return none; }
};

class Cluster : private ChannelEffects {
 public:
  explicit Cluster(const std::vector<std::string>& names) {
    ChannelsConfig config;
    config.lobby = false;
    config.stamp_key.octets.fill(7);
    const TextRules text{[](std::string_view) { return true; },
                         [](std::string_view t) { return std::string(t); }};
    ServerSnapshot stored;
    for (const std::string& name : names) {
      Account account;
      account.id = user(name);
      stored.accounts.push_back(account);
    }
    server_ = std::make_unique<Channels>(config, text, stored, kept_);
    server_->start(now_, *this);
    std::uint64_t seed = 0;
    for (const std::string& name : names) {
      Node& node = nodes_[name];
      node.member = std::make_unique<Member>(name, ++seed);
      node.member->now = now_;
      enter(name);
      if (seed == 1) {
        c::ChCreate create;
        create.id = kChannel;
        create.name = {"ops"};
        create.keeper = Keeper::members;
        server_->step(now_, node.conn, create, *this);
      } else {
        server_->step(now_, node.conn, c::ChJoin{kChannel}, *this);
      }
    }
  }

  Member& operator[](const std::string& name) { return *nodes_.at(name).member; }
  void attach(const std::string& name) {
    if (nodes_.at(name).conn.n == 0) enter(name);
    nodes_.at(name).member->connect();
    run();
  }
  void cut(const std::string& name) {
    Node& node = nodes_.at(name);
    const ConnId conn = node.conn;
    node.conn = {};
    node.inbox.clear();
    node.member->outgoing().clear();
    node.member->disconnect();
    server_->disconnected(now_, conn, *this);
    run();
  }
  RecordKey say(const std::string& name, const std::string& text) {
    const auto key = nodes_.at(name).member->compose(text);
    EXPECT_TRUE(key.has_value()) << name;
    run();
    return key.value_or(RecordKey{});
  }
  // Time goes on, in steps of 10 ms, and everything that is due happens.
  void pass(Millis d) {
    for (Millis done{0}; done < d; done += Millis{10}) {
      now_.tick = now_.tick + Millis{10};
      now_.wall.ms += 10;
      if (server_->next_deadline() && *server_->next_deadline() <= now_.tick) {
        server_->tick(now_, *this);
      }
      for (auto& [name, node] : nodes_) {
        node.member->now = now_;
        const auto due = (*node.member)->next_deadline();
        if (due && *due <= now_.tick) node.member->tick();
      }
      run();
    }
  }
  std::string leader() {
    std::string found;
    for (auto& [name, node] : nodes_) {
      if ((*node.member)->leading()) found += name;
    }
    return found;
  }
  bool equal() {
    const Fingerprint first = (*nodes_.begin()->second.member)->history().below(std::nullopt);
    for (auto& [name, node] : nodes_) {
      if ((*node.member)->history().below(std::nullopt) != first) return false;
      if ((*node.member)->pending().size() != 0) return false;
    }
    return true;
  }
  std::map<std::string, std::size_t> errors;  // by code

 private:
  struct Node {
    std::unique_ptr<Member> member;
    ConnId conn;
    std::deque<Kept<s::Any>> inbox;
  };

  void enter(const std::string& name) {
    nodes_.at(name).conn = {++conns_};
    server_->connected(now_, nodes_.at(name).conn, user(name), *this);
  }
  void run() {
    for (bool moved = true; moved;) {
      moved = false;
      if (persisted_ > told_) {
        told_ = persisted_;
        server_->committed(now_, told_, *this);
        moved = true;
      }
      for (auto& [name, node] : nodes_) {
        while (!node.inbox.empty()) {
          const auto cmd = std::move(node.inbox.front());
          node.inbox.pop_front();
          node.member->give(cmd.any());
          moved = true;
        }
        node.member->sync_disk();
        while (!node.member->outgoing().empty()) {
          const auto cmd = std::move(node.member->outgoing().front());
          node.member->outgoing().pop_front();
          if (node.conn.n != 0) to_server(node.conn, cmd.any());
          moved = true;
        }
      }
      server_->check_invariants();
    }
  }
  void to_server(ConnId conn, const c::Any& any) {
    std::visit(
        [&](const auto& cmd) {
          if constexpr (requires { server_->step(now_, conn, cmd, *this); }) {
            handling_ = std::decay_t<decltype(cmd)>::kTable.name;
            server_->step(now_, conn, cmd, *this);
          }
        },
        any);
  }

  void send(Conns to, const s::Any& cmd) override {
    for (const ConnId conn : to) {
      for (auto& [name, node] : nodes_) {
        if (node.conn == conn) node.inbox.emplace_back(cmd);
      }
    }
  }
  void send_after(Ticket, Conns to, const s::Any& cmd) override { send(to, cmd); }
  Ticket persist(op::Any) override {
    ++persisted_.n;
    return persisted_;
  }
  void err(ConnId to, Errc code, std::string_view sentence, const ErrDetail& d) override {
    ++errors[std::string(text(code))];
    s::Err cmd{0, {}, text(code), sentence, d.channel, d.id, d.now, d.retry_ms, {}};
    cmd.ref_cmd = handling_;
    send(Conns(&to, 1), cmd);
  }
  void disconnect(ConnId, DcnnCode, std::string_view) override {}

  Now now_{Tick{0}, UnixMs{1'700'000'000'000}};
  NothingKept kept_;
  std::unique_ptr<Channels> server_;
  std::map<std::string, Node> nodes_;
  std::uint64_t conns_ = 0;
  Ticket persisted_;
  Ticket told_;
  std::string handling_;
};

// Everybody attached, somebody elected.
void start(Cluster& c, const std::vector<std::string>& names) {
  for (const auto& name : names) c.attach(name);
  c.pass(Millis{2'000});
  ASSERT_EQ(c.leader().size(), 3u) << c.leader();
}
const std::vector<std::string> kThree{"ada", "bob", "eve"};
const std::vector<std::string> kFour{"ada", "bob", "eve", "kim"};

TEST(Cluster, ThreeMembersElectOneAndCommitWhatIsSaid) {
  Cluster c(kThree);
  start(c, kThree);
  const RecordKey key = c.say("bob", "hello");
  c.pass(Millis{100});
  EXPECT_TRUE(c.equal());
  for (const auto& name : kThree) EXPECT_TRUE(c[name]->history().contains(key)) << name;
  EXPECT_GE(c["eve"]->history().record(key)->acks.n, 2u);
  EXPECT_FALSE(c["eve"]->history().record(key)->stamp.empty());
}

TEST(Cluster, AnotherLeadsWhenTheLeaderGoesAndHePullsOnHisReturn) {
  Cluster c(kFour);
  start(c, kFour);
  const std::string first = c.leader();
  c.say(first, "one");
  c.cut(first);
  c.pass(Millis{5'000});
  ASSERT_EQ(c.leader().size(), 3u);
  EXPECT_NE(c.leader(), first);
  for (int i = 0; i < 600; ++i) c.say(c.leader(), "more " + std::to_string(i));
  EXPECT_FALSE(c.equal());
  c.attach(first);
  c.pass(Millis{2'000});
  EXPECT_TRUE(c.equal());
  EXPECT_EQ(c["kim"]->history().count(), 601u);
}

// Holes 1, 9, 24: a record that one member alone still has is merged; those who acknowledged it
// lost their disks, so nobody confirms it and the leader proposes it again.
TEST(Cluster, DivergedHistoriesMerge) {
  Cluster c(kFour);
  start(c, kFour);
  const RecordKey old = c.say("ada", "only ada keeps this");
  for (const auto& name : kFour) {
    c.cut(name);
    if (name != "ada") c[name].lose_disk();
  }
  const std::vector<std::string> others{"bob", "eve", "kim"};
  start(c, others);
  const RecordKey fresh = c.say(c.leader(), "and this is without her");
  EXPECT_FALSE(c.equal());
  c.attach("ada");
  c.pass(Millis{9'000});
  EXPECT_TRUE(c.equal());
  EXPECT_TRUE(c["kim"]->history().contains(old));
  EXPECT_TRUE(c["ada"]->history().contains(fresh));
}

// Hole 5: the leader and the author go before the commit; who acknowledged completes it.
TEST(Cluster, WhatWasAcknowledgedIsCommittedByOthers) {
  Cluster c(kFour);
  start(c, kFour);
  const std::string leader = c.leader();
  const std::string author = leader == "ada" ? "bob" : "ada";
  const auto key = c[author].compose("in doubt");
  ASSERT_TRUE(key);
  c[author].sync_disk();
  c.pass(Millis{10});
  c.cut(author);
  c.pass(Millis{8'000});
  for (const auto& name : kFour) {
    if (name == author) continue;
    EXPECT_TRUE(c[name]->history().contains(*key)) << name;
  }
  c.attach(author);
  c.pass(Millis{2'000});
  EXPECT_TRUE(c.equal());
}

TEST(Cluster, NothingIsLeftToDoOnceAllIsQuiet) {
  Cluster c(kThree);
  start(c, kThree);
  for (int i = 0; i < 50; ++i) c.say(kThree[static_cast<std::size_t>(i) % 3], "text");
  c.pass(Millis{20'000});
  EXPECT_TRUE(c.equal());
  for (const auto& name : kThree) EXPECT_TRUE(c[name]->synced()) << name;
}

}  // namespace
}  // namespace moot
