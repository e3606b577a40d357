#include "model/print.h"

#include <gtest/gtest.h>

namespace moot {
namespace {

TEST(Print, ShowsFieldsInWireOrderAndLeavesOutWhatIsAbsent) {
  const ByteBuf body(24, 7);
  c::PvMsg m{.to = *UserId::parse("bob"),
             .msg_id = *parse_ulid<MsgId>("01HHNNM7S8M2RW5MZ4YM31EA1S"),
             .msg = body};
  EXPECT_EQ(text(m), "PV_MSG to=@bob msg_id=01HHNNM7S8M2RW5MZ4YM31EA1S msg=<24 octets>");
  EXPECT_EQ(text(c::Kalive{}), "KALIVE");
  EXPECT_EQ(text(c::Kalive{.seen = 5}), "KALIVE seen=5");
}

TEST(Print, EscapesWhatATerminalWouldObey) {
  s::Dcnn d{.code = "proto", .message = "a\"b\x1b[2J\n"};
  EXPECT_EQ(text(d), "DCNN code=\"proto\" message=\"a\\\"b\\x1b[2J\\x0a\"");
}

TEST(Print, NeverShowsAKey) {
  s::Enrolled e{.id = *UserId::parse("cyd"), .key = KeyBytes{}, .name = {"Cyd"}};
  EXPECT_EQ(text(e), "ENROLLED id=@cyd kid=0000000000000000 key=<secret> name=\"Cyd\"");
}

TEST(Equality, ComparesWhatViewsShow) {
  const ByteBuf a{1, 2, 3};
  const ByteBuf b{1, 2, 3};
  const ByteBuf other{1, 2, 4};
  c::PvMsg x{.msg = a};
  EXPECT_EQ(x, (c::PvMsg{.msg = b}));
  EXPECT_FALSE(x == (c::PvMsg{.msg = other}));
  EXPECT_FALSE(x == (c::PvMsg{.msg = b, .seen = 1}));
}

}  // namespace
}  // namespace moot
