#include "net/process_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include <unistd.h>

namespace moot::net {
namespace {

constexpr std::string_view kStatus =
    "Name:\tfront\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t812\nNgid:\t0\nPid:\t812\nPPid:\t1\n"
    "TracerPid:\t0\nUid:\t0\t119\t119\t119\nGid:\t0\t994\t994\t994\nFDSize:\t64\nGroups:\t7 20 \n";

std::string changed(std::string_view old, std::string_view instead) {
  std::string text(kStatus);
  return text.replace(text.find(old), old.size(), instead);
}

TEST(ProcessGroups, AreTheEffectiveOneAndTheFurtherOnes) {
  const ProcessGroups expected{.pid = 812, .uid = 119, .groups = {994, 7, 20}};
  EXPECT_EQ(read_process_groups(kStatus), expected);
  const ProcessGroups alone{.pid = 812, .uid = 119, .groups = {994}};
  EXPECT_EQ(read_process_groups(changed("Groups:\t7 20 ", "Groups:\t ")), alone);
}

TEST(ProcessGroups, AreNotOfAProcessThatHasEndedNorOfAnotherText) {
  EXPECT_FALSE(read_process_groups(changed("S (sleeping)", "Z (zombie)")));
  EXPECT_FALSE(read_process_groups(changed("Uid:\t0\t119", "Uid:\t119")));
  EXPECT_FALSE(read_process_groups(changed("Groups:\t7 20 \n", "")));
  EXPECT_FALSE(read_process_groups(""));
  EXPECT_FALSE(read_process_groups("Name:"));
}

TEST(ProcessGroups, OfThisUserIncludeThisProcess) {
  const auto all = processes_of(::geteuid());
  const auto own = std::ranges::find(all, ::getpid(), &ProcessGroups::pid);
  ASSERT_NE(own, all.end());
  EXPECT_EQ(own->groups.front(), ::getegid());
}

}  // namespace
}  // namespace moot::net
