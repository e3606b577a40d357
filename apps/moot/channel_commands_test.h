#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "apps/moot/scripted_owner_test.h"
#include "apps/moot/show_channel.h"
#include "model/ids.h"

// What an owner of a store tells of one channel.
namespace moot::app {

inline Client::Channel ops() {
  Client::Channel c;
  c.name = "ops";
  c.id = "01HHNNM7S8M2RW5MZ4YM31EA1S";
  c.keeper = "members";
  c.status = "healthy";
  c.leader = "bob";
  c.election = 7;
  c.min = 3;
  c.members_n = c.online_n = 3;
  c.roles = {{"ada", "owner"}};
  c.member = true;
  return c;
}

inline Json event(const Client::Post& p) { return app::event("post", p); }

inline Client::Post post(std::uint64_t n, std::string text = "hello") {
  Client::Post p;
  p.channel = "ops";
  p.id = moot::text(MsgId::make(UnixMs{1'702'608'117'000 + n}, std::array<std::uint8_t, 10>{}));
  p.from = "bob";
  p.text = std::move(text);
  p.at_ms = 1'702'608'117'000 + n;
  p.state = Client::State::committed;
  p.acks = {"ada", "bob"};
  p.acks_n = 2;
  p.seq = n;
  return p;
}

// Posts of one channel as a store would answer for them.
inline std::vector<Json> stored(const std::vector<Client::Post>& all, const Json& ask) {
  std::vector<Client::Post> rows;
  for (const Client::Post& p : all) {
    const std::string& below = ask.str("below_id");
    if (p.id < ask.str("from_id") || (!below.empty() && p.id >= below)) continue;
    if (p.at_ms < ask.u64("since") || !p.text.contains(ask.str("containing"))) continue;
    if (ask.str("order") == "arrival" && p.seq <= ask.u64("after")) continue;
    rows.push_back(p);
  }
  if (ask.str("order") == "arrival") std::ranges::sort(rows, {}, &Client::Post::seq);
  const std::size_t count = std::min<std::size_t>(rows.size(), ask.u64("count"));
  if (ask.str("order") == "newest") {
    rows.erase(rows.begin(), rows.end() - static_cast<long>(count));
  } else {
    rows.resize(count);
  }
  std::vector<Json> lines;
  for (const Client::Post& p : rows) lines.push_back(line(p));
  return lines;
}

}  // namespace moot::app
