#include "wire/commands.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "model/print.h"
#include "wire/codec.h"

namespace moot::wire {
namespace {

UserId user(std::string_view t) { return *UserId::parse(t); }

// The map of an encoded command, as an element of a BATCH holds it.
Buffer element(const c::Any& cmd) {
  Buffer fields;
  const std::uint32_t pairs = encode_fields(fields, cmd);
  Buffer out;
  put_element(out, {name_of(cmd), pairs, fields.bytes()});
  return out;
}

TEST(Commands, DecodeWhatWasEncoded) {
  const ByteBuf body{1, 2, 3};
  const UserId users[] = {user("ada"), user("bob")};
  const RoleOf roles[] = {{user("bob"), Role::admin}};
  const c::Any all[] = {c::PvMsg{.to = user("bob"), .msg = body, .seen = 9}, c::Kalive{},
                        c::ChCommit{.acks = users, .election = 1ull << 60},
                        c::ChSet{.topic = "", .roles = roles}, c::ChLead{.last = std::nullopt}};
  Arena arena;
  for (const c::Any& cmd : all) {
    const Buffer map = element(cmd);
    ASSERT_EQ(validate(map.bytes()), ProfileError::ok);
    const auto back = decode_client(name_of(cmd), map.bytes(), arena);
    ASSERT_TRUE(back) << moot::text(cmd);
    EXPECT_EQ(moot::text(*back), moot::text(cmd));
  }
}

TEST(Commands, SayWhichFieldIsWrongAndWhatToDo) {
  Arena arena;
  const auto missing = decode_client("PV_MSG", *unhex("80"), arena);
  ASSERT_FALSE(missing);
  EXPECT_EQ(explain(missing.error(), "PV_MSG"), "`to` is missing; send it with PV_MSG.");
  const auto typed = decode_client("PV_MSG", *unhex("81a2746f05"), arena);
  ASSERT_FALSE(typed);
  EXPECT_EQ(explain(typed.error(), "PV_MSG"),
            "`to` of PV_MSG must be a user id within its limits; correct it and send again.");
  const auto unknown = decode_client("NOSUCH", *unhex("80"), arena);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::unknown_command);
}

TEST(Commands, NilIsNotAbsence) {
  Arena arena;
  EXPECT_FALSE(decode_client("LST_USR", *unhex("81a56166746572c0"), arena));
  EXPECT_TRUE(decode_client("LST_USR", *unhex("80"), arena));
}

TEST(Names, HaveNoControlsAndAreWholeUtf8) {
  const std::string longest(64, 'x');
  for (const std::string_view good : {"x", "gr\xc3\xbc\xc3\x9f", "a b", longest.c_str()})
    EXPECT_TRUE(is_name(good)) << good;
  const std::string longer = longest + 'x';
  for (const std::string_view bad :
       {"", "a\n", "\x7f", "\xc2\x9b", "\xff", "x\x80", longer.c_str()})
    EXPECT_FALSE(is_name(bad)) << bad;
  EXPECT_FALSE(is_name(std::string_view("a\xc2\x80", 2))) << "cut in the middle of a character";
}

TEST(Batch, HandsOutItsElementsInOrder) {
  Buffer elements;
  for (const c::Any& cmd : {c::Any{c::Kalive{.seen = 5}}, c::Any{c::Info{}}})
    elements.put(element(cmd).bytes());
  const c::Any batch = c::Batch{{elements.bytes(), 2}};
  const Buffer map = element(batch);
  Arena arena;
  const auto back = decode_client("BATCH", map.bytes(), arena);
  ASSERT_TRUE(back);
  Elements each(std::get<c::Batch>(*back).cmds);
  EXPECT_EQ(each.next()->cmd, "KALIVE");
  const auto second = each.next();
  EXPECT_EQ(second->cmd, "INFO");
  EXPECT_TRUE(each.done());
}

TEST(Envelope, IsFoundInAnyOrderAndMissedWhenIncomplete) {
  Buffer out;
  const FrameSlot slot = put_frame(out, Dir::client, 7, 9, {"INFO", 0, {}});
  const auto opened = open(out.bytes().subspan(slot.payload));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->envelope.cmd, "INFO");
  EXPECT_EQ(opened->envelope.dir, "c");
  EXPECT_EQ(opened->envelope.nonce, 7u);
  EXPECT_EQ(opened->envelope.timestamp, 9u);
  EXPECT_FALSE(open(*unhex("80")));
}

}  // namespace
}  // namespace moot::wire
