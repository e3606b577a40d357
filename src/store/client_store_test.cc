#include "store/client_store.h"

#include <algorithm>

#include "store/client_support_test.h"
#include "store/edit_test.h"
#include "store/files.h"
#include "store/recording_vfs_test.h"
#include "store/support_test.h"

namespace moot::store {
namespace {

const UserId kAda = *UserId::parse("ada");
const UserId kBob = *UserId::parse("bob");
const UserId kCy = *UserId::parse("cy");

PrivateMessage from_ada(std::uint64_t n, const UserId& to, std::string_view text) {
  return {.peer = to,
          .author = kAda,
          .msg_id = msg_id(n),
          .msg = body(text),
          .text = std::string(text),
          .folded = std::string(text),
          .at = {1'000 + n},
          .state = MessageState::queued,
          .read = true};
}
PrivateMessage to_ada(std::uint64_t n, const UserId& from, std::string_view text) {
  PrivateMessage m = from_ada(n, from, text);
  m.author = from;
  m.state = MessageState::received;
  m.read = false;
  return m;
}

class ClientStoreTest : public ClientTest {
 protected:
  std::vector<std::string> texts(HistoryQuery query) {
    std::vector<std::string> out;
    const auto messages = store->history(std::move(query));
    EXPECT_TRUE(messages);
    for (const PrivateMessage& m : *messages) out.push_back(m.text);
    return out;
  }
  MessageState state(std::uint64_t n) {
    const auto m = store->message(kAda, msg_id(n));
    EXPECT_TRUE(m && *m);
    return (*m)->state;
  }
};

TEST_F(ClientStoreTest, TheOutboxComesBackInTheOrderOfStoring) {
  put({cop::PutMessage{from_ada(5, kBob, "one")}, cop::PutMessage{from_ada(3, kCy, "two")},
       cop::PutMessage{from_ada(9, kBob, "three")}, cop::PutMessage{to_ada(4, kBob, "in")}});
  put({cop::SetState{kAda, msg_id(5), MessageState::sent, ""},
       cop::SetState{kAda, msg_id(3), MessageState::acked, ""}});
  open();
  const auto s = store->load();
  ASSERT_TRUE(s);
  ASSERT_EQ(s->outbox.size(), 2u);
  PrivateMessage first = from_ada(5, kBob, "one");
  first.seq = 1;
  first.state = MessageState::sent;
  EXPECT_EQ(s->outbox[0], first);
  EXPECT_EQ(s->outbox[1].text, "three");
}

TEST_F(ClientStoreTest, AMessageIsStoredOnceByAuthorAndId) {
  put({cop::PutMessage{to_ada(1, kBob, "first")}});
  put({cop::PutMessage{to_ada(1, kBob, "again")},
       cop::PutMessage{to_ada(1, kCy, "another author")}});
  open();
  EXPECT_EQ(texts({}), (std::vector<std::string>{"first", "another author"}));
  EXPECT_EQ(store->load()->seen, (std::vector<SeenId>{{kBob, msg_id(1)}, {kCy, msg_id(1)}}));
}

TEST_F(ClientStoreTest, AStateOnlyGoesForwards) {
  put({cop::PutMessage{from_ada(1, kBob, "x")}, cop::PutMessage{from_ada(2, kBob, "y")}});
  put({cop::SetState{kAda, msg_id(1), MessageState::acked, ""},
       cop::SetState{kAda, msg_id(1), MessageState::sent, ""},
       cop::SetState{kAda, msg_id(1), MessageState::failed, "no"}});
  EXPECT_EQ(state(1), MessageState::acked);
  put({cop::SetState{kAda, msg_id(2), MessageState::failed, "expired"}});
  EXPECT_EQ(state(2), MessageState::failed);
  EXPECT_EQ((*store->message(kAda, msg_id(2)))->error, "expired");
  put({cop::SetState{kAda, msg_id(2), MessageState::sent, ""}});
  EXPECT_EQ(state(2), MessageState::failed);
  put({cop::SetState{kAda, msg_id(2), MessageState::acked, ""}});
  EXPECT_EQ(state(2), MessageState::acked) << "it did arrive after all";
  EXPECT_EQ(*store->message(kAda, msg_id(3)), std::nullopt);
}

TEST_F(ClientStoreTest, HistoryIsReadFromItsNewEndByPeerPlaceTimeAndText) {
  for (std::uint64_t n = 1; n <= 6; ++n) {
    put({cop::PutMessage{n % 2 == 0 ? to_ada(n, kBob, "even " + std::to_string(n))
                                    : to_ada(n, kCy, "odd " + std::to_string(n))}});
  }
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts({.peer = kBob}), (Texts{"even 2", "even 4", "even 6"}));
  EXPECT_EQ(texts({.peer = kBob, .rows_max = 2}), (Texts{"even 4", "even 6"}));
  EXPECT_EQ(texts({.peer = kBob, .before_seq = 6}), (Texts{"even 2", "even 4"}));
  EXPECT_EQ(texts({.after_seq = 4}), (Texts{"odd 5", "even 6"}));
  EXPECT_EQ(texts({.since = {1'005}}), (Texts{"odd 5", "even 6"}));
  EXPECT_EQ(texts({.folded = "d 3"}), (Texts{"odd 3"}));
  EXPECT_EQ(texts({.peer = kBob, .folded = "odd"}), Texts{});
}

TEST_F(ClientStoreTest, ConversationsCountWhatIsUnread) {
  put({cop::PutMessage{to_ada(1, kBob, "a")}, cop::PutMessage{to_ada(2, kBob, "b")},
       cop::PutMessage{from_ada(3, kCy, "c")}, cop::PutMessage{to_ada(4, kBob, "d")}});
  EXPECT_EQ(*store->conversations(),
            (std::vector<Conversation>{{kBob, 3, 4, {1'004}}, {kCy, 0, 3, {1'003}}}));
  put({cop::MarkRead{kBob, 2}});
  EXPECT_EQ((*store->conversations())[0].unread, 1u);
}

TEST_F(ClientStoreTest, WhatNobodyGotMakesNoConversation) {
  put({cop::PutContact{{.id = kCy, .name = "Cy"}}, cop::PutMessage{from_ada(1, kBob, "a")},
       cop::PutMessage{from_ada(2, kCy, "b")}});
  put({cop::SetState{kAda, msg_id(1), MessageState::failed, "nobody"},
       cop::SetState{kAda, msg_id(2), MessageState::failed, "no room"}});
  EXPECT_EQ(*store->conversations(), (std::vector<Conversation>{{kCy, 0, 2, {1'002}}}));
  EXPECT_EQ(texts({.peer = kBob}), std::vector<std::string>{"a"});
  put({cop::PutMessage{from_ada(3, kBob, "on its way")}});
  EXPECT_EQ(store->conversations()->size(), 2u);
}

TEST_F(ClientStoreTest, ContactsDraftsAndSettingsComeBack) {
  const Contact bob{.id = kBob, .name = "Bob", .status = UserStatus::away, .keys = body("k")};
  put({cop::PutContact{bob}, cop::PutContact{{.id = kCy, .name = "Cy"}}, cop::DropContact{kCy},
       cop::PutDraft{{"#ops", "half a"}}, cop::PutDraft{{"@bob", "gone"}},
       cop::PutDraft{{"@bob", ""}}, cop::PutMeta{{"clock_offset_ms", "-12"}},
       cop::PutMeta{{"clock_offset_ms", "7"}}});
  open();
  const auto s = store->load();
  EXPECT_EQ(s->contacts, std::vector{bob});
  EXPECT_EQ(s->drafts, (std::vector<Draft>{{"#ops", "half a"}}));
  EXPECT_EQ(s->meta, (std::vector<MetaValue>{{"clock_offset_ms", "7"}}));
}

TEST_F(ClientStoreTest, WhatWasSeenIsForgottenByTheTimeOfItsId) {
  const std::array<std::uint8_t, 10> tail{9};
  for (const std::uint64_t ms : {100, 200, 300}) {
    PrivateMessage m = to_ada(1, kBob, "x");
    m.msg_id = MsgId::make({ms}, tail);
    put({cop::PutMessage{m}});
  }
  put({cop::ForgetSeen{{200}}});
  EXPECT_EQ(store->load()->seen.size(), 2u);
  EXPECT_EQ(texts({}).size(), 3u) << "the messages stay";
}

TEST_F(ClientStoreTest, NothingToldToBeOnDiskIsLostAtAPowerCut) {
  store.reset();
  RecordingVfs vfs("client", dir.path());
  open(vfs.name());
  std::vector<std::size_t> cuts;
  for (std::uint64_t n = 1; n <= 30; ++n) {
    put({cop::PutMessage{from_ada(n, kBob, "text")},
         cop::SetState{kAda, msg_id(n), MessageState::sent, ""}});
    cuts.push_back(vfs.position());
  }
  const std::size_t end = vfs.position();
  std::mt19937_64 random(31);
  for (int i = 0; i < 100; ++i) {
    const std::size_t cut = i < 30 ? cuts[static_cast<std::size_t>(i)] : random() % (end + 1);
    const std::size_t promised =
        static_cast<std::size_t>(std::upper_bound(cuts.begin(), cuts.end(), cut) - cuts.begin());
    TempDir after;
    vfs.rebuild(cut, i < 30 ? RecordingVfs::Fate::none : RecordingVfs::Fate::some, random,
                after.path());
    auto opened = ClientStore::open({.dir = after.path(), .bounds = {}, .vfs = nullptr}, {});
    ASSERT_TRUE(opened) << opened.error().message;
    const auto s = (*opened)->load();
    ASSERT_TRUE(s);
    EXPECT_GE(s->outbox.size(), promised);
    for (const PrivateMessage& m : s->outbox) EXPECT_EQ(m.state, MessageState::sent);
  }
  store.reset();
}

TEST_F(ClientStoreTest, AServersStoreIsNotTakenForAClients) {
  TempDir server;
  Furnished made(server.path());
  const auto opened = ClientStore::open({.dir = server.path(), .bounds = {}, .vfs = nullptr}, {});
  ASSERT_FALSE(opened);
  EXPECT_TRUE(holds(opened.error().message, "of another program"));
}

TEST_F(ClientStoreTest, TheLongLookHoldsNobodyUpAndEndsWhenItIsTold) {
  std::vector<cop::Any> ops;
  for (std::uint32_t n = 1; n <= 20'000; ++n) ops.push_back(cop::PutMessage{to_ada(n, kBob, "x")});
  put(std::move(ops));
  int asked = 0;
  const Status ended = store->check([&] {
    // The store's thread is free meanwhile.
    EXPECT_EQ(store->history({.rows_max = 3})->size(), 3U);
    return ++asked < 2;
  });
  ASSERT_FALSE(ended);
  EXPECT_TRUE(holds(ended.error().message, "ended before"));
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(store->check());
}

TEST_F(ClientStoreTest, ADamagedStoreIsToldAndLeftAlone) {
  put({cop::PutMessage{to_ada(1, kBob, "x")}});
  EXPECT_TRUE(store->check());
  store.reset();
  const std::string bad(4'096, 'x');
  spill(dir / "store.db", bad);
  const auto opened = ClientStore::open({.dir = dir.path(), .bounds = {}, .vfs = nullptr}, {});
  ASSERT_FALSE(opened);
  EXPECT_TRUE(holds(opened.error().message, "is damaged"));
  EXPECT_TRUE(holds(opened.error().message, "what only this device had is lost"))
      << opened.error().message;
  EXPECT_FALSE(holds(opened.error().message, "backup")) << "a client has none";
  EXPECT_EQ(slurp(dir / "store.db"), bad);
}

TEST(DirLock, IsHeldByOneAtATime) {
  TempDir dir;
  auto first = DirLock::try_take(dir.path());
  ASSERT_TRUE(first && *first);
  EXPECT_FALSE(*DirLock::try_take(dir.path()));
  *first = std::nullopt;
  EXPECT_TRUE(*DirLock::try_take(dir.path()));
}

}  // namespace
}  // namespace moot::store
