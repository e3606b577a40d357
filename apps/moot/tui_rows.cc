#include "apps/moot/tui_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "apps/moot/show.h"
#include "apps/moot/utf8.h"
#include "base/counted.h"

namespace moot::app::tui {
namespace {

constexpr int kTimeWidth = 5;
constexpr int kNameWidthMax = 12;
constexpr int kNameWidthMaxNarrow = 8;
constexpr int kNarrow = 50;
constexpr std::string_view kEllipsis = "\u2026";

std::string day_name(const WallTime& t) {
  constexpr std::array<std::string_view, 7> kDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                  "Thursday", "Friday", "Saturday"};
  constexpr std::array<std::string_view, 12> kMonths{
      "January", "February", "March",     "April",   "May",      "June",
      "July",    "August",   "September", "October", "November", "December"};
  return fmt::format("{} {} {} {}", kDays[t.weekday % 7], t.day, kMonths[(t.month + 11) % 12],
                     t.year);
}

// What is told of a line of ours, and of one that is not as it should be.
struct Mark {
  std::string text;
  bool alarm = false;
};

std::string own_channel_mark(const Line& line, const Room& room, bool newest) {
  const std::uint64_t of = std::max(room.channel.members_n, line.acks_n);
  const bool by_server = room.channel.keeper == "server";
  if (line.state == Client::State::pending) {
    if (by_server || of == 0) return "pending";
    return fmt::format("pending {}/{}", line.acks_n, of);
  }
  if (line.state == Client::State::committed) {
    if (by_server || line.acks_n == 0) return newest ? "committed" : "\u2713";
    return newest ? fmt::format("committed on {} of {}", line.acks_n, of)
                  : fmt::format("\u2713 {}/{}", line.acks_n, of);
  }
  if (const std::uint64_t n = missing(room.channel); n > 0)
    return "draft, waits for " + counted(n, "more person", "more people");
  return line.error.empty() ? "queued" : "queued: " + safe(line.error);
}

std::string own_private_mark(const Line& line, bool newest) {
  switch (line.state) {
    case Client::State::queued:
      return line.error.empty() ? "queued" : "queued: " + safe(line.error);
    case Client::State::sent:
      return "sent";
    default:
      return newest ? "acked" : "\u2713";
  }
}

Mark mark_of(const Line& line, const Room& room, bool newest) {
  Mark mark;
  const auto add = [&](std::string_view text) {
    if (!mark.text.empty()) mark.text += ", ";
    mark.text += text;
  };
  if (line.conflict) {
    add("another text has the same id");
    mark.alarm = true;
  }
  if (line.late) add("late");
  if (line.state == Client::State::failed) {
    add("failed: " + safe(line.error));
    mark.alarm = true;
  } else if (line.own) {
    add(room.is_channel() ? own_channel_mark(line, room, newest) : own_private_mark(line, newest));
  } else if (line.state == Client::State::pending) {
    add("pending");
  }
  return mark;
}

class Rows {
 public:
  Rows(const State& state, const Room& room, int width, const WallClock& wall)
      : state_(state), room_(room), width_(width), wall_(wall) {
    int widest = 3;
    for (const Line& l : room.log.lines()) {
      if (!l.notice()) widest = std::max(widest, columns(safe(l.from)));
      if (l.own && !l.notice()) newest_own_ = &l;
    }
    name_width_ = std::min(widest, width < kNarrow ? kNameWidthMaxNarrow : kNameWidthMax);
    text_left_ = kTimeWidth + 1 + name_width_ + 2;
    text_width_ = std::max(width_ - text_left_, 8);
  }

  std::vector<Row> all() {
    if (room_.log.at_begin && room_.is_channel()) rule("", "the beginning of " + shown(), false);
    for (const Line& line : room_.log.lines()) {
      if (!room_.unread_from.empty() && line.key == room_.unread_from) rule(line.key, "new", true);
      if (line.notice()) {
        notice(line);
      } else {
        message(line);
      }
    }
    return std::move(rows_);
  }

 private:
  std::string shown() const { return room_.target[0] + safe(room_.name()); }

  void rule(const std::string& key, std::string text, bool bold) {
    Row row{.key = key, .index = next_index(key), .rule = '-'};
    row.left.push_back({std::move(text), {.bold = bold, .dim = !bold}});
    rows_.push_back(std::move(row));
  }
  int next_index(const std::string& key) const {
    return !rows_.empty() && rows_.back().key == key ? rows_.back().index + 1 : 0;
  }
  Row& row(const Line& line) {
    rows_.push_back({.key = line.key, .index = next_index(line.key)});
    return rows_.back();
  }
  // Empty when the same was said on the row before.
  void begin(Row& r, std::string_view time, std::string_view name, Style style) const {
    const std::string shown_as = fit(name, name_width_);
    r.left.push_back({fmt::format("{:<{}} ", time, kTimeWidth), {.dim = true}});
    r.left.push_back(
        {std::string(static_cast<std::size_t>(name_width_ - columns(shown_as)), ' '), {}});
    r.left.push_back({shown_as, style});
    r.left.push_back({"  ", {}});
  }

