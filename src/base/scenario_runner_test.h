#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

// Scenarios as text. A line "> command" is run, the lines below it, two blanks in, are the effects
// it must have. With `--regenerate` what happens is written instead; review the difference like
// code.
namespace moot::test {

inline bool regenerate = false;

// The names of the scenarios in a directory, without ".txt".
inline std::vector<std::string> scenarios_in(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(dir)) {
    if (file.path().extension() == ".txt") names.push_back(file.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

// `World::run(command)` gives the effects, one a line.
template <class World>
void run_scenario(const std::string& path) {
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

inline std::string name_of_scenario(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

inline int run_tests(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--regenerate") regenerate = true;
  }
  return RUN_ALL_TESTS();
}

}  // namespace moot::test
