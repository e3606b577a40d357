#include "net/admin_wire.h"

#include <gtest/gtest.h>

#include "net/admin.h"

namespace moot::net {
namespace {

TEST(AdminWire, ReadsBackWhatItWrote) {
  const AdminRequest request{"user add", {{"name", "ada"}, {"label", std::string("a\0\n\"", 4)}}};
  EXPECT_EQ(*parse_request(write_request(request)), request);
  const AdminReply reply{1, "out\n", "why", {{{"key", "00"}}, {}, {{"a", "1"}, {"b", ""}}}};
  EXPECT_EQ(*parse_reply(write_reply(reply)), reply);
}

TEST(AdminWire, RefusesWhateverIsCutShort) {
  const std::string whole = write_request({"key add", {{"name", "ada"}}});
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto r = parse_request(std::string_view(whole).substr(0, n));
    // A cut between two texts is a shorter request only where no pair is torn.
    EXPECT_TRUE(!r || r->args.empty()) << n;
  }
  EXPECT_FALSE(parse_reply(""));
  const std::string reply = write_reply({0, "", "", {{{"key", "00"}}}});
  for (std::size_t n = 0; n < reply.size(); ++n) {
    const auto r = parse_reply(std::string_view(reply).substr(0, n));
    EXPECT_TRUE(!r || r->keys.empty()) << n;
  }
  EXPECT_FALSE(parse_request(std::string("\xff\xff\xff\xff", 4)));
}

TEST(Admin, ReadsDurations) {
  EXPECT_EQ(*parse_duration("7d"), std::chrono::hours{7 * 24});
  EXPECT_EQ(*parse_duration("24h"), std::chrono::hours{24});
  EXPECT_EQ(*parse_duration("0"), Millis{0});
  EXPECT_EQ(*parse_duration("500ms"), Millis{500});
  for (const char* bad : {"", "d", "7", "7 d", "-1h", "7w", "99999999999999d"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

}  // namespace
}  // namespace moot::net
