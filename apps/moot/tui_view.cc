#include "apps/moot/tui_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "apps/moot/show.h"
#include "apps/moot/tui_status.h"
#include "apps/moot/utf8.h"

namespace moot::app::tui {
namespace {

// The columns at the sides, by how many columns there are. At 80 both are narrow, so that 50 are
// left for what is said.
struct Sides {
  int from;
  int side_width;
  int members_width;
};
constexpr std::array<Sides, 4> kSides{{{64, 18, 0}, {80, 14, 13}, {96, 18, 18}, {110, 22, 18}}};
constexpr int kInputRowsMax = 5;
constexpr std::string_view kRule = "\u2500";
constexpr std::string_view kBar = "\u2502";

// ---- the input line -----------------------------------------------------------------------------

struct Input {
  std::vector<std::string> rows;
  int cursor_row = 0;
  int cursor_column = 0;
};

std::string prompt(const State& state) {
  const std::string target = state.current.empty() ? "moot" : safe(state.current);
  return fit(target, std::max(state.size.columns / 3, 4)) + "> ";
}

// What is typed, broken where the row ends; the cursor is always on a row.
Input input_of(const State& state) {
  const int indent = columns(prompt(state));
  const int width = std::max(state.size.columns - indent - 1, 4);
  const EditLine& in = state.input;
  Input out;
  out.rows.emplace_back();
  int used = 0;
  for (std::size_t at = 0; at <= in.text().size();) {
    if (at == in.cursor()) {
      out.cursor_row = static_cast<int>(out.rows.size()) - 1;
      out.cursor_column = indent + used;
    }
    if (at == in.text().size()) break;
    const std::size_t next = in.after(at);
    const std::string piece = in.text().substr(at, next - at);
    const std::string shown = piece == "\n" ? std::string() : safe(piece);
    const int w = columns(shown);
    if (piece == "\n" || used + w > width) {
      out.rows.emplace_back();
      used = 0;
      if (piece != "\n" && at == in.cursor()) {
        ++out.cursor_row;
        out.cursor_column = indent;
      }
    }
    out.rows.back() += shown;
    used += w;
    at = next;
  }
  return out;
}

// ---- the columns at the sides -------------------------------------------------------------------

Style with_colour(std::string_view user, bool bold) {
  return {.bold = bold, .colour = static_cast<std::uint8_t>(colour_of(user))};
}

std::string_view presence_mark(const State& state, const std::string& user) {
  const auto known = state.people.find(user);
  if (known == state.people.end() || state.connection != "connected") return " ";
  if (known->second.status == "online") return "\u25cf";
  return known->second.status == "away" ? "\u25d0" : "\u25cb";
}

std::string_view channel_mark(const State& state, const Client::Channel& c) {
  if (!c.member) return c.invited ? "+" : "\u00d7";
  if (state.connection != "connected") return " ";
  if (c.status == "electing") return "?";
  return c.status == "few" ? "!" : " ";
}

void draw_entry(Grid& grid, int row, int width, const State& state, const Entry& e, int number) {
  const bool here = e.target == state.current;
  const auto found = state.rooms.find(e.target);
  const Room* r = found == state.rooms.end() ? nullptr : &found->second;
  const std::string name = safe(e.target.substr(1));
  // Nothing comes of a channel that was left, and what was said there can be read at any time.
  const bool left = r != nullptr && r->is_channel() && !r->channel.member && !r->channel.invited;
  const std::uint64_t unread = r == nullptr || left ? 0 : r->unread;
  Style style{.bold = unread > 0, .dim = !e.numbered || left, .reverse = here};
  grid.fill(row, 0, width, " ", style);
  if (number < 9 && e.numbered)
    grid.put(row, 0, std::to_string(number + 1), {.dim = true, .reverse = here}, width);
  const bool channel = e.target.starts_with('#');
  const std::string_view mark =
      channel && r != nullptr ? channel_mark(state, r->channel) : presence_mark(state, name);
  grid.put(row, 2, mark, style, width);
  std::string count;
  if (r != nullptr && r->sync) count = "\u2026";
  if (unread > 0) count = unread > 999 ? "999+" : std::to_string(unread);
  const int end = count.empty() ? width : width - columns(count) - 1;
  grid.put(row, 4, fit((channel ? "#" : "") + name, end - 4), style, end);
  grid.put(row, end + 1, count, style, width);
}

void draw_side(Grid& grid, const State& state, const Panes& p) {
  const int width = p.side_width - 1;
  const auto all = entries(state);
  // Headings stand before channels and before people; the current one is always in sight.
  struct SideRow {
    std::string heading;
    int entry = -1;
  };
  std::vector<SideRow> rows;
  int here = 0;
  char kind = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const char k = all[i].target[0];
    if (k != kind) {
      if (kind != 0) rows.emplace_back();
      rows.push_back({k == '#' ? "Channels" : "People", -1});
    }
    kind = k;
    if (all[i].target == state.current) here = static_cast<int>(rows.size());
    rows.push_back({"", static_cast<int>(i)});
  }
  const int first = std::clamp(here - p.log_height / 2, 0,
                               std::max(static_cast<int>(rows.size()) - p.log_height, 0));
  for (int i = 0; i < p.log_height; ++i) {
    const int at = first + i;
    if (at >= static_cast<int>(rows.size())) break;
    const SideRow& r = rows[static_cast<std::size_t>(at)];
    const auto below = static_cast<int>(rows.size()) - at;
    if (i == p.log_height - 1 && below > 1) {
      grid.put(p.log_top + i, 2, fmt::format("\u2193 {} more", below), {.dim = true}, width);
    } else if (r.entry < 0) {
      grid.put(p.log_top + i, 0, r.heading, {.dim = true}, width);
    } else {
      draw_entry(grid, p.log_top + i, width, state, all[static_cast<std::size_t>(r.entry)],
                 r.entry);
    }
  }
}

void draw_members(Grid& grid, const State& state, const Panes& p) {
  const Client::Channel& c = state.room().channel;
  const int left = state.size.columns - p.members_width + 1;
  const int end = state.size.columns;
  const std::string count = fmt::format("{}/{}", c.online_n, c.members_n);
  for (const std::string_view heading : {"Members", "Here"}) {
    if (columns(heading) + 1 + columns(count) > end - left) continue;
    grid.put(p.log_top, left, heading, {.dim = true}, end);
    break;
  }
  grid.put(p.log_top, end - columns(count), count, {.dim = true}, end);
  // Who is there stands first, and of those who leads.
  std::vector<std::string> all;
  for (const bool online : {true, false}) {
    for (const std::string& user : c.members) {
      if ((std::ranges::find(c.online, user) != c.online.end()) == online) all.push_back(user);
    }
  }
  const auto online_n = static_cast<std::size_t>(std::ranges::count_if(
      c.members, [&](const auto& u) { return std::ranges::find(c.online, u) != c.online.end(); }));
  const auto there = all.begin() + static_cast<std::ptrdiff_t>(online_n);
  if (const auto leader = std::find(all.begin(), there, c.leader); leader != there)
    std::rotate(all.begin(), leader, leader + 1);
  const int room = p.log_height - 1;
  for (int i = 0; i < room && i < static_cast<int>(all.size()); ++i) {
    const int row = p.log_top + 1 + i;
    if (i == room - 1 && static_cast<std::uint64_t>(i) + 1 < c.members_n) {
      grid.put(row, left, fmt::format("and {} more", c.members_n - static_cast<std::uint64_t>(i)),
               {.dim = true}, end);
      break;
    }
    const std::string& user = all[static_cast<std::size_t>(i)];
    const bool online = static_cast<std::size_t>(i) < online_n;
    const bool leads = user == c.leader;
    const auto role = std::ranges::find(c.roles, user, &std::pair<std::string, std::string>::first);
    const std::string name = safe(user);
    std::string tag = leads ? "leads" : role == c.roles.end() ? "" : safe(role->second);
    // A name needs the room more than the word for what somebody is; that he leads stays to be
    // seen.
    if (columns(name) + 1 + columns(tag) > end - left - 2) tag = leads ? "\u25c6" : "";
    const int tag_at = end - columns(tag);
    grid.put(row, left, online ? "\u25cf" : "\u25cb", {.dim = !online}, end);
    Style style = online ? with_colour(user, leads) : Style{.dim = true};
    grid.put(row, left + 2, fit(name, tag_at - left - (tag.empty() ? 2 : 3)), style, tag_at);
    grid.put(row, tag_at, tag, {.bold = leads, .dim = !leads}, end);
  }
}

// ---- the middle ---------------------------------------------------------------------------------

void draw_row(Grid& grid, int at, const Row& row, const Panes& p) {
  const int end = p.log_left + p.log_width;
  if (row.rule != 0) {
    grid.fill(at, p.log_left, end, kRule, {.dim = true});
    const Span& s = row.left[0];
    const std::string text = ' ' + fit(s.text, p.log_width - 6) + ' ';
    grid.put(at, p.log_left + 2, text, s.style, end);
    return;
  }
  int column = p.log_left;
  for (const Span& s : row.left) column = grid.put(at, column, s.text, s.style, end);
  int width = 0;
  for (const Span& s : row.right) width += columns(s.text);
  column = end - width;
  for (const Span& s : row.right) column = grid.put(at, column, s.text, s.style, end);
}

void draw_banner(Grid& grid, int at, const Panes& p, std::string_view text) {
  const std::string shown = ' ' + fit(text, p.log_width - 2) + ' ';
  const int left = p.log_left + (p.log_width - columns(shown)) / 2;
  grid.fill(at, p.log_left, p.log_left + p.log_width, " ", {});
  grid.put(at, left, shown, {.reverse = true}, p.log_left + p.log_width);
}

void draw_log(Grid& grid, const State& state, const Panes& p, const WallClock& wall) {
  const Room& r = state.room();
  const auto rows = rows_of(state, r, p.log_width, wall);
  const Viewport v = viewport(rows, r.anchor, p.log_height);
  // A short conversation stands at the bottom, next to where one types.
  int at = p.log_top + p.log_height - static_cast<int>(v.end - v.begin);
  for (std::size_t i = v.begin; i < v.end; ++i) draw_row(grid, at++, rows[i], p);
  if (rows.empty() && r.loaded && !r.loading && !r.target.empty()) {
    grid.put(p.log_top + p.log_height - 1, p.log_left, "Nothing has been said here yet.",
             {.dim = true}, p.log_left + p.log_width);
  }
  if (p.log_height < 4) return;
  if (r.arrived_above > 0) {
    draw_banner(grid, p.log_top, p,
                r.arrived_above == 1
                    ? "\u2191 1 older message arrived"
                    : fmt::format("\u2191 {} older messages arrived", r.arrived_above));
  }
  if (r.anchor) {
    draw_banner(grid, p.log_top + p.log_height - 1, p,
                r.arrived_below == 0
                    ? "\u2193 more below: Page Down, or Escape to the end"
                    : fmt::format("\u2193 {} new below: Escape goes there", r.arrived_below));
  }
}

void draw_frame(Grid& grid, const State& state, const Panes& p) {
  const int end = state.size.columns;
  grid.fill(1, 0, end, kRule, {.dim = true});
  const auto bar = [&](int column) {
    grid.put(1, column, "\u252c", {.dim = true}, end);
    for (int i = 0; i < p.log_height; ++i)
      grid.put(p.log_top + i, column, kBar, {.dim = true}, end);
  };
  if (p.side_width > 0) bar(p.side_width - 1);
  if (p.members_width > 0) bar(end - p.members_width - 1);
}

void draw_title(Grid& grid, const State& state) {
  const int end = state.size.columns;
  const Title t = title_of(state, end / 2);
  const std::string facts = fit(t.facts, end * 2 / 3);
  const int facts_at = end - columns(facts);
  int column = grid.put(0, 0, fit(t.name, facts_at - 2), {.bold = true}, facts_at - 2);
  if (column + 6 < facts_at) {
    grid.put(0, column + 2, fit(t.topic, facts_at - 2 - column - 2), {}, facts_at - 2);
  }
  grid.put(0, facts_at, facts, {.dim = !t.alarm, .colour = t.alarm ? kAlarm : std::uint8_t{0}},
           end);
}

void draw_status(Grid& grid, int row, const State& state) {
  const int end = state.size.columns;
  const Style style{.reverse = true};
  grid.fill(row, 0, end, " ", style);
  grid.put(row, 1, status_of(state, end - 2), style, end - 1);
}

void draw_input(Grid& grid, const State& state, const Panes& p) {
  const int top = state.size.rows - p.input_height;
  const int end = state.size.columns;
  const Input in = input_of(state);
  const int first =
      std::clamp(in.cursor_row - p.input_height + 1, 0, static_cast<int>(in.rows.size()) - 1);
  const int indent = grid.put(top, 0, prompt(state), {.dim = true}, end);
  for (int i = 0; i < p.input_height; ++i) {
    const auto at = static_cast<std::size_t>(first + i);
    if (at < in.rows.size()) grid.put(top + i, indent, in.rows[at], {}, end);
  }
  grid.cursor_row = top + in.cursor_row - first;
  grid.cursor_column = std::min(in.cursor_column, end - 1);
}

}  // namespace

