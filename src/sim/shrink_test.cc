#include "sim/shrink.h"

#include <gtest/gtest.h>

namespace moot::sim {
namespace {

Outcome failing(std::string_view invariant, const std::vector<Incident>& incidents) {
  Outcome o;
  o.failure = Failure{std::string(invariant), "for a test"};
  std::int64_t us = 0;
  for (const Incident& i : incidents) o.incidents.emplace_back(us += 1'000'000, i);
  o.ended_at_us = us + 1;
  o.faults = FaultSet::all();
  return o;
}

// Fails with S1 while both causes are there, with S2 while only one is.
class TwoCauses {
 public:
  TwoCauses() {
    for (std::uint32_t n = 1; n <= 200; ++n) all_.push_back({Incident::kSay, n});
  }
  Outcome operator()(const Options& options) {
    ++runs;
    std::vector<Incident> there;
    for (const Incident& i : all_) {
      if (!options.only || options.only->contains(i)) there.push_back(i);
    }
    const bool a = std::ranges::find(there, Incident{Incident::kSay, 17}) != there.end();
    const bool b = std::ranges::find(there, Incident{Incident::kSay, 160}) != there.end();
    if (a && b) return failing("S1", there);
    return a || b ? failing("S2", there) : Outcome{};
  }
  int runs = 0;

 private:
  std::vector<Incident> all_;
};

TEST(Shrink, FindsTheTwoIncidentsOfTwoHundredThatTheFailureNeeds) {
  TwoCauses cluster;
  const Outcome whole = cluster(Options{});
  const Shrunk shrunk = shrink(Options{}, whole, std::ref(cluster), 1'000);
  EXPECT_EQ(text(*shrunk.options.only), "say.17,say.160");
  EXPECT_EQ(shrunk.outcome.failure->invariant, "S1");
  EXPECT_LT(cluster.runs, 150);
}

TEST(Shrink, StopsAtTheLimitWithTheShortestThatFailedAlike) {
  TwoCauses cluster;
  const Outcome whole = cluster(Options{});
  const Shrunk shrunk = shrink(Options{}, whole, std::ref(cluster), 3);
  EXPECT_EQ(shrunk.runs, 3u);
  EXPECT_EQ(shrunk.outcome.failure->invariant, "S1");
}

TEST(Shrink, IncidentsReadAsTheyAreWritten) {
  const IncidentSet set{{0, 3}, {Incident::kSay, 1}, {Incident::kSay, 2}, {Incident::kDevice, 0}};
  EXPECT_EQ(text(set), "cut.3,say.1-2,device.0");
  EXPECT_EQ(parse_incidents(text(set)), set);
  EXPECT_EQ(text(IncidentSet{}), "none");
  EXPECT_EQ(parse_incidents("none"), IncidentSet{});
  EXPECT_FALSE(parse_incidents("cut"));
  EXPECT_FALSE(parse_incidents("cut.x"));
  EXPECT_FALSE(parse_incidents("nothing.1"));
  EXPECT_FALSE(parse_incidents("say.5-2"));
}

// The whole way: a real run whose limit is set so that it fails, and the list it is done again by.
TEST(Shrink, ARunByTheListOfAllThatHappenedIsTheSameRun) {
  Options options;
  options.seed = 11;
  options.events_min = 3'000;
  const Outcome first = World(options).run();
  ASSERT_FALSE(first.failure);
  Options listed = options;
  listed.only.emplace();
  for (const auto& [us, incident] : first.incidents) listed.only->insert(incident);
  const Outcome again = World(listed).run();
  EXPECT_EQ(again.hash, first.hash);
  EXPECT_EQ(again.incidents, first.incidents);
  listed.only->erase(first.incidents.back().second);
  EXPECT_NE(World(listed).run().hash, first.hash);
}

}  // namespace
}  // namespace moot::sim
