#include "store/schema.h"

#include <sys/stat.h>

#include <cstdlib>

#include "store/client_support_test.h"
#include "store/edit_test.h"
#include "store/files.h"
#include "store/kept_reader.h"

#ifndef MOOT_FIXTURES
#error "the build names the folder of the fixtures"
#endif

namespace moot::store {
namespace {

// The committed store of version 1: as Furnished, without what version 2 brought.
void place_version_1(const TempDir& dir) {
  const std::string fixture = std::string(MOOT_FIXTURES) + "/server_v1/";
  spill(dir / "store.db", slurp(fixture + "store.db"));
  spill(dir / "master.key", slurp(fixture + "master.key"));
}

// What is in `dir` becomes the newest and loses nothing.
void expect_version_1(const TempDir& dir) {
  {
    Told told;
    const auto store = open_server(dir.path(), told);
    ASSERT_TRUE(store);
    const auto s = store->load();
    ASSERT_TRUE(s) << s.error().message;
    ASSERT_EQ(s->accounts.size(), 2u);
    EXPECT_EQ(s->accounts[0].name, "Ada");
    ASSERT_EQ(s->credentials.size(), 2u);
    EXPECT_EQ(open_key(store->vault(), s->credentials[0]), key_of(11));
    EXPECT_EQ(s->offline.size(), 2u);
    EXPECT_TRUE(s->channels.empty());
    EXPECT_EQ(store->audit_verify()->lines, 3u);
    EXPECT_EQ(store->audit_verify()->trouble, "");
    store->submit(Ticket{1},
                  {op::PutRecord{{.channel = channel_id(1), .id = msg_id(1), .msg = body("a")}},
                   op::PutStampKey{{.id = 1, .key = key_of(13)}}});
    EXPECT_TRUE(told.wait(Ticket{1}));
    EXPECT_TRUE(store->check());
  }
  expect_furnished(dir.path());
  auto copy = check_store(dir / "store.db.v1.bak", kServerSchema);
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ(version_of(**copy), 1u);
}

// The store of version 2, as Furnished, with a channel for its records and no leaves: gets them.
void expect_version_2(const TempDir& dir) {
  {
    Told told;
    const auto store = open_server(dir.path(), told);
    ASSERT_TRUE(store);
    const auto readers = KeptReaders::open(dir.path(), store->vault());
    ASSERT_TRUE(readers);
    const auto leaves = (*readers)->leaves(channel_id(1));
    ASSERT_EQ(leaves.size(), 1u);
    EXPECT_EQ(leaves[0].count, 2u);
    EXPECT_EQ((*readers)->of(channel_id(1)).record({msg_id(2), Digest{}})->msg,
              body("b record text"));
  }
  expect_furnished(dir.path());
  auto copy = check_store(dir / "store.db.v2.bak", kServerSchema);
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ(version_of(**copy), 2u);
}

TEST(Migration, AStoreOfVersion2GetsTheLeavesOfItsRecords) {
  TempDir dir;
  const std::string fixture = std::string(MOOT_FIXTURES) + "/server_v2/";
  spill(dir / "store.db", slurp(fixture + "store.db"));
  spill(dir / "master.key", slurp(fixture + "master.key"));
  expect_version_2(dir);
}

TEST(Migration, AStoreOfVersion1BecomesTheNewestAndLosesNothing) {
  TempDir dir;
  place_version_1(dir);
  expect_version_1(dir);
}

// The committed client's store of version 1.
PrivateMessage fixture_message() {
  return {.seq = 1,
          .peer = user("bob"),
          .author = user("ada"),
          .msg_id = msg_id(1),
          .msg = body("on the wire"),
          .text = "as shown",
          .folded = "as searched",
          .at = {1'700'000'000'001},
          .state = MessageState::sent,
          .read = true,
          .error = ""};
}

void expect_clients_version_1(const TempDir& dir) {
  Told told;
  const auto opened =
      ClientStore::open({.dir = dir.path(), .bounds = {}, .vfs = nullptr}, told.hooks());
  ASSERT_TRUE(opened) << opened.error().message;
  ClientStore& store = **opened;
  const auto s = store.load();
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(s->outbox, std::vector{fixture_message()});
  EXPECT_EQ(s->seen, (std::vector<SeenId>{{user("ada"), msg_id(1)}}));
  EXPECT_EQ(s->contacts.size(), 1u);
  EXPECT_EQ(s->drafts, (std::vector<Draft>{{"#ops", "half a"}}));
  EXPECT_EQ(s->meta, (std::vector<MetaValue>{{"clock_offset_ms", "7"}}));
  EXPECT_TRUE(s->channels.empty());
  OneLeaf room;
  store.submit(Ticket{1}, {cop::PutChannel{known_channel(1)}, room.commit(record_n(1)),
                           cop::PutWaiting{{.n = 1, .channel = channel_id(1), .msg = body("w")}}});
  EXPECT_TRUE(told.wait(Ticket{1}));
  EXPECT_TRUE(store.check());
  EXPECT_EQ(store.load()->channels.size(), 1u);
  auto copy = check_store(dir / "store.db.v1.bak", kClientSchema);
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ(version_of(**copy), 1u);
}

TEST(Migration, AClientsStoreOfVersion1BecomesTheNewestAndLosesNothing) {
  TempDir dir;
  spill(dir / "store.db", slurp(std::string(MOOT_FIXTURES) + "/client_v1/store.db"));
  expect_clients_version_1(dir);
}

TEST(Migration, AStoreOfTheNewestVersionIsNotCopied) {
  TempDir dir;
  Furnished made(dir.path());
  expect_furnished(dir.path());
  for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
    EXPECT_NE(file.path().extension(), ".bak");
  }
}

TEST(Migration, AnUpgradeThatFailsLeavesTheOldVersion) {
  TempDir dir;
  place_version_1(dir);
  edit(dir / "store.db", "CREATE TABLE stamp_key(x)");  // in the way of the last statement
  EXPECT_NE(open_error(dir.path()), "");
  edit(dir / "store.db", "DROP TABLE stamp_key");
  Told told;
  const auto store = open_server(dir.path(), told);
  ASSERT_TRUE(store);
  EXPECT_EQ(store->load()->accounts.size(), 2u);
}

TEST(Schema, ANewerStoreIsRefusedAndStaysAsItIs) {
  TempDir dir;
  Furnished made(dir.path());
  edit(dir / "store.db", "PRAGMA user_version=99");
  const std::string before = slurp(dir / "store.db");
  const std::string error = open_error(dir.path());
  EXPECT_TRUE(holds(error, "is of version 99, and this program knows 3 at most")) << error;
  EXPECT_EQ(slurp(dir / "store.db"), before);
}

TEST(Schema, ADamagedStoreIsRefusedInOneSentenceAndStaysAsItIs) {
  TempDir dir;
  Furnished made(dir.path());
  const std::string whole = slurp(dir / "store.db");
  std::string zeroed = whole;
  std::fill(zeroed.begin() + 100, zeroed.end(), '\0');
  for (const std::string& bad :
       {std::string(), whole.substr(0, 50), "x" + whole.substr(1), zeroed}) {
    spill(dir / "store.db", bad);
    const std::string error = open_error(dir.path());
    EXPECT_TRUE(holds(error, "is damaged")) << error;
    EXPECT_TRUE(holds(error, "restore")) << error;
    EXPECT_EQ(slurp(dir / "store.db"), bad);
  }
  spill(dir / "store.db", whole);
  expect_furnished(dir.path());
}

TEST(Schema, ADatabaseOfAnotherProgramIsRefused) {
  TempDir dir;
  Furnished made(dir.path());
  edit(dir / "store.db", "PRAGMA application_id=7");
  EXPECT_TRUE(holds(open_error(dir.path()), "of another program"));
}

TEST(Schema, AFirstStartThatWasCutBeginsAnew) {
  TempDir dir;
  spill(dir / "store.db.new", "half a store");
  EXPECT_EQ(open_error(dir.path()), "");
  EXPECT_FALSE(std::filesystem::exists(dir / "store.db.new"));
}

TEST(Backup, IsAWholeStoreOfItsOwnMadeWhileTheServerWorks) {
  TempDir dir;
  TempDir other;
  Furnished made(dir.path());
  const std::string file = other / "copy.db";
  {
    Told told;
    const auto store = open_server(dir.path(), told);
    ASSERT_TRUE(backup(dir.path(), file));
    EXPECT_TRUE(holds(backup(dir.path(), file).error().message, "is there already"));
    const std::string nowhere = backup(dir.path(), other / "no" + "/copy.db").error().message;
    EXPECT_TRUE(holds(nowhere, "/no/copy.db cannot be made")) << nowhere;
    const std::string broken_off = file + ".not";
    EXPECT_TRUE(holds(backup(dir.path(), broken_off, true).error().message, "make it again"));
    EXPECT_FALSE(std::filesystem::exists(broken_off));
    EXPECT_FALSE(std::filesystem::exists(broken_off + ".part"));
    // Another one makes the same file, or was killed when it did: it is not touched.
    const std::string twice = other / "twice.db";
    spill(twice + ".part", "of somebody else");
    EXPECT_TRUE(holds(backup(dir.path(), twice).error().message, "under way or was cut"));
    EXPECT_EQ(slurp(twice + ".part"), "of somebody else");
    store->submit(Ticket{1}, {op::PutAccount{{.id = user("late"), .name = "Late"}}});
    EXPECT_TRUE(told.wait(Ticket{1}));
  }
  struct stat facts{};
  ASSERT_EQ(stat(file.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777u, 0600u);
  EXPECT_FALSE(std::filesystem::exists(file + "-wal"));

  TempDir target;
  const auto report = restore(file, target.path());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->accounts, 2u);
  EXPECT_TRUE(holds(open_error(target.path()), "is missing")) << "a backup has no master key";
  spill(target / "master.key", slurp(dir / "master.key"));
  expect_furnished(target.path());
}

TEST(Restore, RefusesOverAStoreThatIsUsedAndTakesAnEmptyOne) {
  TempDir dir;
  TempDir other;
  Furnished made(dir.path());
  const std::string file = other / "copy.db";
  {
    Told told;
    const auto held = open_server(dir.path(), told);
    ASSERT_TRUE(backup(dir.path(), file));
    EXPECT_TRUE(holds(restore(file, dir.path()).error().message, "already uses"));
  }
  EXPECT_TRUE(holds(restore(file, dir.path()).error().message, "holds a store already"));
  expect_furnished(dir.path());

  TempDir empty;
  EXPECT_EQ(open_error(empty.path()), "");
  spill(empty / "master.key", slurp(dir / "master.key"));
  ASSERT_TRUE(restore(file, empty.path()));
  expect_furnished(empty.path());
}

TEST(Restore, RefusesWhatIsNoWholeBackup) {
  TempDir dir;
  TempDir target;
  Furnished made(dir.path());
  std::string bytes = slurp(dir / "store.db");
  EXPECT_TRUE(holds(restore(dir / "nothing", target.path()).error().message, "There is no file"));
  spill(dir / "cut", bytes.substr(0, bytes.size() / 2));
  const std::string cut = restore(dir / "cut", target.path()).error().message;
  EXPECT_TRUE(holds(cut, "name another backup")) << cut;
  spill(dir / "words", "not a backup\n");
  const std::string words = restore(dir / "words", target.path()).error().message;
  EXPECT_TRUE(holds(words, "is no whole backup: name another one")) << words;
  for (std::size_t at = bytes.size() / 2; at < bytes.size() / 2 + 8'192; ++at) bytes[at] ^= 0x55;
  spill(dir / "flipped", bytes);
  EXPECT_FALSE(restore(dir / "flipped", target.path()));
  EXPECT_FALSE(std::filesystem::exists(target / "store.db"));
}

// The committed fixtures were written by these tests: with MOOT_FIXTURES_OUT set to an empty
// directory, moot_store_test --gtest_filter='Fixture.*' writes them there. Without it they are
// written, and brought up again, all the same.
void keep_fixture(const TempDir& dir, const std::string& fixture, const std::string& file) {
  const char* to = std::getenv("MOOT_FIXTURES_OUT");
  if (to == nullptr) return;
  const std::filesystem::path folder = std::filesystem::path(to) / fixture;
  std::filesystem::create_directories(folder);
  std::filesystem::copy(dir / file, folder / file);
}

TEST(Fixture, OfVersion1) {
  TempDir dir;
  Furnished made(dir.path());
  edit(dir / "store.db",
       "DROP TABLE channel; DROP TABLE member; DROP TABLE invited; DROP TABLE record; "
       "DROP TABLE stamp_key; DROP TABLE leaf; PRAGMA user_version=1; VACUUM");
  keep_fixture(dir, "server_v1", "store.db");
  keep_fixture(dir, "server_v1", "master.key");
  expect_version_1(dir);
}

TEST(Fixture, OfVersion2) {
  TempDir dir;
  Furnished made(dir.path());
  {
    Told told;
    const auto store = open_server(dir.path(), told);
    store->submit(
        Ticket{1},
        {op::PutChannel{
            {.id = channel_id(1), .name = "Log", .folded = "log", .keeper = Keeper::server}}});
    ASSERT_TRUE(told.wait(Ticket{1}));
  }
  edit(dir / "store.db", "DROP TABLE leaf; PRAGMA user_version=2; VACUUM");
  keep_fixture(dir, "server_v2", "store.db");
  keep_fixture(dir, "server_v2", "master.key");
  expect_version_2(dir);
}

TEST(Fixture, OfTheClientsVersion1) {
  TempDir dir;
  {
    Told told;
    const auto store =
        ClientStore::open({.dir = dir.path(), .bounds = {}, .vfs = nullptr}, told.hooks());
    ASSERT_TRUE(store);
    (*store)->submit(
        Ticket{1},
        {cop::PutMessage{fixture_message()}, cop::PutContact{{.id = user("bob"), .name = "Bob"}},
         cop::PutDraft{{"#ops", "half a"}}, cop::PutMeta{{"clock_offset_ms", "7"}}});
    ASSERT_TRUE(told.wait(Ticket{1}));
  }
  edit(dir / "store.db",
       "DROP TABLE channel; DROP TABLE record; DROP TABLE pending; DROP TABLE leaf; "
       "DROP TABLE waiting; PRAGMA user_version=1; VACUUM");
  keep_fixture(dir, "client_v1", "store.db");
  expect_clients_version_1(dir);
}

}  // namespace
}  // namespace moot::store
