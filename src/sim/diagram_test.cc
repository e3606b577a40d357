#include "sim/diagram.h"

#include <gtest/gtest.h>

#include "sim/world.h"

namespace moot::sim {
namespace {

std::size_t count(std::string_view text, std::string_view word) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string_view::npos; ++at) ++n;
  return n;
}

// A quiet run of the real cores, drawn.
std::string drawn(DiagramOptions options) {
  Diary diary;
  Options run;
  run.seed = 10;  // no faults
  run.events_min = 2'000;
  run.diary = &diary;
  World world(run);
  EXPECT_FALSE(world.run().failure);
  options.lanes = world.names();
  return diagram(diary, options);
}

TEST(Diagram, ShowsLanesMessagesAndCommitsAndIsWellFormed) {
  const std::string svg = drawn({.title = "a <run>"});
  EXPECT_TRUE(svg.starts_with("<svg "));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_NE(svg.find(">a &lt;run&gt;<"), std::string::npos);
  EXPECT_NE(svg.find(">u0<"), std::string::npos);
  EXPECT_NE(svg.find(">server<"), std::string::npos);
  EXPECT_NE(svg.find(">writes m"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(count(svg, "<text"), count(svg, "</text>"));
}

TEST(Diagram, AWindowShowsOnlyWhatFallsIntoIt) {
  const std::string whole = drawn({});
  const std::string part = drawn({.from_us = 1'000'000, .to_us = 1'400'000});
  const std::string nothing = drawn({.from_us = 1, .to_us = 2});
  EXPECT_LT(count(part, "<path"), count(whole, "<path"));
  EXPECT_EQ(count(nothing, "<path"), 0u);
}

TEST(Diagram, TheNumberOfPointsIsBounded) {
  EXPECT_LE(count(drawn({.points_max = 40}), "<path"), 20u);
  EXPECT_LE(count(drawn({.points_max = 40, .last = true}), "<path"), 20u);
}

}  // namespace
}  // namespace moot::sim
