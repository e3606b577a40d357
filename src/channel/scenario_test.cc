// Scenarios of the coordinator: tests/scenarios/channel/*.txt, against its effects.
// `moot_channel_test --regenerate` writes them.
#include "base/scenario_runner_test.h"
#include "channel/channels_test_world.h"

namespace moot::test {
namespace {

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, HasTheEffectsWritten) {
  run_scenario<World>(std::string(MOOT_SCENARIOS) + "/" + GetParam() + ".txt");
}

INSTANTIATE_TEST_SUITE_P(Channel, Scenario, testing::ValuesIn(scenarios_in(MOOT_SCENARIOS)),
                         name_of_scenario);

}  // namespace
}  // namespace moot::test

int main(int argc, char** argv) { return moot::test::run_tests(argc, argv); }