  void notice(const Line& line) {
    last_from_.clear();
    bool first = true;
    for (const std::string& text : wrap(line.text, text_width_)) {
      Row& r = row(line);
      begin(r, "", first ? "*" : "", {.dim = true});
      r.left.push_back({text, {.dim = true}});
      first = false;
    }
  }

  void message(const Line& line) {
    const WallTime at = wall_(line.at_ms);
    if (at.year != day_.year || at.month != day_.month || at.day != day_.day) {
      rule(line.key, day_name(at), false);
      last_from_.clear();
      last_time_.clear();
    }
    day_ = at;
    const std::string time = fmt::format("{:02}:{:02}", at.hour, at.minute);
    const bool again = line.from == last_from_;
    const Style of_name{.bold = true, .colour = static_cast<std::uint8_t>(colour_of(line.from))};
    Style of_text;
    of_text.dim = line.state == Client::State::queued || line.state == Client::State::pending;
    of_text.bold = !line.own && line.text.contains('@' + state_.self) && !state_.self.empty();
    bool first = true;
    for (const std::string& text : wrap(line.text, text_width_)) {
      Row& r = row(line);
      begin(r, first && (!again || time != last_time_) ? time : "",
            first && !again ? safe(line.from) : "", of_name);
      r.left.push_back({text, of_text});
      first = false;
    }
    last_from_ = line.from;
    last_time_ = time;
    mark(line);
  }

  // At the right edge of the last row if it fits there, else below.
  void mark(const Line& line) {
    const Mark m = mark_of(line, room_, &line == newest_own_);
    if (m.text.empty()) return;
    const Style style{.dim = !m.alarm, .colour = m.alarm ? kAlarm : std::uint8_t{0}};
    int used = 2;
    for (const Span& s : rows_.back().left) used += columns(s.text);
    if (used + columns(m.text) <= width_) {
      rows_.back().right.push_back({m.text, style});
      return;
    }
    if (columns(m.text) <= text_width_) {
      row(line).right.push_back({m.text, style});
      return;
    }
    for (const std::string& text : wrap(m.text, text_width_)) {
      Row& r = row(line);
      begin(r, "", "", {});
      r.left.push_back({text, style});
    }
  }

  const State& state_;
  const Room& room_;
  const int width_;
  const WallClock& wall_;
  int name_width_ = 0;
  int text_left_ = 0;
  int text_width_ = 0;
  const Line* newest_own_ = nullptr;
  std::vector<Row> rows_;
  WallTime day_;
  std::string last_from_;
  std::string last_time_;
};

// One line of a text that has no line ends.
void wrap_line(std::string_view text, int width, std::vector<std::string>& out) {
  std::size_t begin = 0;
  do {
    std::size_t end = begin;
    std::size_t blank = std::string_view::npos;
    int used = 0;
    while (end < text.size()) {
      const CodePoint c = next_code_point(text.substr(end));
      const int w = columns(c.code);
      // A line may end in blanks that do not fit.
      if (used + w > width && text[end] != ' ') break;
      if (text[end] == ' ') blank = end;
      used += w;
      end += c.octets;
    }
    if (end < text.size() && blank != std::string_view::npos && blank > begin) end = blank + 1;
    if (end == begin && end < text.size()) end += next_code_point(text.substr(end)).octets;
    std::string_view piece = text.substr(begin, end - begin);
    while (piece.ends_with(' ') && (end < text.size() || columns(piece) > width))
      piece.remove_suffix(1);
    out.emplace_back(piece);
    begin = end;
  } while (begin < text.size());
}

}  // namespace

std::string fit(std::string_view text, int width) {
  if (columns(text) <= width) return std::string(text);
  std::string out;
  int used = 0;
  while (!text.empty()) {
    const CodePoint c = next_code_point(text);
    const int w = columns(c.code);
    if (used + w > width - 1) break;
    out += text.substr(0, c.octets);
    used += w;
    text.remove_prefix(c.octets);
  }
  if (width > 0) out += kEllipsis;
  return out;
}

std::vector<std::string> wrap(std::string_view foreign, int width) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t end = std::min(foreign.find('\n'), foreign.size());
    std::string line;
    for (const char c : foreign.substr(0, end)) {
      if (c == '\t') {
        line += "    ";
      } else if (c != '\r') {
        line += c;
      }
    }
    wrap_line(safe(line), width, out);
    if (end == foreign.size()) return out;
    foreign.remove_prefix(end + 1);
  }
}

std::vector<Row> rows_of(const State& state, const Room& room, int width, const WallClock& wall) {
  return Rows(state, room, width, wall).all();
}

Viewport viewport(const std::vector<Row>& rows, const std::optional<Room::Anchor>& anchor,
                  int height) {
  const auto room = static_cast<std::size_t>(std::max(height, 0));
  std::size_t end = rows.size();
  if (anchor) {
    const auto behind = std::ranges::find_if(rows, [&](const Row& r) {
      return r.key > anchor->key || (r.key == anchor->key && r.index > anchor->row);
    });
    end = static_cast<std::size_t>(behind - rows.begin());
  }
  end = std::max(end, std::min(room, rows.size()));
  return {end - std::min(room, end), end};
}

}  // namespace moot::app::tui
