#include <algorithm>

#include "apps/moot/owner.h"
#include "apps/moot/replica_log.h"
#include "apps/moot/show.h"
#include "apps/moot/show_channel.h"

// The owner's part about channels: what is asked, and what is told.
namespace moot::app {
namespace {

constexpr std::uint64_t kPostRowsMax = 1'000;

using Kind = Client::Event::Kind;
using Order = Client::PostQuery::Order;

Order order_of(std::string_view word) {
  return word == "oldest" ? Order::oldest : word == "arrival" ? Order::arrival : Order::newest;
}

std::string_view error_of(const auto& result) {
  return result ? std::string_view() : std::string_view(result.error());
}

}  // namespace

bool Owner::handle_channels(Guest& guest, const Json& ask) {
  const std::string& what = ask.str("do");
  const std::string& channel = ask.str("channel");
  const std::uint64_t n = ask.u64("n");
  if (what == "channels_here") {
    for (const Client::Channel& c : client_->my_channels()) {
      Json json;
      put_channel(json.set("re", n), c);
      say(guest, json);
    }
    reply(guest, n, {});
  } else if (what == "attach") {
    const auto done = client_->attach(channel);
    reply(guest, n, error_of(done));
  } else if (what == "post") {
    const auto draft = client_->post(channel, ask.str("text"));
    if (draft) {
      say(guest, Json().set("re", n).set("draft", *draft).set("end", true));
    } else {
      reply(guest, n, draft.error());
    }
  } else if (what == "posts") {
    posts(guest, ask);
  } else if (what == "pending") {
    pending(guest, ask);
  } else if (what == "verify") {
    prove(guest, n, [this, channel](const Proofs::Tell& tell) {
      const auto verified = client_->verify(channel, progress_to(tell));
      if (!verified) return verified.error();
      tell(Json().set("count", verified->count).set("fingerprint", verified->fingerprint));
      return std::string();
    });
  } else if (what == "read_channel") {
    client_->mark_channel_read(channel, ask.u64("seq"));
    reply(guest, n, {});
  } else {
    return ask_server(guest, ask);
  }
  return true;
}

// Answered by events.
bool Owner::ask_server(Guest& guest, const Json& ask) {
  const std::string& what = ask.str("do");
  const std::string& channel = ask.str("channel");
  const std::uint64_t n = ask.u64("n");
  if (what == "channels") {
    client_->list_channels(remember(guest, n));
  } else if (what == "members") {
    client_->list_members(remember(guest, n), channel);
  } else if (what == "create") {
    client_->create(remember(guest, n), {.name = channel,
                                         .keeper = ask.str("keeper"),
                                         .private_ = ask.flag("private"),
                                         .since_join = ask.flag("since_join")});
  } else if (what == "enter") {
    client_->enter(remember(guest, n), channel);
  } else if (what == "leave") {
    client_->leave(remember(guest, n), channel);
  } else if (what == "ch_invite") {
    client_->invite(remember(guest, n), channel, ask.str("user"));
  } else if (what == "kick") {
    client_->kick(remember(guest, n), channel, ask.str("user"));
  } else if (what == "set") {
    Client::Changes changes;
    if (ask.has("rename")) changes.name = ask.str("rename");
    if (ask.has("topic")) changes.topic = ask.str("topic");
    changes.roles = split_roles(ask.str("roles"));
    client_->set(remember(guest, n), channel, changes);
  } else if (what == "pull") {
    const std::string_view bare = std::string_view(channel).starts_with('#')
                                      ? std::string_view(channel).substr(1)
                                      : std::string_view(channel);
    client_->pull(remember(guest, n, std::string(bare)), channel);
  } else {
    return false;
  }
  return true;
}

void Owner::posts(Guest& guest, const Json& ask) {
  const std::uint64_t n = ask.u64("n");
  const auto rows = client_->posts({.channel = ask.str("channel"),
                                    .from_id = ask.str("from_id"),
                                    .below_id = ask.str("below_id"),
                                    .since_ms = ask.u64("since"),
                                    .containing = ask.str("containing"),
                                    .count = std::min(ask.u64("count"), kPostRowsMax),
                                    .order = order_of(ask.str("order")),
                                    .after_seq = ask.u64("after")});
  if (!rows) return reply(guest, n, rows.error());
  const bool newest = order_of(ask.str("order")) == Order::newest;
  const bool more = ask.u64("count") > rows->size() && rows->size() == kPostRowsMax;
  say_rows(guest, n, rows->size(), newest ? Cut::front : Cut::back, more,
           [&](Json& json, std::size_t i) { put_post(json, (*rows)[i]); });
}

// From behind a place on: `behind`, an id, and then `behind_draft`, of what has none yet.
void Owner::pending(Guest& guest, const Json& ask) {
  const std::string& id = ask.str("behind");
  const std::uint64_t draft = ask.u64("behind_draft");
  auto rows = client_->pending_posts(ask.str("channel"));
  std::erase_if(rows, [&](const Client::Post& p) {
    return p.id.empty() ? p.draft <= draft : draft > 0 || p.id <= id;
  });
  say_rows(guest, ask.u64("n"), rows.size(), Cut::back, false,
           [&](Json& json, std::size_t i) { put_post(json, rows[i]); });
}

bool Owner::tell_channels(const Client::Event& event) {
  Json json;
  json.set("ev", event_word(event.kind));
  switch (event.kind) {
    case Kind::channel:
    case Kind::left:
    case Kind::election:
    case Kind::leader:
      put_channel(json, event.channel);
      if (event.kind == Kind::left) json.set("why", event.text);
      if (event.kind == Kind::election) json.set("user", event.user.id);
      break;
    case Kind::post:
    case Kind::acks:
      put_post(json, event.post);
      break;
    case Kind::sync:
    case Kind::synced:
      json.set("channel", event.channel.name)
          .set("id", event.channel.id)
          .set("records", event.records)
          .set("differences", event.differences);
      answer_pulls(event);
      break;
    default:
      return false;
  }
  tell_watchers(json);
  return true;
}

// How far the pulls of the channel are, to who asked for them.
void Owner::answer_pulls(const Client::Event& event) {
  if (event.kind != Kind::sync) return;
  for (const Asked& asked : asked_) {
    if (asked.pull.empty()) continue;
    if (asked.pull != event.channel.id && !same_channel(asked.pull, event.channel.name)) continue;
    Guest* guest = guest_of(asked);
    if (guest == nullptr) continue;
    say(*guest, Json()
                    .set("re", asked.n)
                    .set("records", event.records)
                    .set("differences", event.differences));
  }
}

}  // namespace moot::app
