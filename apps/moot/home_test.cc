#include "apps/moot/home.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "apps/moot/commands.h"
#include "apps/moot/local_socket.h"
#include "apps/moot/seat.h"
#include "base/check.h"
#include "net/client/key_on_disk.h"
#include "store/files.h"
#include "store/temp_dir.h"

namespace moot::app {
namespace {

using testing::HasSubstr;

// A directory with a key in it; nobody listens at the key's address.
class HomeTest : public testing::Test {
 protected:
  HomeTest() {
    client::KeyFile key;
    key.account = *UserId::parse("ada");
    key.srv = "moot.test";
    key.address = "127.0.0.1:1";
    path_ = dir_ + "/" + kKeyName;
    MOOT_CHECK(store::write_new(path_, as_bytes(client::write_key_file(key))).has_value());
  }

  const store::TempDir temp_;
  const std::string dir_ = temp_.path();
  std::string path_;
};

TEST_F(HomeTest, AKeyThatOthersCanReadIsRefused) {
  ASSERT_TRUE(net::load_key_file(path_).has_value());
  for (const mode_t mode : {0640u, 0604u, 0620u, 0601u}) {
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    const auto key = net::load_key_file(path_);
    ASSERT_FALSE(key.has_value());
    EXPECT_THAT(key.error().message, HasSubstr("chmod 600"));
    const auto place = find_place({path_, {}});
    ASSERT_FALSE(place.has_value());
    EXPECT_EQ(place.error().code, kBadConfig);
  }
}

TEST_F(HomeTest, WithoutAKeyItSaysHowToGetOne) {
  const auto place = find_place({{}, dir_ + "/nothing-here"});
  ASSERT_FALSE(place.has_value());
  EXPECT_EQ(place.error().code, kUsage);
  EXPECT_THAT(place.error().sentence, HasSubstr("moot join"));
}

TEST_F(HomeTest, ASecondCommandIsServedByTheFirst) {
  auto first = Seat::take({{}, dir_}, {.connect = false, .answers = false});
  ASSERT_TRUE(first.has_value()) << first.error().sentence;
  EXPECT_TRUE(first->owner());
  auto second = Seat::take({{}, dir_}, {.connect = false, .answers = false});
  ASSERT_TRUE(second.has_value()) << second.error().sentence;
  EXPECT_FALSE(second->owner());

  struct stat socket{};
  ASSERT_EQ(stat((dir_ + "/moot.sock").c_str(), &socket), 0);
  EXPECT_EQ(socket.st_mode & 0777, 0600u);

  std::string id;
  const auto sent = second->ask(Json().set("do", "send").set("to", "bob").set("text", "hello"),
                                [&](const Json& line) { id = line.str("id"); });
  ASSERT_TRUE(sent.has_value()) << sent.error().sentence;
  EXPECT_EQ(id.size(), 26u);
  std::string text;
  const auto read = first->ask(Json().set("do", "history").set("count", std::uint64_t{10}),
                               [&](const Json& line) { text = line.str("text"); });
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(text, "hello");
}

TEST_F(HomeTest, WhenTheOwnerEndsTheNextOneTakesItsPlace) {
  auto first =
      std::make_unique<Seat>(*Seat::take({{}, dir_}, {.connect = false, .answers = false}));
  auto second = Seat::take({{}, dir_}, {.connect = false, .answers = false});
  ASSERT_TRUE(second.has_value());
  ASSERT_FALSE(second->owner());
  first.reset();
  EXPECT_TRUE(second->receive(std::chrono::seconds(10)).ended);
  ASSERT_TRUE(second->again().has_value());
  EXPECT_TRUE(second->owner());
}

TEST_F(HomeTest, WhatAStoreThatFailedCannotKeepIsRefused) {
  auto owner = Seat::take({{}, dir_}, {.connect = false, .answers = false});
  auto seat = Seat::take({{}, dir_}, {.connect = false, .answers = false});
  ASSERT_TRUE(owner.has_value() && seat.has_value());
  ASSERT_TRUE(seat->send(Json().set("do", "watch")));
  ASSERT_TRUE(seat->send(Json().set("do", "users").set("n", std::uint64_t{77})));
  // From here on the disk takes nothing.
  struct rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  struct rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  const auto send = [&] {
    return seat->ask(Json().set("do", "send").set("to", "bob").set("text", "hello"),
                     [](const Json&) {});
  };
  [[maybe_unused]] const auto taken = send();
  std::string failed;
  std::string unanswered;
  for (;;) {
    const auto got = seat->receive(std::chrono::seconds(10));
    if (!got.line) break;
    if (got.line->has("re") && got.line->u64("re") == 77) unanswered = got.line->str("error");
    if (got.line->str("ev") != "store_failed") continue;
    failed = got.line->str("why");
    break;
  }
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  ASSERT_NE(failed, "");
  EXPECT_EQ(unanswered, failed);
  const auto refused = send();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().sentence, failed);
  // Who comes later is told as well.
  auto later = Seat::take({{}, dir_}, {.connect = false, .answers = false});
  ASSERT_TRUE(later.has_value() && later->send(Json().set("do", "watch")));
  auto got = later->receive(std::chrono::seconds(10));
  while (got.line && got.line->str("ev") != "store_failed")
    got = later->receive(std::chrono::seconds(10));
  EXPECT_TRUE(got.line.has_value());
}

TEST_F(HomeTest, NonsenseOnTheSocketEndsThatGuestAlone) {
  auto seat = Seat::take({{}, dir_}, {.connect = false, .answers = false});
  ASSERT_TRUE(seat.has_value());
  auto fd = connect_in(dir_);
  ASSERT_TRUE(fd.has_value());
  ASSERT_EQ(write(fd->get(), "nonsense\n", 9), 9);
  Lines lines(std::move(*fd));
  EXPECT_TRUE(lines.receive(std::chrono::seconds(10)).ended);
  EXPECT_TRUE(seat->ask(Json().set("do", "check"), [](const Json&) {}).has_value());
}

TEST_F(HomeTest, ASocketOfAKilledOwnerIsReplaced) {
  auto dead = listen_in(dir_);
  ASSERT_TRUE(dead.has_value());
  dead = Fd();  // the file stays, as after SIGKILL
  auto seat = Seat::take({{}, dir_}, {.connect = false, .answers = false});
  ASSERT_TRUE(seat.has_value()) << seat.error().sentence;
  EXPECT_TRUE(seat->owner());
}

TEST(Commands, KnowUsersAndDurations) {
  EXPECT_EQ(user_of("@ada"), "ada");
  EXPECT_EQ(user_of("ada"), "ada");
  for (const char* bad : {"", "@", "@Ada", "#ops", "@server", "@a b"}) EXPECT_EQ(user_of(bad), "");
  EXPECT_EQ(parse_duration("30s"), std::chrono::seconds(30));
  EXPECT_EQ(parse_duration("500ms"), std::chrono::milliseconds(500));
  EXPECT_EQ(parse_duration("2"), std::chrono::seconds(2));
  for (const char* bad : {"", "s", "-1s", "1y", "1.5s"}) EXPECT_FALSE(parse_duration(bad)) << bad;
}

}  // namespace
}  // namespace moot::app
