#include "net/client/events.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "model/limits.h"

namespace moot::net {
namespace {

using Kind = Client::Event::Kind;
constexpr std::chrono::milliseconds kNow{0};

Client::Event notice(std::string text = {}) {
  return {.kind = Kind::notice, .text = std::move(text)};
}

TEST(EventQueue, IsReadableWhileThereIsSomething) {
  EventQueue events;
  const auto readable = [&] {
    pollfd p{events.fd(), POLLIN, 0};
    return poll(&p, 1, 0) == 1;
  };
  EXPECT_FALSE(readable());
  events.push(notice("one"));
  events.push(notice("two"));
  EXPECT_EQ(events.wait(kNow)->text, "one");
  EXPECT_TRUE(readable());
  EXPECT_EQ(events.wait(kNow)->text, "two");
  EXPECT_FALSE(readable());
  EXPECT_FALSE(events.wait(kNow).has_value());
}

TEST(EventQueue, IsFullAtItsCountAndHasRoomAgainAtHalfOfIt) {
  EventQueue events;
  int rooms = 0;
  events.on_room([&] { ++rooms; });
  for (std::size_t n = 1; n < limits::kEventsUnread; ++n) events.push(notice());
  EXPECT_FALSE(events.full_until_room());
  events.push(notice());
  EXPECT_TRUE(events.full());
  EXPECT_TRUE(events.full_until_room());
  for (std::size_t n = 0; n < limits::kEventsUnread / 2; ++n) {
    EXPECT_EQ(rooms, 0);
    ASSERT_TRUE(events.wait(kNow).has_value());
  }
  EXPECT_TRUE(events.full_until_room()) << "half is not less than half";
  ASSERT_TRUE(events.wait(kNow).has_value());
  EXPECT_EQ(rooms, 1);
  EXPECT_FALSE(events.full_until_room());
}

TEST(EventQueue, IsFullAtItsOctetsToo) {
  EventQueue events;
  const std::string text(1024 * 1024, 'x');
  for (std::size_t n = 0; n < limits::kEventBytesUnread / text.size(); ++n) {
    EXPECT_FALSE(events.full());
    events.push(notice(text));
  }
  EXPECT_TRUE(events.full());
}

TEST(EventQueue, OnlyPresenceAndAnswersAreEverDropped) {
  EventQueue events;
  for (std::size_t n = 0; n < 2 * limits::kEventsUnread; ++n) events.push(notice());
  events.push({.kind = Kind::presence});
  events.push({.kind = Kind::done});
  events.push(notice("the last"));
  Client::Event last;
  std::size_t count = 0;
  while (auto event = events.wait(kNow)) {
    last = std::move(*event);
    ++count;
  }
  EXPECT_EQ(count, 2 * limits::kEventsUnread + 1);
  EXPECT_EQ(last.text, "the last");
}

}  // namespace
}  // namespace moot::net
