#include "apps/moot/tui_test_world.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <sstream>

#include "apps/moot/show.h"
#include "apps/moot/tui_view.h"
#include "apps/moot/utf8.h"

namespace moot::app::tui::test {
namespace {

constexpr std::uint64_t kFirstMinute = 1'795'510'800'000;  // 2026-11-24T09:00Z

Json parse(std::string_view text) {
  const auto json = Json::parse(text);
  EXPECT_TRUE(json.has_value()) << text;
  return json.value_or(Json());
}

Key key_of(std::string_view name) {
  static const std::map<std::string_view, Key::Code> kNames{{"Enter", Key::Code::enter},
                                                            {"Tab", Key::Code::tab},
                                                            {"Backspace", Key::Code::backspace},
                                                            {"Delete", Key::Code::del},
                                                            {"Escape", Key::Code::escape},
                                                            {"Up", Key::Code::up},
                                                            {"Down", Key::Code::down},
                                                            {"Left", Key::Code::left},
                                                            {"Right", Key::Code::right},
                                                            {"Home", Key::Code::home},
                                                            {"End", Key::Code::end},
                                                            {"PageUp", Key::Code::page_up},
                                                            {"PageDown", Key::Code::page_down}};
  Key key;
  if (name.starts_with("Alt-")) {
    key.alt = true;
    name.remove_prefix(4);
  } else if (name.starts_with("Ctrl-")) {
    key.ctrl = true;
    name.remove_prefix(5);
  }
  if (const auto at = kNames.find(name); at != kNames.end()) {
    key.code = at->second;
  } else {
    key.text = name;
  }
  return key;
}

}  // namespace

WallTime utc(std::uint64_t unix_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds{static_cast<std::int64_t>(unix_ms)}};
  const auto days_since = floor<days>(at);
  const year_month_day date{days_since};
  const hh_mm_ss time{at - days_since};
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          weekday{days_since}.c_encoding(),
          static_cast<unsigned>(time.hours().count()),
          static_cast<unsigned>(time.minutes().count())};
}

std::string World::id_of(std::uint64_t number) { return fmt::format("01KAV{:021}", number); }

Json World::post(const std::string& target, std::uint64_t number) const {
  static constexpr std::string_view kPeople[] = {"ada", "bob", "cyd"};
  const std::string from(kPeople[number % 3]);
  Json json;
  if (target.starts_with('#')) {
    json.set("channel", target.substr(1)).set("acks_n", std::uint64_t{3});
  } else {
    json.set("to", from == "ada" ? target.substr(1) : "ada").set("seq", number);
  }
  const bool own = from == "ada";
  return json.set("id", id_of(number))
      .set("from", target.starts_with('@') && !own ? target.substr(1) : from)
      .set("text", fmt::format("message {}", number))
      .set("at", kFirstMinute + number * 60'000)
      .set("state", target.starts_with('#') ? "committed"
                    : own                   ? "acked"
                                            : "received")
      .set("own", own);
}

void World::store(const std::string& target, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t n = from; n <= to; ++n) stores_[target].emplace(n, post(target, n));
}

void World::collect() {
  for (Json& ask : model.take_asks()) {
    asked_.push_back(ask);
    if (ask.u64("n") != 0) open_.push_back(std::move(ask));
  }
}

std::vector<Json> World::take_asked() {
  collect();
  return std::exchange(asked_, {});
}

void World::hear(const std::string& json) { model.hear(parse(json)); }
void World::press(std::string_view name) { model.press(key_of(name)); }

void World::type(std::string_view text) {
  while (!text.empty()) {
    const std::size_t octets = next_code_point(text).octets;
    model.press({.text = std::string(text.substr(0, octets))});
    text.remove_prefix(octets);
  }
}

// As the store answers: the part that was asked for, in the order of the history.
void World::serve(const Json& ask) {
  const bool channel = ask.str("do") == "posts";
  const auto& all = stores_[channel ? '#' + ask.str("channel") : '@' + ask.str("peer")];
  const std::uint64_t count = ask.u64("count");
  const bool oldest = channel ? ask.str("order") == "oldest" : ask.flag("first");
  std::vector<Json> found;
  for (const auto& [number, json] : all) {
    if (ask.has("below_id") && json.str("id") >= ask.str("below_id")) continue;
    if (ask.has("from_id") && json.str("id") < ask.str("from_id")) continue;
    if (ask.has("before") && ask.u64("before") != 0 && number >= ask.u64("before")) continue;
    if (ask.has("after") && number <= ask.u64("after")) continue;
    if (!json.str("text").contains(ask.str("containing"))) continue;
    found.push_back(json);
  }
  if (found.size() > count) {
    const auto surplus = static_cast<std::ptrdiff_t>(found.size() - count);
    oldest ? found.erase(found.end() - surplus, found.end())
           : found.erase(found.begin(), found.begin() + surplus);
  }
  for (Json& json : found) model.hear(json.set("re", ask.u64("n")));
}

