#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apps/moot/show.h"
#include "apps/moot/show_channel.h"
#include "apps/moot/tui_lines.h"
#include "apps/moot/tui_model.h"
#include "apps/moot/tui_view.h"

// What the owner of the store says.
namespace moot::app::tui {

void Model::hear(const Json& line) {
  using Handler = void (Model::*)(const Json&);
  static constexpr std::pair<std::string_view, Handler> kHandlers[] = {
      {"connecting", &Model::on_connection},
      {"connected", &Model::on_connection},
      {"caught_up", &Model::on_connection},
      {"disconnected", &Model::on_connection},
      {"stopped", &Model::on_connection},
      {"store_failed", &Model::on_connection},
      {"message", &Model::on_message},
      {"state", &Model::on_state},
      {"renumbered", &Model::on_renumbered},
      {"ready", &Model::on_handshake},
      {"asked", &Model::on_handshake},
      {"away", &Model::on_handshake},
      {"silent", &Model::on_handshake},
      {"presence", &Model::on_presence},
      {"removed", &Model::on_presence},
      {"channel", &Model::on_channel},
      {"left", &Model::on_left},
      {"post", &Model::on_post},
      {"acks", &Model::on_acks},
      {"election", &Model::on_election},
      {"leader", &Model::on_leader},
      {"sync", &Model::on_sync},
      {"synced", &Model::on_synced},
  };
  if (line.has("re")) {
    answer(line);
  } else if (line.str("ev") == "notice") {
    note(safe(line.str("why")));
  } else {
    const auto found =
        std::ranges::find(kHandlers, line.str("ev"), &std::pair<std::string_view, Handler>::first);
    if (found != std::end(kHandlers)) (this->*found->second)(line);
  }
  look_for_more();
}

// ---- connection and people ----------------------------------------------------------------------

void Model::on_connection(const Json& line) {
  if (!line.str("self").empty()) state_.self = line.str("self");
  const std::string& ev = line.str("ev");
  const bool was = state_.connection == "connected";
  state_.connection = ev == "caught_up" ? "connected" : ev == "store_failed" ? "stopped" : ev;
  state_.connection_why = safe(line.str(ev == "store_failed" ? "why" : "text"));
  if (state_.connection == "connected" && !was) {
    ask(Json().set("do", "users"), {.what = For::users});
    // Invitations are not kept on this disk, and are told to who was there already.
    ask(Json().set("do", "channels"), {.what = For::invitations});
  }
  if (state_.connection != "connected" && was) {
    people_known_ = false;
    others_.clear();
    for (auto& [target, r] : state_.rooms) {
      r.greeted = false;
      r.handshake.clear();
      r.candidate.clear();
      r.sync.reset();
    }
  }
  if (!here().loaded) load(here());
  if (ev == "caught_up") {
    caught_up_ = true;
    arrive();
  }
}

void Model::on_handshake(const Json& line) {
  const std::string& user = line.str("user");
  if (user.empty() || user == state_.self) return;
  if (!line.str("name").empty() && state_.people.contains(user))
    state_.people[user].name = line.str("name");
  Room& r = room('@' + user);
  const std::string& ev = line.str("ev");
  const std::string now = ev == "asked" ? "ready" : ev;
  const std::string who = shown_name(state_, user);
  if (ev == "asked" && r.target != state_.current)
    hint(who + " wants to talk to you: /to @" + safe(user));
  if (r.handshake == now) return;
  r.handshake = now;
  if (!r.loaded) return;
  if (now == "ready") note_in(r, who + " is ready.");
  if (now == "away") note_in(r, who + " is away, will be delivered.");
  if (now == "silent") note_in(r, who + " is connected but does not answer, will be delivered.");
}

void Model::on_presence(const Json& line) {
  const std::string& user = line.str("user");
  const auto at = state_.rooms.find('@' + user);
  Room* r = at == state_.rooms.end() || !at->second.loaded ? nullptr : &at->second;
  if (line.str("ev") == "removed") {
    state_.people.erase(user);
    if (r != nullptr) r->handshake.clear();
    if (r != nullptr) note_in(*r, "@" + safe(user) + " has left the server for good.");
    return;
  }
  if (state_.people.size() < kPeopleMax || state_.people.contains(user))
    state_.people[user] = {line.str("name"), line.str("status")};
  if (r == nullptr) return;
  const std::string& why = line.str("why");
  if (why != "went" && why != "came") return;
  // What was answered before is not true any more.
  r->handshake.clear();
  r->greeted = false;
  note_in(*r, shown_name(state_, user) + ' ' + why + '.');
  if (why == "came" && r->target == state_.current) greet();
}

// ---- private messages ---------------------------------------------------------------------------

void Model::on_message(const Json& line) {
  Line l = line_of_message(line, state_.self);
  const std::string peer = l.own ? line.str("to") : l.from;
  if (peer.empty()) return;
  Room& r = room('@' + peer);
  if (l.own && l.state == Client::State::queued) waiting_[l.id] = r.target;
  const bool incoming = !l.own;
  put(r, std::move(l), incoming);
}

void Model::on_state(const Json& line) {
  const Client::Message m = get_message(line);
  if (m.state != Client::State::queued) waiting_.erase(m.id);
  const auto at = state_.rooms.find('@' + m.to);
  if (at == state_.rooms.end() || !at->second.loaded) return;
  at->second.log.change(m.id, m.from, m.state, line.str("why"));
}

void Model::on_renumbered(const Json& line) {
  if (auto entry = waiting_.extract(line.str("id"))) {
    entry.key() = line.str("why");
    waiting_.insert(std::move(entry));
  }
  const auto at = state_.rooms.find('@' + line.str("to"));
  if (at != state_.rooms.end()) at->second.log.renumber(line.str("id"), line.str("why"));
}

// ---- channels -----------------------------------------------------------------------------------

// The room with the facts that came; a channel that was renamed keeps its room.
Room& Model::channel_of(const Json& line) {
  Client::Channel c = get_channel(line);
  const std::string target = '#' + c.name;
  const auto old = std::ranges::find_if(state_.rooms, [&](const auto& r) {
    return r.second.is_channel() && !c.id.empty() && r.second.channel.id == c.id;
  });
  if (old != state_.rooms.end() && old->first != target) {
    const bool shown = old->first == state_.current;
    auto entry = state_.rooms.extract(old);
    state_.rooms.erase(target);
    note_in(entry.mapped(),
            "#" + safe(entry.mapped().name()) + " is called " + safe(target) + " now.");
    entry.key() = entry.mapped().target = target;
    if (shown || state_.current == target) state_.current = target;
    state_.rooms.insert(std::move(entry));
  }
  Room& r = room(target);
  r.channel = std::move(c);
  if (r.channel.status != "electing") r.candidate.clear();
  return r;
}

void Model::on_channel(const Json& line) {
  const auto known = state_.rooms.find('#' + line.str("channel"));
  const bool was_invited = known != state_.rooms.end() && known->second.channel.invited;
  Room& r = channel_of(line);
  if (r.channel.invited && !r.channel.member && !was_invited)
    hint("You are invited to " + safe(r.target) + ": /enter " + safe(r.target));
  if (r.channel.member) arrive();
}

void Model::on_left(const Json& line) {
  Room& r = channel_of(line);
  const std::string& why = line.str("why");
  r.channel.member = r.channel.attached = false;
  if (why == "left" && r.target == state_.current) {
    const std::string gone = r.target;
    switch_by(1);
    if (state_.current == gone) open("");
    state_.rooms.erase(gone);
    return note("You left " + safe(gone) + ".");
  }
  if (why == "left") {
    state_.rooms.erase(r.target);
    return;
  }
  note_in(r, why == "kicked" ? "You were removed from " + safe(r.target) + " by its admins."
                             : safe(r.target) + " is no more.");
}

void Model::on_post(const Json& line) {
  Line l = line_of_post(line);
  Room& r = room('#' + line.str("channel"));
  if (l.own && l.draft != 0) {
    if (l.id.empty() && l.state == Client::State::queued) {
      waiting_[draft_name(l)] = r.target;
    } else {
      waiting_.erase(draft_name(l));
    }
  }
  const bool incoming = !l.own && l.state == Client::State::committed;
  put(r, std::move(l), incoming);
}

void Model::on_acks(const Json& line) {
  put(room('#' + line.str("channel")), line_of_post(line), false);
}

bool Model::above_the_screen(const Room& r, const std::string& key) const {
  const Panes p = panes(state_);
  const auto rows = rows_of(state_, r, p.log_width, wall_);
  const Viewport v = viewport(rows, r.anchor, p.log_height);
  return v.begin < rows.size() && key < rows[v.begin].key;
}

void Model::put(Room& r, Line line, bool incoming) {
  const bool shown = r.target == state_.current;
  const std::string key = line.key;
  const std::string name = line.id + line.from;
  const bool ours = line.text.contains('@' + state_.self);
  const bool first = std::ranges::find(r.counted, name) == r.counted.end();
  const bool news = incoming && first;
  Log::Put at = Log::Put::last;
  if (r.loaded) {
    at = r.log.put(std::move(line));
    r.log.trim(r.anchor ? Log::Keep::oldest : Log::Keep::newest);
  }
  if (!news) return;
  r.counted.push_back(name);
  if (r.counted.size() > kCountedMax) r.counted.pop_front();
  if (r.is_person() || ours) bell_ = true;
  const bool above =
      shown && (at == Log::Put::above || (at == Log::Put::inside && above_the_screen(r, key)));
  if (above) ++r.arrived_above;
  if (!shown || r.anchor) ++r.unread;
  if (shown && r.anchor && !above) ++r.arrived_below;
  if (shown && !r.anchor) mark_read(r);
}

void Model::on_election(const Json& line) {
  Room& r = channel_of(line);
  r.candidate = line.str("user");
  if (r.target == state_.current) state_.hint.clear();
}

void Model::on_leader(const Json& line) {
  const auto known = state_.rooms.find('#' + line.str("channel"));
  const std::string before = known == state_.rooms.end() ? "" : known->second.channel.leader;
  Room& r = channel_of(line);
  r.candidate.clear();
  const std::string& leader = r.channel.leader;
  if (!r.loaded || leader == before || r.channel.keeper == "server") return;
  note_in(r, leader.empty() ? "Nobody leads now." : "@" + safe(leader) + " leads.");
}

void Model::on_sync(const Json& line) {
  room('#' + line.str("channel")).sync = Room::Sync{line.u64("records"), line.u64("differences")};
}

void Model::on_synced(const Json& line) {
  Room& r = room('#' + line.str("channel"));
  const std::uint64_t records = r.sync ? r.sync->records : 0;
  r.sync.reset();
  if (records == 0) return;
  // Who loads it later reads all of it.
  if (r.loaded) {
    r.synced_records += records;
    if (!r.anchor) ++r.generation;
    ask_page(r, r.anchor ? For::again_above : For::again);
  }
  ask(Json().set("do", "channels_here"), {.what = For::channels_here});
}

}  // namespace moot::app::tui
