#include "apps/moot/tui_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace moot::app::tui {
namespace {

// A line counts as its text and something for the rest.
constexpr std::size_t kLineOverhead = 64;

std::size_t bytes_of(const Line& line) { return line.text.size() + kLineOverhead; }

}  // namespace

// '~' is behind every id, '+' before: what is said after a line stands directly behind it.
std::string draft_key(std::uint64_t draft) { return fmt::format("~{:020}", draft); }
std::string seq_key(std::uint64_t seq) { return fmt::format("{:020}", seq); }

std::uint64_t seq_of(std::string_view key) {
  std::uint64_t seq = 0;
  std::from_chars(key.data(), key.data() + std::min(key.find('+'), key.size()), seq);
  return seq;
}
std::uint64_t seq_not_before(std::string_view key) {
  return seq_of(key) + (key.contains('+') ? 1 : 0);
}

bool Line::same(const Line& other) const {
  if (notice() || other.notice()) return false;
  if (draft != 0 && draft == other.draft) return true;
  // What tells of a change may come without the text.
  const bool texts = text == other.text || text.empty() || other.text.empty();
  return !id.empty() && id == other.id && from == other.from && texts;
}

std::size_t Log::find(const Line& line) const {
  // Mostly among the newest.
  for (std::size_t i = lines_.size(); i-- > 0;) {
    if (lines_[i].same(line)) return i;
  }
  return lines_.size();
}

Log::Put Log::put(Line line) {
  if (const std::size_t at = find(line); at < lines_.size()) {
    Line& known = lines_[at];
    // An event may know less than what asked for it did.
    if (line.at_ms == 0) line.at_ms = known.at_ms;
    if (line.draft == 0) line.draft = known.draft;
    if (line.id.empty()) line.id = known.id;
    if (line.text.empty()) line.text = known.text;
    line.late = line.late || known.late;
    line.conflict = line.conflict || known.conflict;
    if (line.key.empty() || line.key == known.key) {
      line.key = known.key;
      bytes_ += bytes_of(line);
      bytes_ -= bytes_of(known);
      known = std::move(line);
    } else {
      bytes_ -= bytes_of(known);
      lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(at));
      put(std::move(line));
    }
    return Put::changed;
  }
  if (line.key.empty()) line.key = next_key();
  for (Line& l : lines_) {
    if (!line.id.empty() && l.id == line.id && l.key == line.key) l.conflict = line.conflict = true;
  }
  const bool last = lines_.empty() || line.key >= lines_.back().key;
  if (last && !at_end) return Put::below;
  const Line* first = first_stored();
  if (!at_begin && first != nullptr && line.key < first->key) return Put::above;
  const auto place = std::ranges::upper_bound(lines_, line.key, {}, &Line::key);
  const bool drafts_only_behind =
      std::all_of(place, lines_.end(), [](const Line& l) { return l.draft_only(); });
  bytes_ += bytes_of(line);
  lines_.insert(place, std::move(line));
  return drafts_only_behind ? Put::last : Put::inside;
}

void Log::add_page(std::vector<Line> page) {
  // The window opens for what the store says is next to it.
  const bool begin = at_begin;
  const bool end = at_end;
  at_begin = at_end = true;
  for (Line& line : page) put(std::move(line));
  at_begin = begin;
  at_end = end;
}

std::string Log::next_key() {
  std::string base;
  for (const Line& l : lines_) {
    if (!l.draft_only()) base = l.key;
  }
  if (const auto plus = base.find('+'); plus != std::string::npos) base.resize(plus);
  return fmt::format("{}+{:010}", base, ++counter_);
}

void Log::note(std::string text) {
  Line line;
  line.key = next_key();
  line.text = std::move(text);
  const bool end = at_end;
  at_end = true;
  put(std::move(line));
  at_end = end;
}

void Log::change(std::string_view id, std::string_view from, Client::State state,
                 std::string error) {
  for (Line& l : lines_) {
    if (l.id != id || l.from != from) continue;
    l.state = state;
    l.error = std::move(error);
    return;
  }
}

void Log::drop_before(std::string_view key) {
  std::erase_if(lines_, [&](const Line& l) {
    if (l.key >= key) return false;
    bytes_ -= bytes_of(l);
    return true;
  });
}

void Log::renumber(std::string_view id, std::string_view to) {
  for (Line& l : lines_) {
    if (l.id == id) l.id = to;
  }
}

void Log::trim(Keep keep) {
  std::size_t drop = 0;
  std::size_t bytes = bytes_;
  while (lines_.size() - drop > kLogLinesMax ||
         (bytes > kLogBytesMax && lines_.size() - drop > 1)) {
    bytes -= bytes_of(keep == Keep::newest ? lines_[drop] : lines_[lines_.size() - 1 - drop]);
    ++drop;
  }
  if (drop == 0) return;
  bytes_ = bytes;
  const auto n = static_cast<std::ptrdiff_t>(drop);
  if (keep == Keep::newest) {
    lines_.erase(lines_.begin(), lines_.begin() + n);
    at_begin = false;
  } else {
    lines_.erase(lines_.end() - n, lines_.end());
    at_end = false;
  }
}

bool Log::half_empty() const {
  return lines_.size() <= kLogLinesMax / 2 && bytes_ <= kLogBytesMax / 2;
}

void Log::clear() {
  std::erase_if(lines_, [&](const Line& l) {
    if (!l.notice()) bytes_ -= bytes_of(l);
    return !l.notice();
  });
  at_begin = false;
  at_end = true;
}

const Line* Log::first_stored() const {
  const auto found =
      std::ranges::find_if(lines_, [](const Line& l) { return !l.notice() && !l.draft_only(); });
  return found == lines_.end() ? nullptr : &*found;
}

const Line* Log::last_stored() const {
  for (auto l = lines_.rbegin(); l != lines_.rend(); ++l) {
    if (!l->notice() && !l->draft_only()) return &*l;
  }
  return nullptr;
}

void Log::check_invariants() const {
  MOOT_CHECK(std::ranges::is_sorted(lines_, {}, &Line::key));
  std::size_t bytes = 0;
  for (const Line& l : lines_) bytes += bytes_of(l);
  MOOT_CHECK(bytes == bytes_);
}

}  // namespace moot::app::tui
