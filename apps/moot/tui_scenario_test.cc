// Scenarios of the full-screen chat: tests/scenarios/chat/*.txt, against what it asks of the owner
// of the store, and the screen. `moot_tui_test --regenerate` writes them.
#include "apps/moot/tui_test_world.h"
#include "base/scenario_runner_test.h"

namespace moot::app::tui::test {
namespace {

class ChatScenario : public testing::TestWithParam<std::string> {};

TEST_P(ChatScenario, LooksAndAsksAsWritten) {
  moot::test::run_scenario<World>(std::string(MOOT_SCENARIOS) + "/" + GetParam() + ".txt");
}

INSTANTIATE_TEST_SUITE_P(Chat, ChatScenario,
                         testing::ValuesIn(moot::test::scenarios_in(MOOT_SCENARIOS)),
                         moot::test::name_of_scenario);

}  // namespace
}  // namespace moot::app::tui::test

int main(int argc, char** argv) { return moot::test::run_tests(argc, argv); }
