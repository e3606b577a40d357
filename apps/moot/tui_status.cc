#include "apps/moot/tui_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "apps/moot/show.h"
#include "apps/moot/tui_rows.h"
#include "apps/moot/utf8.h"
#include "base/counted.h"

namespace moot::app::tui {
namespace {

constexpr std::string_view kDot = " \u00b7 ";
constexpr int kBarWidth = 16;

void add(std::string& out, std::string_view text) {
  if (text.empty()) return;
  if (!out.empty()) out += kDot;
  out += text;
}

// Facts in the order of their need; those that do not fit are left out.
class Facts {
 public:
  explicit Facts(int width) : width_(width) {}
  void add(std::string_view text) {
    if (text.empty()) return;
    std::string longer = text_;
    tui::add(longer, text);
    if (columns(longer) <= width_ || text_.empty()) text_ = std::move(longer);
  }
  std::string take() { return fit(text_, width_); }

 private:
  const int width_;
  std::string text_;
};

Title title_of_channel(const State& state, const Room& r, int width) {
  const Client::Channel& c = r.channel;
  Title t;
  t.name = safe(r.target);
  t.topic = safe(c.topic);
  if (!c.member) {
    t.facts = c.invited ? "you are invited: /enter " + safe(r.target) : "you are not in it";
    t.alarm = true;
    return t;
  }
  const bool server = c.keeper == "server";
  Facts facts(width);
  if (state.connection == "connected") {
    if (const std::uint64_t n = missing(c); n > 0) {
      facts.add(counted(n, "person is missing", "people are missing"));
      t.alarm = true;
    }
    if (c.status == "electing") facts.add("electing");
    if (!server && c.status == "healthy" && !c.leader.empty())
      facts.add("@" + safe(c.leader) + " leads");
    if (c.members_n > 0) facts.add(fmt::format("{} of {} online", c.online_n, c.members_n));
  }
  if (!c.keeper.empty()) facts.add(server ? "kept by the server" : "kept by its members");
  t.facts = facts.take();
  return t;
}

Title title_of_person(const State& state, const Room& r, int width) {
  Title t;
  t.name = safe(r.target);
  Facts facts(width);
  if (r.handshake == "ready") facts.add("ready");
  if (r.handshake == "away") facts.add("will be delivered");
  if (r.handshake == "silent") facts.add("does not answer, will be delivered");
  const auto known = state.people.find(r.name());
  if (known != state.people.end()) {
    if (known->second.name != r.name()) t.topic = safe(known->second.name);
    if (state.connection == "connected") facts.add(safe(known->second.status));
  }
  t.facts = facts.take();
  return t;
}

// "sync #ops ████░░░░ 1000 of 4000", shorter where there is less room; "sync #ops 1000" while
// nobody says of how many.
std::string sync_words(const Room& r, int width) {
  const std::string name = safe(r.target);
  if (r.sync->differences == 0) return fmt::format("sync {} {}", name, r.sync->records);
  const std::uint64_t all = std::max(r.sync->records, r.sync->differences);
  const std::uint64_t done = r.sync->records * static_cast<std::uint64_t>(kBarWidth) / all;
  std::string bar;
  for (std::uint64_t i = 0; i < kBarWidth; ++i) bar += i < done ? "\u2588" : "\u2591";
  const std::string numbers = fmt::format("{} of {}", r.sync->records, all);
  for (const std::string& words : {fmt::format("sync {} {} {}", name, bar, numbers),
                                   fmt::format("sync {} {}", name, numbers)}) {
    if (columns(words) <= width) return words;
  }
  return fmt::format("sync {} {}%", name, r.sync->records * 100 / all);
}

std::string connection_words(const State& state) {
  if (state.connection == "connected") return "connected";
  if (state.connection == "connecting") return "connecting";
  const std::string why = state.connection_why.empty() ? "" : ": " + state.connection_why;
  return state.connection == "stopped" ? "stopped" + why : "not connected, trying again" + why;
}

}  // namespace

Title title_of(const State& state, int facts_width) {
  const Room& r = state.room();
  if (r.is_channel()) return title_of_channel(state, r, facts_width);
  if (r.is_person()) return title_of_person(state, r, facts_width);
  return {.name = "moot", .topic = "", .facts = "/help says what there is", .alarm = false};
}

std::string status_of(const State& state, int width) {
  if (!state.hint.empty()) return fit(state.hint, width);
  const Room& here = state.room();
  std::vector<std::string> parts;
  parts.push_back((state.self.empty() ? "" : "@" + safe(state.self) + ' ') +
                  connection_words(state));
  const auto tell_election = [&](const Room& r) {
    if (r.channel.status != "electing" && r.candidate.empty()) return;
    const std::string where = &r == &here ? "" : safe(r.target) + ' ';
    parts.push_back(r.candidate.empty()
                        ? where + "electing"
                        : fmt::format("{}electing: @{} asks for votes", where, safe(r.candidate)));
  };
  if (here.is_channel()) tell_election(here);
  if (const std::uint64_t n = missing(here.channel); n > 0 && here.channel.member)
    parts.push_back("what you type waits as a draft");
  for (const auto& [target, r] : state.rooms) {
    if (r.sync) parts.push_back(sync_words(r, width - columns(parts.front()) - columns(kDot)));
    if (r.sync) break;
  }
  for (const auto& [target, r] : state.rooms) {
    if (r.is_channel() && &r != &here) tell_election(r);
  }
  // Where the left column is not shown, what it would say first.
  std::string unread;
  for (const auto& [target, r] : state.rooms) {
    if (r.unread > 0 && &r != &here)
      unread += (unread.empty() ? "" : " ") + fmt::format("{} {}", safe(target), r.unread);
  }
  if (!unread.empty() && width < 62) parts.insert(parts.begin() + 1, unread);
  std::string out;
  for (const std::string& p : parts) {
    const std::string longer = out.empty() ? p : out + std::string(kDot) + p;
    if (!out.empty() && columns(longer) > width) continue;
    out = longer;
  }
  return fit(out, width);
}

}  // namespace moot::app::tui
