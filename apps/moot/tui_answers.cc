#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apps/moot/channel_words.h"
#include "apps/moot/show.h"
#include "apps/moot/show_channel.h"
#include "apps/moot/tui_lines.h"
#include "apps/moot/tui_model.h"
#include "base/counted.h"

// What the owner of the store answers.
namespace moot::app::tui {

void Model::answer(const Json& line) {
  const auto at = asked_.find(line.u64("re"));
  if (at == asked_.end()) {
    // Of what nobody waits for, only an error is of interest.
    if (!line.str("error").empty()) note(safe(line.str("error")));
    return;
  }
  if (!line.flag("end")) return part_of_answer(at->second, line);
  Ask ask = std::move(at->second);
  asked_.erase(at);
  end_of_answer(ask, line);
}

void Model::part_of_answer(Ask& ask, const Json& line) {
  switch (ask.what) {
    case For::shown_users:
      ask.text += fmt::format("\n{:8} @{:16} {}", safe(line.str("status")), safe(line.str("user")),
                              safe(line.str("name")));
      [[fallthrough]];
    case For::users:
      if (state_.people.size() < kPeopleMax || state_.people.contains(line.str("user")))
        state_.people[line.str("user")] = {line.str("name"), line.str("status")};
      return;
    case For::channels_here: {
      Room& r = channel_of(line);
      unread_is(r, r.channel.unread);
      return;
    }
    case For::conversations:
      if (line.has("peer")) unread_is(room('@' + line.str("peer")), line.u64("unread"));
      return;
    case For::newest:
    case For::older:
    case For::newer:
    case For::again:
    case For::again_above:
      ask.page.push_back(ask.target.starts_with('#') ? line_of_post(line)
                                                     : line_of_message(line, state_.self));
      return;
    case For::uncommitted: {
      Line l = line_of_post(line);
      if (l.own && l.id.empty()) waiting_[draft_name(l)] = ask.target;
      ask.page.push_back(std::move(l));
      return;
    }
    case For::members:
      ++ask.count;
      ask.text += (ask.text.empty() ? "@" : ", @") + safe(line.str("user")) +
                  (line.flag("online") ? "" : " (offline)");
      return;
    case For::invitations: {
      const Client::Channel c = get_channel(line);
      if (c.invited && !c.member) channel_of(line);
      if (!c.invited && !c.member && others_.size() < kPeopleMax) others_.insert(c.name);
      return;
    }
    case For::channels: {
      const Client::Channel c = get_channel(line);
      ++ask.count;
      ask.text +=
          fmt::format("\n#{:16} {:>3} of {:<3} online  {}{}", safe(c.name), c.online_n, c.members_n,
                      c.member    ? ""
                      : c.invited ? "(invited) "
                                  : "(not in it) ",
                      safe(c.topic));
      return;
    }
    case For::verify:
      if (!line.has("fingerprint")) {
        if (line.u64("all") > 0)
          hint(fmt::format("{} of {} messages are proved.", line.u64("records"), line.u64("all")));
        return;
      }
      ask.count = line.u64("count");
      ask.text = line.str("fingerprint");
      return;
    case For::search: {
      Line l =
          ask.target.starts_with('#') ? line_of_post(line) : line_of_message(line, state_.self);
      ++ask.count;
      const WallTime t = wall_(l.at_ms);
      ask.found += fmt::format("\n{}-{:02}-{:02} {:02}:{:02} @{}: {}", t.year, t.month, t.day,
                               t.hour, t.minute, safe(l.from), safe(l.text));
      return;
    }
    default:
      return;
  }
}

void Model::end_of_answer(Ask& ask, const Json& line) {
  ask.more = line.flag("more");
  const std::string error = safe(line.str("error"));
  switch (ask.what) {
    case For::newest:
    case For::older:
    case For::newer:
    case For::again:
    case For::again_above:
    case For::uncommitted:
      if (error.empty()) return page_is_here(ask);
      if (const auto r = state_.rooms.find(ask.target); r != state_.rooms.end())
        r->second.loading = false;
      return note(error);
    case For::users:
      people_known_ = error.empty();
      return;
    case For::invitations:
      return;  // the server can be asked again when it is there
    case For::read: {
      const auto r = state_.rooms.find(ask.target);
      if (r == state_.rooms.end()) return;
      r->second.reading = false;
      if (std::exchange(r->second.read_more, false) && r->second.unread == 0) mark_read(r->second);
      return;
    }
    case For::text:
      if (error.empty()) {
        if (line.has("id")) waiting_.emplace(line.str("id"), ask.target);
        return;
      }
      note(error);
      return give_back(ask.target, ask.text);
    default:
      break;
  }
  if (!error.empty()) note(error);
  // Also where the owner of the store is an older one, without channels.
  if (ask.what == For::channels_here) return channels_are_here();
  if (!error.empty()) return;
  switch (ask.what) {
    case For::sentence:
      return note(ask.text);
    case For::open:
      return open(ask.target);
    case For::members:
      return note(fmt::format("{} members: {}", ask.count, ask.text));
    case For::channels:
      return note(ask.count == 0 ? "There is no channel; /create #NAME makes one."
                                 : fmt::format("{} channels:{}", ask.count, ask.text));
    case For::shown_users:
      return note("Who there is:" + ask.text);
    case For::search:
      if (ask.more && ask.count > 0) ask.found += "\nThere are older ones.";
      return note(ask.count == 0 ? "Nothing here says \"" + safe(ask.text) + "\"."
                                 : fmt::format("Found on this device:{}", ask.found));
    case For::verify: {
      note(fmt::format("{} here, {} what it was when it was committed; fingerprint {}.",
                       counted(ask.count, "message"), ask.count == 1 ? "which is" : "every one is",
                       safe(ask.text)));
      const auto r = state_.rooms.find(ask.target);
      if (r == state_.rooms.end() || r->second.channel.leading) return;
      if (r->second.channel.keeper != "server" && r->second.channel.leader.empty())
        return note("Nobody leads, so there is nobody to compare with.");
      note("Comparing with who leads.");
      return this->ask(Json().set("do", "pull").set("channel", r->second.name()),
                       {.what = For::sentence, .text = "The same as there: nothing is missing."});
    }
    default:
      return;
  }
}

// As the store counts.
void Model::unread_is(Room& r, std::uint64_t n) {
  r.unread = n;
  if (r.target != state_.current || r.anchor || n == 0) return;
  r.unread_to_place = n;
  if (r.loaded && !r.loading) place_unread(r);
  mark_read(r);
}

void Model::channels_are_here() {
  ready_ = true;
  arrive();
}

// Goes where one wanted to, or else to a channel, as soon as that is known: a new device hears of
// its channels from the server only.
void Model::arrive() {
  if (!ready_ || arrived_) return;
  const bool channel = wanted_.starts_with('#');
  if (wanted_.starts_with('@') || (channel && state_.rooms.contains(wanted_))) {
    open(wanted_);
    return greet();
  }
  if (channel && caught_up_) {
    arrived_ = true;
    return note("You are not in " + safe(wanted_) + "; /enter " + safe(wanted_) +
                " enters it, /create makes it.");
  }
  if (!wanted_.empty()) return;
  if (state_.rooms.contains("#lobby")) return open("#lobby");
  const auto first = std::ranges::find_if(
      state_.rooms, [](const auto& r) { return r.second.is_channel() && r.second.channel.member; });
  if (first != state_.rooms.end()) open(std::string(first->first));
}

void Model::page_is_here(Ask& ask) {
  const auto at = state_.rooms.find(ask.target);
  if (at == state_.rooms.end() || at->second.generation != ask.generation) return;
  Room& r = at->second;
  if (ask.what == For::uncommitted) {
    if (ask.more && !ask.page.empty()) ask_uncommitted(r, &ask.page.back());
    r.log.add_page(std::move(ask.page));
    return r.log.trim(r.anchor ? Log::Keep::oldest : Log::Keep::newest);
  }
  r.loading = false;
  const bool whole = ask.page.size() < ask.count && !ask.more;
  if (ask.what == For::again || ask.what == For::again_above) return again_is_here(r, ask);
  if (ask.what == For::newest && !whole) r.log.drop_before(ask.page.front().key);
  r.log.add_page(std::move(ask.page));
  if (whole && ask.what == For::newer) r.log.at_end = true;
  if (whole && ask.what != For::newer) r.log.at_begin = true;
  r.log.trim(ask.what == For::older && r.anchor ? Log::Keep::oldest : Log::Keep::newest);
  const bool to_the_end = ask.what == For::newest || (ask.what == For::newer && r.log.at_end);
  if (ask.what == For::newest) place_unread(r);
  if (to_the_end && r.is_channel()) ask_uncommitted(r, nullptr);
}

// What is not committed, from behind a line on.
void Model::ask_uncommitted(const Room& r, const Line* behind) {
  Json json = Json().set("do", "pending").set("channel", r.name());
  if (behind != nullptr)
    json.set("behind", behind->id).set("behind_draft", behind->id.empty() ? behind->draft : 0);
  ask(std::move(json), {.what = For::uncommitted, .target = r.target, .generation = r.generation});
}

// After a sync: what it put between the lines that were here, and above them, is marked.
void Model::again_is_here(Room& r, Ask& ask) {
  std::vector<Line>& page = ask.page;
  const Line* last = r.log.last_stored();
  const std::string newest = last == nullptr ? std::string() : last->key;
  std::uint64_t newer = 0;
  for (Line& line : page) {
    const bool known =
        std::ranges::any_of(r.log.lines(), [&](const Line& l) { return l.same(line); });
    if (!known && !newest.empty() && line.key < newest) line.late = true;
    if (line.key > newest) ++newer;
  }
  if (ask.what == For::again) {
    // What is above the page may have changed, too: it is read when somebody goes there.
    r.log.at_begin = page.size() < ask.count && !ask.more;
    r.log.drop_before(page.empty() ? std::string() : page.front().key);
  }
  const std::uint64_t records = std::exchange(r.synced_records, 0);
  if (!newest.empty() && records > newer) r.arrived_above += records - newer;
  r.log.add_page(std::move(page));
  r.log.trim(r.anchor ? Log::Keep::oldest : Log::Keep::newest);
}

}  // namespace moot::app::tui