void World::serve() {
  // An answer may make the next ask.
  for (int i = 0; i < 1'000; ++i) {
    collect();
    const auto at = std::ranges::find_if(open_, [](const Json& a) {
      return a.str("do") == "posts" || a.str("do") == "history" || a.str("do") == "pending" ||
             a.str("do").starts_with("read");
    });
    if (at == open_.end()) return;
    const Json ask = *at;
    open_.erase(at);
    if (ask.str("do") == "posts" || ask.str("do") == "history") serve(ask);
    model.hear(Json().set("re", ask.u64("n")).set("end", true));
  }
  ADD_FAILURE() << "it asks for ever";
}

void World::answer(const std::string& what, std::string_view json, bool end) {
  collect();
  const auto at = std::find_if(open_.rbegin(), open_.rend(),
                               [&](const Json& a) { return a.str("do") == what; });
  ASSERT_TRUE(at != open_.rend()) << "nobody asked for " << what;
  Json line = json.empty() ? Json() : parse(json);
  line.set("re", at->u64("n"));
  if (end) {
    line.set("end", true);
    open_.erase(std::next(at).base());
  }
  model.hear(line);
}

std::vector<std::string> World::screen() const {
  const Grid grid = compose(model.state(), utc);
  std::vector<std::string> out;
  for (int row = 0; row < grid.size().rows; ++row) {
    std::string text = grid.text(row);
    if (row == grid.cursor_row) {
      // The cursor stands before the mark.
      std::string marked;
      for (int column = 0; column < grid.size().columns; ++column) {
        if (column == grid.cursor_column) marked += '\xe2', marked += "\x96\x8f";
        marked += grid.at(row, column).text;
      }
      text = marked;
    }
    out.push_back('|' + text + '|');
  }
  return out;
}

// One letter for each cell: b(old), d(im), r(everse), u(nderlined), 1..7 a colour, capital: bold.
std::vector<std::string> World::styles() const {
  const Grid grid = compose(model.state(), utc);
  std::vector<std::string> out;
  for (int row = 0; row < grid.size().rows; ++row) {
    std::string text;
    for (int column = 0; column < grid.size().columns; ++column) {
      const Style s = grid.at(row, column).style;
      text += s.reverse       ? 'r'
              : s.colour != 0 ? static_cast<char>('0' + s.colour)
              : s.bold        ? 'b'
              : s.dim         ? 'd'
              : s.underline   ? 'u'
                              : '.';
    }
    out.push_back('|' + text + '|');
  }
  return out;
}

std::vector<std::string> World::run(const std::string& command) {
  std::istringstream in(command);
  std::string verb;
  in >> verb;
  std::string rest;
  std::getline(in >> std::ws, rest);
  std::istringstream words(rest);
  if (verb == "screen") return screen();
  if (verb == "styles") return styles();
  if (verb == "start") {
    model = Model(rest, utc);
    model.seated();
  } else if (verb == "reseat") {
    open_.clear();
    model.seated();
  } else if (verb == "size") {
    Size size;
    words >> size.columns >> size.rows;
    model.resize(size);
  } else if (verb == "hear") {
    hear(rest);
  } else if (verb == "answer" || verb == "end") {
    std::string what;
    std::string json;
    words >> what;
    std::getline(words >> std::ws, json);
    answer(what, json, verb == "end");
  } else if (verb == "store") {
    std::string target;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    words >> target >> from >> to;
    store(target, from, to);
  } else if (verb == "serve") {
    serve();
  } else if (verb == "type") {
    type(rest);
  } else if (verb == "paste") {
    std::string text;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      const bool end = rest.substr(i, 2) == "\\n";
      text += end ? '\n' : rest[i];
      if (end) ++i;
    }
    model.press({.code = Key::Code::paste, .text = text});
  } else if (verb == "key") {
    press(rest);
  } else {
    ADD_FAILURE() << "no command: " << command;
  }
  model.check_invariants();
  std::vector<std::string> out;
  for (const Json& ask : take_asked()) out.push_back("ask " + ask.text());
  if (model.take_bell()) out.emplace_back("bell");
  if (model.quit()) out.emplace_back("quit");
  return out;
}

}  // namespace moot::app::tui::test
