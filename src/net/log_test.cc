#include "net/log.h"

#include <gtest/gtest.h>

namespace moot::net::log {
namespace {

TEST(Log, ForeignOctetsCannotLeaveTheirQuotes) {
  EXPECT_EQ(escaped("plain"), "plain");
  EXPECT_EQ(escaped("a\nb\r\t\"c\\"), "a\\u000ab\\u000d\\u0009\\u0022c\\u005c");
  EXPECT_EQ(escaped(std::string_view("\0\x7f\xc3\xa9", 4)), "\\u0000\\u007f\\u00c3\\u00a9");
}

}  // namespace
}  // namespace moot::net::log
