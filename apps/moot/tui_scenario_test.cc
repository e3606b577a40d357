// Scenarios of the full-screen chat: tests/scenarios/chat/*.txt. A line "> command" is run, the
// lines below it are what it asks of the owner of the store, or the screen.
// `moot_tui_test --regenerate` writes what happens instead; review the difference like code.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "apps/moot/tui_test_world.h"

namespace moot::app::tui::test {
namespace {

bool regenerate = false;

std::vector<std::string> scenarios() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(MOOT_SCENARIOS)) {
    if (file.path().extension() == ".txt") names.push_back(file.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class ChatScenario : public testing::TestWithParam<std::string> {};

TEST_P(ChatScenario, LooksAndAsksAsWritten) {
  const std::string path = std::string(MOOT_SCENARIOS) + "/" + GetParam() + ".txt";
  std::ifstream in(path);
  ASSERT_TRUE(in) << path;
  std::string written;
  std::string happened;
  World world;
  bool commands = false;
  for (std::string line; std::getline(in, line);) {
    written += line + '\n';
    if (line.starts_with("  ")) continue;
    happened += line + '\n';
    if (!line.starts_with("> ")) continue;
    commands = true;
    for (const std::string& effect : world.run(line.substr(2))) happened += "  " + effect + '\n';
  }
  ASSERT_TRUE(commands) << path << " runs nothing";
  if (regenerate) {
    std::ofstream(path) << happened;
  } else {
    EXPECT_EQ(happened, written) << "see " << path;
  }
}

INSTANTIATE_TEST_SUITE_P(Chat, ChatScenario, testing::ValuesIn(scenarios()), [](const auto& param) {
  std::string name = param.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace moot::app::tui::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--regenerate") moot::app::tui::test::regenerate = true;
  }
  return RUN_ALL_TESTS();
}
