#include "store/server_store.h"

#include <atomic>
#include <future>
#include <thread>

#include "store/support_test.h"

namespace moot::store {
namespace {

class ServerStoreTest : public testing::Test {
 protected:
  void open() { store = open_server(dir.path(), told); }
  void reopen() {
    store.reset();
    open();
  }
  // Applies and waits for the disk.
  void put(std::vector<op::Any> ops) {
    store->submit(Ticket{++ticket}, std::move(ops));
    ASSERT_TRUE(told.wait(Ticket{ticket}));
  }
  ServerSnapshot load() {
    auto s = store->load();
    EXPECT_TRUE(s) << (s ? "" : s.error().message);
    return s ? *s : ServerSnapshot{};
  }
  OfflinePage offline(Kid kid, std::uint64_t after = 0, PageBounds bounds = {}) {
    OfflinePage page;
    std::promise<void> read;
    store->fetch_offline(kid, after, bounds, [&](Result<OfflinePage>&& p) {
      EXPECT_TRUE(p) << (p ? "" : p.error().message);
      if (p) page = std::move(*p);
      read.set_value();
    });
    read.get_future().wait();
    return page;
  }

  TempDir dir;
  Told told;
  std::unique_ptr<ServerStore> store;
  std::uint64_t ticket = 0;
};

TEST_F(ServerStoreTest, ANewDirectoryBecomesAnEmptyStoreThatOnlyItsOwnerReads) {
  open();
  const ServerSnapshot s = load();
  EXPECT_TRUE(s.accounts.empty());
  EXPECT_TRUE(s.channels.empty());
  EXPECT_EQ(slurp(dir / "master.key").size(), 65u);
  using std::filesystem::perms;
  const perms others = perms::group_all | perms::others_all;
  for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
    EXPECT_EQ(file.status().permissions() & others, perms::none) << file.path();
  }
}

TEST_F(ServerStoreTest, AccountsCredentialsAndEnrolmentsComeBackAsTheyWere) {
  open();
  KeyBytes key = key_of(7);
  Account ada{.id = user("ada"),
              .name = "Ada",
              .state = AccountState::active,
              .away = true,
              .keys = body("public"),
              .created = {10},
              .removed = {}};
  Credential c = credential_for(store->vault(), 1, "ada", key);
  c.state = CredentialState::retiring;
  c.not_after = {99};
  c.chal_pinned = true;
  c.last_used_day = 20'000;
  c.created_by = "uid=0";
  Credential invite = credential_for(store->vault(), 2, "invite", key_of(8));
  invite.kind = CredentialKind::invite;
  invite.uses_left = 3;
  invite.channel = channel_id(4);
  Credential wall;
  wall.kid = id_of<Kid>(3);
  wall.account = user("ada");
  wall.kind = CredentialKind::unix_uid;
  wall.subject = "1000";
  const Enrolment e{.invite = invite.kid, .account = user("ada"), .kid = c.kid};
  put({op::PutAccount{ada}, op::PutCredential{c}, op::PutCredential{invite},
       op::PutCredential{wall}, op::PutEnrolment{e}, op::PutReplay{{c.kid, ~0ull, {500}}},
       op::PutReplay{{c.kid, 1, {100}}}, op::DropReplays{{100}}, op::PutClockMark{{77}}});
  reopen();
  const ServerSnapshot s = load();
  EXPECT_EQ(s.accounts, std::vector{ada});
  EXPECT_EQ(s.credentials, (std::vector{c, invite, wall}));
  EXPECT_EQ(s.enrolments, std::vector{e});
  EXPECT_EQ(s.replays, (std::vector<ReplayEntry>{{c.kid, ~0ull, {500}}}));
  EXPECT_EQ(s.clock_mark, UnixMs{77});
  EXPECT_EQ(open_key(store->vault(), s.credentials[0]), key);

  put({op::UseCredential{.kid = c.kid, .day = 20'001, .chal_pinned = true, .cb_pinned = true},
       op::DropEnrolment{c.kid}});
  EXPECT_EQ(load().credentials[0].last_used_day, 20'001u);
  EXPECT_TRUE(load().credentials[0].cb_pinned);
  EXPECT_TRUE(load().enrolments.empty());
}

TEST_F(ServerStoreTest, ARemovedAccountLeavesATombstoneAndNothingElse) {
  open();
  const Credential c = credential_for(store->vault(), 1, "bob", key_of(7));
  const ChannelState channel{.id = channel_id(1), .name = "ops", .folded = "ops"};
  put({op::PutAccount{{.id = user("bob"), .name = "Bob"}}, op::PutCredential{c},
       op::PutOffline{copy_for(c.kid, 1, "hello")},
       op::PutOffline{copy_for(id_of<Kid>(9), 1, "hello")},
       op::PutNotice{{.seq = 1, .author = user("bob"), .msg_id = msg_id(1), .from = user("ada")}},
       op::PutChannel{channel}, op::PutMember{channel.id, {user("bob"), Role::owner, {1}}},
       op::PutInvited{.channel = channel.id, .user = user("bob"), .barred = true},
       op::RemoveAccount{.id = user("bob"), .at = {50}, .by = "uid=0"}});
  const ServerSnapshot s = load();
  ASSERT_EQ(s.accounts.size(), 1u);
  EXPECT_EQ(s.accounts[0].state, AccountState::removed);
  EXPECT_EQ(s.accounts[0].removed, UnixMs{50});
  ASSERT_EQ(s.credentials.size(), 1u);
  EXPECT_EQ(s.credentials[0].state, CredentialState::revoked);
  EXPECT_EQ(s.credentials[0].revoked_by, "uid=0");
  EXPECT_TRUE(s.credentials[0].sealed.empty()) << "a tombstone holds no key";
  ASSERT_EQ(s.offline.size(), 1u) << "the copy of another credential stays";
  EXPECT_EQ(s.offline[0].kid, id_of<Kid>(9));
  EXPECT_TRUE(s.notices.empty());
  ASSERT_EQ(s.channels.size(), 1u);
  EXPECT_TRUE(s.channels[0].members.empty());
  EXPECT_TRUE(s.channels[0].barred.empty());
}

TEST_F(ServerStoreTest, AQueueIsReadInTheOrderOfStoringAndInPages) {
  open();
  const Kid kid = id_of<Kid>(1);
  std::vector<op::Any> ops;
  for (std::uint64_t n : {5, 3, 9, 1}) {
    ops.push_back(op::PutOffline{copy_for(kid, n, "text " + std::to_string(n))});
    ops.push_back(op::PutOffline{copy_for(id_of<Kid>(2), n, "other")});
  }
  ops.push_back(op::PutOffline{copy_for(kid, 3, "again")});  // known: keeps its place and body
  ops.push_back(op::DropOffline{kid, user("ada"), msg_id(9)});
  put(std::move(ops));
  reopen();
  const auto first = offline(kid, 0, {.rows_max = 2, .bytes_max = 1'000});
  ASSERT_EQ(first.rows.size(), 2u);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(as_text(first.rows[0].copy.msg), "text 5");
  EXPECT_EQ(as_text(first.rows[1].copy.msg), "text 3");
  const auto rest = offline(kid, first.rows[1].seq, {.rows_max = 2, .bytes_max = 1'000});
  ASSERT_EQ(rest.rows.size(), 1u);
  EXPECT_FALSE(rest.more);
  EXPECT_EQ(rest.rows[0].copy, copy_for(kid, 1, "text 1"));
  EXPECT_EQ(offline(kid, 0, {.rows_max = 9, .bytes_max = 1}).rows.size(), 1u)
      << "one row goes however large it is";

  std::vector<MsgId> order;
  for (const OfflineCopy& c : load().offline) {
    EXPECT_TRUE(c.msg.empty());
    if (c.kid == kid) order.push_back(c.msg_id);
  }
  EXPECT_EQ(order, (std::vector{msg_id(5), msg_id(3), msg_id(1)}));
}

TEST_F(ServerStoreTest, APlaceInAQueueIsNotGivenTwice) {
  open();
  const Kid kid = id_of<Kid>(1);
  put({op::PutOffline{copy_for(kid, 1, "a")}, op::PutOffline{copy_for(kid, 2, "b")}});
  const std::uint64_t read_to = offline(kid).rows.back().seq;
  put({op::DropOffline{kid, user("ada"), msg_id(2)}, op::PutOffline{copy_for(kid, 3, "c")}});
  const auto page = offline(kid, read_to);
  ASSERT_EQ(page.rows.size(), 1u);
  EXPECT_EQ(as_text(page.rows[0].copy.msg), "c");
}

TEST_F(ServerStoreTest, ReadsSeeWhatWasSubmittedBeforeThemAndComeAfterItsCommit) {
  open();
  const Kid kid = id_of<Kid>(1);
  for (int i = 0; i < 50; ++i) {
    std::promise<std::pair<std::size_t, Ticket>> seen;
    store->submit(Ticket{++ticket}, {op::PutOffline{copy_for(kid, ticket, "x")}});
    store->fetch_offline(kid, 0, {}, [&](Result<OfflinePage>&& p) {
      seen.set_value({p ? p->rows.size() : 0, told.upto()});
    });
    store->submit(Ticket{++ticket}, {op::DropOffline{kid, user("ada"), msg_id(ticket - 1)}});
    const auto [rows, upto] = seen.get_future().get();
    EXPECT_EQ(rows, 1u);
    EXPECT_GE(upto, Ticket{ticket - 1});
  }
}

TEST_F(ServerStoreTest, NoticesGoUpToASequenceOrOneByOne) {
  open();
  for (std::uint64_t n = 1; n <= 4; ++n) {
    put({op::PutNotice{{.seq = n,
                        .author = user("ada"),
                        .msg_id = msg_id(n),
                        .from = user("bob"),
                        .expired = n == 4}}});
  }
  put({op::DropNotices{user("ada"), 2}, op::DropNotice{user("ada"), 3},
       op::DropNotices{user("bob"), 9}});
  const auto notices = load().notices;
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0], (KeptNotice{4, user("ada"), msg_id(4), user("bob"), true}));
}

TEST_F(ServerStoreTest, ChannelsComeBackAsTheyWere) {
  open();
  ChannelState ops{.id = channel_id(1),
                   .name = "Ops",
                   .folded = "ops",
                   .keeper = Keeper::members,
                   .visibility = Visibility::private_,
                   .history = History::since_join,
                   .topic = "night shift",
                   .created = {3},
                   .creator = user("ada"),
                   .epoch = 4};
  const StampKey stamp{.id = 9, .key = key_of(3)};
  put({op::PutChannel{ops}, op::PutChannel{{.id = channel_id(2), .name = "b", .folded = "b"}},
       op::PutMember{ops.id, {user("bob"), Role::admin, {8}}},
       op::PutMember{ops.id, {user("ada"), Role::owner, {7}}},
       op::PutInvited{.channel = ops.id, .user = user("cy"), .invited = true},
       op::PutInvited{.channel = ops.id, .user = user("dan"), .barred = true},
       op::PutInvited{.channel = ops.id, .user = user("eve"), .invited = true},
       op::PutStampKey{stamp}});
  ops.epoch = 5;
  put({op::PutChannel{ops}, op::RemoveMember{ops.id, user("bob")},
       op::PutInvited{.channel = ops.id, .user = user("eve")}, op::RemoveChannel{channel_id(2)}});
  reopen();
  const ServerSnapshot s = load();
  ASSERT_EQ(s.channels.size(), 1u);
  EXPECT_EQ(s.channels[0].channel, ops);
  EXPECT_EQ(s.channels[0].members, (std::vector<ChannelMember>{{user("ada"), Role::owner, {7}}}));
  EXPECT_EQ(s.channels[0].invited, std::vector{user("cy")});
  EXPECT_EQ(s.channels[0].barred, std::vector{user("dan")});
  EXPECT_EQ(s.stamp_keys, std::vector{stamp});
}

// protocol.md 4: equal secrets cannot be enrolled twice, in this store, revoked or not.
TEST_F(ServerStoreTest, AU_10_DuplicateKeyEnrolment) {
  open();
  const KeyBytes key = key_of(7);
  Credential first = credential_for(store->vault(), 1, "ada", key);
  first.state = CredentialState::revoked;
  put({op::PutCredential{first}});
  put({op::PutCredential{first}});  // the same credential again is no second one
  const Credential second = credential_for(store->vault(), 2, "bob", key);
  EXPECT_EQ(second.dup, first.dup);
  store->submit(Ticket{++ticket}, {op::PutCredential{second}});
  EXPECT_FALSE(told.wait(Ticket{ticket}));
  EXPECT_NE(told.wait_error().find("must be unique"), std::string::npos) << told.wait_error();
  store.reset();
  Told again;
  store = open_server(dir.path(), again);
  EXPECT_EQ(load().credentials, std::vector{first});
}

TEST_F(ServerStoreTest, ASecondProcessIsToldWhoHoldsTheDirectory) {
  open();
  const std::string error = open_error(dir.path());
  EXPECT_NE(error.find("(pid " + std::to_string(getpid()) + ") already uses"), std::string::npos)
      << error;
  reopen();
  EXPECT_TRUE(store) << "the lock goes with its holder";
}

TEST_F(ServerStoreTest, AnEmptySubmissionIsABarrierWithoutADiskWrite) {
  open();
  put({});
  put({op::PutClockMark{{1}}});
  put({});
  EXPECT_EQ(load().clock_mark, UnixMs{1});
}

TEST_F(ServerStoreTest, SubmittingWaitsWhileTheQueueIsFull) {
  // The store's thread stands still inside on_commit until the test lets it go.
  std::promise<void> entered;
  std::promise<void> let_go;
  std::atomic<bool> first = true;
  std::atomic<std::uint64_t> upto = 0;
  auto opened =
      ServerStore::open({.dir = dir.path(),
                         .credentials_dir = "",
                         .bounds = {.queue_ops_max = 4, .batch_ops_max = 2, .log_pages_max = 2'000},
                         .vfs = nullptr},
                        {.on_commit =
                             [&](Ticket t) {
                               upto = t.n;
                               if (!first.exchange(false)) return;
                               entered.set_value();
                               let_go.get_future().wait();
                             },
                         .on_error = {}});
  ASSERT_TRUE(opened);
  (*opened)->submit(Ticket{1}, {op::PutClockMark{{1}}});
  entered.get_future().wait();
  std::atomic<std::uint64_t> submitted = 1;
  std::promise<void> four;
  std::thread producer([&] {
    for (std::uint64_t n = 2; n <= 20; ++n) {
      if (n == 6) four.set_value();  // 2..5 fill the queue
      (*opened)->submit(Ticket{n}, {op::PutClockMark{{n}}});
      submitted = n;
    }
  });
  four.get_future().wait();
  EXPECT_EQ(submitted, 5u) << "the sixth waits";
  let_go.set_value();
  producer.join();
  EXPECT_EQ((*opened)->load()->clock_mark, UnixMs{20});
  EXPECT_EQ(upto, 20u);
}

}  // namespace
}  // namespace moot::store
