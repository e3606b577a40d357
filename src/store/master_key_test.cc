#include "store/master_key.h"

#include <unistd.h>

#include "store/edit_test.h"

namespace moot::store {
namespace {

constexpr char kHex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr char kOtherHex[] = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

std::string line(const char* hex) { return std::string(hex) + "\n"; }

TEST(MasterKey, IsMadeAtTheFirstStartAndUsedAtTheNext) {
  TempDir dir;
  Furnished made(dir.path());
  const std::string key = slurp(dir / "master.key");
  ASSERT_EQ(key.size(), 65u);
  EXPECT_EQ(key.find_first_not_of("0123456789abcdef"), 64u);
  expect_furnished(dir.path());
  EXPECT_EQ(slurp(dir / "master.key"), key);
}

TEST(MasterKey, ST_02_WrongMasterKey) {
  TempDir dir;
  Furnished made(dir.path());
  const std::string key = slurp(dir / "master.key");
  const std::string before = slurp(dir / "store.db");
  spill(dir / "master.key", line(kHex));
  const std::string error = open_error(dir.path());
  EXPECT_TRUE(holds(error, "is not the one that the store")) << error;
  EXPECT_EQ(slurp(dir / "store.db"), before);
  spill(dir / "master.key", key);
  expect_furnished(dir.path());
}

TEST(MasterKey, IsNeverMadeAnewForAStoreThatHasOne) {
  TempDir dir;
  Furnished made(dir.path());
  const std::string key = slurp(dir / "master.key");
  std::filesystem::remove(dir / "master.key");
  const std::string error = open_error(dir.path());
  EXPECT_TRUE(holds(error, "is missing")) << error;
  EXPECT_FALSE(std::filesystem::exists(dir / "master.key"));
  spill(dir / "master.key", key);
  expect_furnished(dir.path());
}

TEST(MasterKey, ST_03_LooseFileMode) {
  TempDir dir;
  spill(dir / "master.key", line(kHex), false);
  EXPECT_TRUE(holds(open_error(dir.path()), "can be read by others: run chmod 600"));
  EXPECT_FALSE(std::filesystem::exists(dir / "store.db"));
  spill(dir / "master.key", line(kHex), true);
  EXPECT_EQ(open_error(dir.path()), "");
}

TEST(MasterKey, RefusesAKeyOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  TempDir dir;
  spill(dir / "master.key", line(kHex));
  ASSERT_EQ(chown((dir / "master.key").c_str(), 12'345, 12'345), 0);
  EXPECT_TRUE(holds(open_error(dir.path()), "belongs to another user: chown it"));
}

TEST(MasterKey, RefusesWhatIsNotSixtyFourDigits) {
  for (const std::string& bad :
       {std::string(), std::string("\n"), line(kHex).substr(1), line(kHex) + "0", line("0g"),
        std::string(kHex) + "00\n", "FF" + std::string(kHex).substr(2) + "\n", line(kHex) + "\n"}) {
    TempDir dir;
    spill(dir / "master.key", bad);
    EXPECT_TRUE(holds(open_error(dir.path()), "is not 64 lower-case hex digits")) << bad;
  }
  TempDir dir;
  std::filesystem::create_directory(dir / "master.key");
  EXPECT_TRUE(holds(open_error(dir.path()), "is not a file"));
}

TEST(MasterKey, ComesFromTheCredentialDirectoryWhereThereIsOne) {
  TempDir dir;
  TempDir credentials;
  spill(credentials / "moot-master", kHex, false);
  EXPECT_EQ(open_error(dir.path(), credentials.path()), "");
  EXPECT_FALSE(std::filesystem::exists(dir / "master.key"));
  EXPECT_TRUE(holds(open_error(dir.path()), "is missing"));
  EXPECT_EQ(open_error(dir.path(), credentials.path()), "");
}

TEST(MasterKey, ARotationNeedsTheOldKeyNoMore) {
  TempDir dir;
  Furnished made(dir.path());
  const std::string old = slurp(dir / "master.key");
  {
    Told told;
    const auto store = open_server(dir.path(), told);
    const auto before = store->load();
    ASSERT_TRUE(store->master_rotate());
    // What this process read before still opens here, and what it writes back is under the new key.
    EXPECT_EQ(open_key(store->vault(), before->credentials[0]), key_of(11));
    store->submit(Ticket{1}, {op::PutCredential{before->credentials[0]}});
    ASSERT_TRUE(told.wait(Ticket{1}));
  }
  EXPECT_NE(slurp(dir / "master.key"), old);
  EXPECT_FALSE(std::filesystem::exists(dir / "master.key.new"));
  expect_furnished(dir.path());

  const std::string fresh = slurp(dir / "master.key");
  spill(dir / "master.key", old);
  EXPECT_TRUE(holds(open_error(dir.path()), "is not the one"));
  spill(dir / "master.key", fresh);
  {
    Told told;
    const auto store = open_server(dir.path(), told);
    ASSERT_TRUE(store->master_rotate()) << "and once more";
    ASSERT_TRUE(store->master_rotate()) << "and again in the same process";
  }
  expect_furnished(dir.path());
}

TEST(MasterKey, NothingUnderTheOldKeyStaysInTheFile) {
  TempDir dir;
  Furnished made(dir.path());
  ByteBuf sealed;
  {
    Told told;
    const auto store = open_server(dir.path(), told);
    sealed = store->load()->credentials[0].sealed;
    ASSERT_TRUE(holds(slurp(dir / "store.db"), as_text(sealed)));
    ASSERT_TRUE(store->master_rotate());
  }
  EXPECT_FALSE(holds(slurp(dir / "store.db"), as_text(sealed)));
}

// The steps of a rotation: new file, transaction, rename. Cut after each.
TEST(MasterKey, ARotationCutAtAFileStepIsUndoneOrFinishedAtTheNextStart) {
  TempDir dir;
  Furnished made(dir.path());
  const std::string old = slurp(dir / "master.key");
  spill(dir / "master.key.new", line(kOtherHex));  // written, and no transaction yet
  expect_furnished(dir.path());
  EXPECT_EQ(slurp(dir / "master.key"), old);
  EXPECT_FALSE(std::filesystem::exists(dir / "master.key.new"));

  {
    Told told;
    ASSERT_TRUE(open_server(dir.path(), told)->master_rotate());
  }
  const std::string fresh = slurp(dir / "master.key");
  spill(dir / "master.key", old);  // the transaction, and no rename yet
  spill(dir / "master.key.new", fresh);
  expect_furnished(dir.path());
  EXPECT_EQ(slurp(dir / "master.key"), fresh);
  EXPECT_FALSE(std::filesystem::exists(dir / "master.key.new"));
}

TEST(MasterKey, ACredentialIsRotatedByGivingBoth) {
  TempDir dir;
  TempDir credentials;
  spill(credentials / "moot-master", kHex);
  const auto open = [&] {
    auto store = ServerStore::open(
        {.dir = dir.path(), .credentials_dir = credentials.path(), .bounds = {}, .vfs = nullptr},
        {});
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  };
  const Status alone = open()->master_rotate();
  ASSERT_FALSE(alone);
  EXPECT_TRUE(holds(alone.error().message, "give the new one as moot-master"));
  spill(credentials / "moot-master", kOtherHex);
  spill(credentials / "moot-master-old", kHex);
  ASSERT_TRUE(open()->master_rotate());
  std::filesystem::remove(credentials / "moot-master-old");
  EXPECT_EQ(open_error(dir.path(), credentials.path()), "");
}

// A row that is moved, or a body that is put into another row, does not open.
TEST(SealedRows, ST_01_RowSwap) {
  {
    TempDir dir;
    Furnished made(dir.path());
    edit(dir / "store.db",
         "UPDATE credential SET sealed=(SELECT sealed FROM credential WHERE account='ada'), "
         "mk_id=mk_id WHERE account='bob'");
    Told told;
    const auto store = open_server(dir.path(), told);
    const auto s = store->load();
    EXPECT_EQ(open_key(store->vault(), s->credentials[0]), key_of(11));
    EXPECT_EQ(open_key(store->vault(), s->credentials[1]), std::nullopt);
    EXPECT_TRUE(holds(store->check().error().message, "The key 0000000000000002 of @bob"));
  }
  for (const char* sql :
       {"UPDATE offline SET body=(SELECT body FROM offline WHERE seq=1) WHERE seq=2",
        "UPDATE offline SET author='eve' WHERE seq=1",
        "UPDATE offline SET recipient='eve' WHERE seq=1", "UPDATE offline SET own=1 WHERE seq=1",
        "UPDATE offline SET msg_id=x'000000000000000000000000000000ff' WHERE seq=1",
        "UPDATE record SET body=(SELECT body FROM record WHERE rowid=1) WHERE rowid=2",
        "UPDATE record SET from_user='eve' WHERE rowid=1"}) {
    TempDir dir;
    Furnished made(dir.path());
    edit(dir / "store.db", sql);
    Told told;
    const auto store = open_server(dir.path(), told);
    const Status checked = store->check();
    ASSERT_FALSE(checked) << sql;
    EXPECT_TRUE(holds(checked.error().message, "does not open in its place")) << sql;
  }
}

TEST(SealedRows, NoTextAndNoKeyIsReadableInTheFile) {
  TempDir dir;
  Furnished made(dir.path());
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    const std::string file = slurp(entry.path().string());
    EXPECT_FALSE(holds(file, "kept text")) << entry.path();
    EXPECT_FALSE(holds(file, "record text")) << entry.path();
    EXPECT_FALSE(holds(file, as_text(key_of(11).bytes()))) << entry.path();
    EXPECT_FALSE(holds(file, as_text(key_of(13).bytes()))) << entry.path();
  }
}

}  // namespace
}  // namespace moot::store
