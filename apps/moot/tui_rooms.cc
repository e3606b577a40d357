#include <algorithm>
#include <utility>

#include "apps/moot/show.h"
#include "apps/moot/tui_model.h"
#include "apps/moot/tui_view.h"
#include "base/check.h"

namespace moot::app::tui {

Room& Model::room(const std::string& target) {
  const auto [at, made] = state_.rooms.try_emplace(target);
  if (made) at->second.target = target;
  return at->second;
}

void Model::open(const std::string& target) {
  arrived_ = true;
  if (target == state_.current) return;
  Room& before = here();
  before.typed = state_.input.text();
  before.unread_from.clear();
  before.arrived_above = 0;
  Room& r = room(target);
  state_.current = target;
  // What was typed while the way here was not known yet is meant for here.
  if (!before.target.empty() || !r.typed.empty() || before.typed.empty()) {
    state_.input.set_text(r.typed);
  } else {
    before.typed.clear();
  }
  state_.hint.clear();
  r.looked_at = ++looks_;
  r.unread_to_place = r.unread;
  if (!r.loaded) {
    load(r);
  } else if (!r.loading) {
    place_unread(r);
  }
  if (!r.anchor && r.unread > 0) mark_read(r);
  unload_some();
}

void Model::greet() {
  Room& r = here();
  if (!r.is_person() || r.greeted || state_.connection != "connected") return;
  r.greeted = true;
  tell(Json().set("do", "greet").set("n", std::uint64_t{0}).set("to", r.name()));
}

void Model::load(Room& r) {
  if (r.target.empty() || state_.self.empty()) return;
  r.loaded = true;
  ++r.generation;
  r.log.clear();
  r.anchor.reset();
  r.arrived_below = 0;
  r.synced_records = 0;
  ask_page(r, For::newest);
}

// What was not looked at for longest is read again when somebody goes there.
void Model::unload_some() {
  std::vector<Room*> loaded;
  for (auto& [target, r] : state_.rooms) {
    if (r.loaded && target != state_.current) loaded.push_back(&r);
  }
  std::ranges::sort(loaded, std::greater{}, &Room::looked_at);
  for (std::size_t i = kRoomsLoadedMax; i < loaded.size(); ++i) {
    loaded[i]->log.clear();
    loaded[i]->loaded = false;
    loaded[i]->anchor.reset();
  }
}

void Model::ask_page(Room& r, For what) {
  Json json;
  const Line* first = r.log.first_stored();
  const Line* last = r.log.last_stored();
  if (r.is_channel()) {
    json.set("do", "posts").set("channel", r.name());
    json.set("order", what == For::newer || what == For::again_above ? "oldest" : "newest");
    if (what == For::older && first != nullptr) json.set("below_id", first->id);
    if (what == For::newer && last != nullptr) json.set("from_id", last->id);
    if (what == For::again_above && first != nullptr) json.set("from_id", first->id);
  } else {
    json.set("do", "history").set("peer", r.name());
    if (what == For::older && first != nullptr) json.set("before", seq_not_before(first->key));
    if (what == For::newer && last != nullptr)
      json.set("after", seq_of(last->key)).set("first", true);
  }
  const std::uint64_t count = what == For::again_above ? kLogLinesMax : kPageLines;
  json.set("count", count);
  r.loading = true;
  ask(std::move(json),
      {.what = what, .target = r.target, .count = count, .generation = r.generation});
}

// Where the unread begin, as long as that is among the lines that are here.
void Model::place_unread(Room& r) {
  std::uint64_t left = std::exchange(r.unread_to_place, 0);
  r.unread_from.clear();
  const auto& lines = r.log.lines();
  for (auto l = lines.rbegin(); l != lines.rend() && left > 0; ++l) {
    if (l->notice() || l->own || l->state == Client::State::pending) continue;
    if (--left == 0) r.unread_from = l->key;
  }
}

// One at a time: each is a write of the owner, and who reads along would cause one a message.
void Model::mark_read(Room& r) {
  r.unread = 0;
  r.arrived_below = 0;
  if (r.target.empty()) return;
  if (r.reading) {
    r.read_more = true;
    return;
  }
  r.reading = true;
  Json json;
  json.set("do", r.is_channel() ? "read_channel" : "read");
  json.set(r.is_channel() ? "channel" : "user", r.name()).set("seq", kAllRead);
  ask(std::move(json), {.what = For::read, .target = r.target});
}

// ---- around -------------------------------------------------------------------------------------

void Model::switch_by(int step) {
  const auto all = entries(state_);
  std::vector<std::string> numbered;
  for (const Entry& e : all) {
    if (e.numbered) numbered.push_back(e.target);
  }
  if (numbered.empty()) return;
  const auto at = std::ranges::find(numbered, state_.current);
  const auto n = static_cast<std::ptrdiff_t>(numbered.size());
  std::ptrdiff_t to = at == numbered.end() ? (step > 0 ? 0 : n - 1) : at - numbered.begin() + step;
  to = (to % n + n) % n;
  open(numbered[static_cast<std::size_t>(to)]);
}

void Model::switch_to_entry(std::size_t number) {
  const auto all = entries(state_);
  if (number < all.size() && all[number].numbered) open(all[number].target);
}

// Who wrote to us alone first.
void Model::switch_to_unread() {
  std::string found;
  for (const auto& [target, r] : state_.rooms) {
    if (r.unread > 0 && target != state_.current && (found.empty() || r.is_person()))
      found = target;
  }
  if (found.empty()) return hint("Everything is read.");
  open(found);
}

void Model::scroll(int by) {
  Room& r = here();
  const Panes p = panes(state_);
  if (p.log_height <= 0) return;
  const auto rows = rows_of(state_, r, p.log_width, wall_);
  const Viewport v = viewport(rows, r.anchor, p.log_height);
  const auto total = static_cast<std::ptrdiff_t>(rows.size());
  const auto least = std::min<std::ptrdiff_t>(p.log_height, total);
  const auto end =
      std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(v.end) - by, least, total);
  if (end == total && r.log.at_end) {
    to_newest();
  } else if (end > 0) {
    const Row& bottom = rows[static_cast<std::size_t>(end - 1)];
    r.anchor = Room::Anchor{bottom.key, bottom.index};
  }
  // Who goes there has seen that there is something.
  if (by > 0) r.arrived_above = 0;
}

