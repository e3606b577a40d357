#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apps/moot/tui_model.h"

// A chat without a terminal and an owner without a disk, driven by words.
namespace moot::app::tui::test {

WallTime utc(std::uint64_t unix_ms);

class World {
 public:
  World() : World("") {}
  explicit World(const std::string& target) : model(target, utc) {}

  // One command and what came of it, a line each:
  //   start [TARGET]           a new chat, which sits down
  //   size COLUMNS ROWS        hear JSON
  //   answer DO JSON           a line of the answer to the last ask that does DO
  //   end DO [JSON]            its last line
  //   store TARGET FROM TO     messages numbered so are on the disk
  //   serve                    the disk answers what was asked of it
  //   type TEXT   paste TEXT   key [Alt-|Ctrl-]NAME
  //   reseat                   the owner ended, there is another one
  //   screen      styles
  std::vector<std::string> run(const std::string& command);

  // The steps of it, for tests that are no scenario.
  void store(const std::string& target, std::uint64_t from, std::uint64_t to);
  void serve();
  void press(std::string_view name);
  void type(std::string_view text);
  void hear(const std::string& json);
  // What was asked since the last time, oldest first.
  std::vector<Json> take_asked();

  Model model;

  static std::string id_of(std::uint64_t number);
  Json post(const std::string& target, std::uint64_t number) const;

 private:
  void collect();
  void serve(const Json& ask);
  void answer(const std::string& what, std::string_view json, bool end);
  std::vector<std::string> screen() const;
  std::vector<std::string> styles() const;

  std::map<std::string, std::map<std::uint64_t, Json>> stores_;
  std::vector<Json> open_;  // asked and not answered
  std::vector<Json> asked_;
};

}  // namespace moot::app::tui::test