int Grid::put(int row, int column, std::string_view text, Style style, int end) {
  end = std::min(end, size_.columns);
  int last = -1;  // where marks go
  while (!text.empty()) {
    const CodePoint c = next_code_point(text);
    const std::string_view octets = text.substr(0, c.octets);
    text.remove_prefix(c.octets);
    const int width = c.valid ? columns(c.code) : 1;
    if (width == 0) {
      if (last >= 0) cells_[index(row, last)].text += octets;
      continue;
    }
    if (column + width > end) break;
    if (column < 0 || row < 0 || row >= size_.rows) return column;
    cells_[index(row, column)] = {std::string(octets), style};
    if (width == 2) cells_[index(row, column + 1)] = {"", style};
    last = column;
    column += width;
  }
  return column;
}

void Grid::fill(int row, int column, int end, std::string_view text, Style style) {
  while (column < std::min(end, size_.columns)) column = put(row, column, text, style, end);
}

std::string Grid::text(int row) const {
  std::string out;
  for (int column = 0; column < size_.columns; ++column) out += at(row, column).text;
  return out;
}

Panes panes(const State& state) {
  const Size size = state.size;
  Panes p;
  if (size.rows < kSizeMin.rows || size.columns < kSizeMin.columns) return p;
  for (const Sides& sides : kSides) {
    if (size.columns < sides.from) break;
    p.side_width = sides.side_width;
    p.members_width = state.room().is_channel() ? sides.members_width : 0;
  }
  p.log_left = p.side_width > 0 ? p.side_width + 1 : 0;
  p.log_width = size.columns - p.log_left - (p.members_width > 0 ? p.members_width + 2 : 0);
  const int most = std::min(kInputRowsMax, size.rows / 4);
  p.input_height = std::clamp(static_cast<int>(input_of(state).rows.size()), 1, std::max(most, 1));
  p.log_top = 2;
  p.log_height = size.rows - p.log_top - 1 - p.input_height;
  return p;
}

Grid compose(const State& state, const WallClock& wall) {
  Grid grid(state.size);
  const Panes p = panes(state);
  if (p.log_width == 0) {
    const auto lines = wrap(
        fmt::format("Too small: {} columns and {} rows at least.", kSizeMin.columns, kSizeMin.rows),
        std::max(state.size.columns, 1));
    for (int i = 0; i < state.size.rows && i < static_cast<int>(lines.size()); ++i)
      grid.put(i, 0, lines[static_cast<std::size_t>(i)], {}, state.size.columns);
    return grid;
  }
  draw_title(grid, state);
  draw_frame(grid, state, p);
  if (p.side_width > 0) draw_side(grid, state, p);
  if (p.members_width > 0) draw_members(grid, state, p);
  draw_log(grid, state, p, wall);
  draw_status(grid, state.size.rows - p.input_height - 1, state);
  draw_input(grid, state, p);
  return grid;
}

}  // namespace moot::app::tui