void Model::to_newest() {
  Room& r = here();
  r.anchor.reset();
  if (!r.log.at_end) load(r);
  if (r.unread > 0 || r.arrived_below > 0) mark_read(r);
}

// A screen in advance, so that nobody waits at the edge of what is in memory.
void Model::look_for_more() {
  Room& r = here();
  if (!r.loaded || r.loading || r.log.first_stored() == nullptr) return;
  const Panes p = panes(state_);
  if (p.log_height <= 0) return;
  const auto rows = rows_of(state_, r, p.log_width, wall_);
  const Viewport v = viewport(rows, r.anchor, p.log_height);
  const auto screen = static_cast<std::size_t>(p.log_height);
  // Who reads the newest needs no more above than fits beside it.
  const bool room_above = r.anchor || r.log.half_empty();
  if (v.begin < screen && !r.log.at_begin && room_above) {
    ask_page(r, For::older);
  } else if (r.anchor && rows.size() - v.end < screen && !r.log.at_end) {
    ask_page(r, For::newer);
  }
}

void Model::note(std::string text) { note_in(here(), std::move(text)); }

void Model::note_in(Room& r, std::string text) {
  r.log.note(std::move(text));
  r.log.trim(r.anchor ? Log::Keep::oldest : Log::Keep::newest);
}

void Model::check_invariants() const {
  MOOT_CHECK(state_.rooms.contains(state_.current));
  MOOT_CHECK(state_.people.size() <= kPeopleMax);
  std::size_t loaded = 0;
  for (const auto& [target, r] : state_.rooms) {
    MOOT_CHECK(target == r.target);
    r.log.check_invariants();
    MOOT_CHECK(r.log.lines().size() <= kLogLinesMax);
    if (r.loaded) ++loaded;
  }
  MOOT_CHECK(loaded <= kRoomsLoadedMax + 1);
}

}  // namespace moot::app::tui
