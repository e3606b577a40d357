#include "apps/moot/replica_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apps/moot/channel_words.h"
#include "apps/moot/progress.h"
#include "apps/moot/show.h"
#include "base/counted.h"
#include "model/limits.h"
#include "text/text.h"

namespace moot::app {
namespace {

std::string standing(const Client::Channel& c) {
  return fmt::format("{}, {} of {} online", c.status.empty() ? "not connected" : safe(c.status),
                     std::max<std::uint64_t>(c.online_n, c.online.size()),
                     std::max<std::uint64_t>(c.members_n, c.members.size()));
}

std::string leads(const Client::Channel& c) {
  if (c.leading) return "this device leads";
  if (c.keeper == "server") return "the server keeps it";
  return c.leader.empty() ? "nobody leads" : '@' + safe(c.leader) + " leads";
}

}  // namespace

bool same_channel(std::string_view a, std::string_view b) {
  return text_rules::fold(a) == text_rules::fold(b);
}

std::string ReplicaLog::line(const std::string& channel, const Said& said,
                             std::uint64_t now_ms) const {
  if (json_) {
    return fmt::format("{{\"at\":{},{}\"what\":\"{}\"{}}}", json_text(iso_time(now_ms)),
                       channel.empty() ? "" : "\"channel\":" + json_text(channel) + ',', said.what,
                       said.fields);
  }
  const std::string name =
      channel.empty() ? std::string() : coloured('#' + safe(channel), channel, colour_) + "  ";
  return iso_time(now_ms) + "  " + name + said.words;
}

std::optional<ReplicaLog::Said> ReplicaLog::stands(State& s, const Client::Channel& now) {
  const bool same = s.told.status == now.status && s.told.leader == now.leader &&
                    s.told.online_n == now.online_n && s.told.members_n == now.members_n;
  s.channel = now;
  s.told = now;
  if (same) return std::nullopt;
  const std::string missing = now.status == "few" ? what_is_missing(now) : std::string();
  return Said{
      "status",
      fmt::format(",\"status\":{},\"members\":{},\"online\":{},\"leader\":{}",
                  json_text(now.status), now.members_n, now.online_n, json_or_null(now.leader)),
      standing(now) + (missing.empty() ? "; " + leads(now) : ". " + missing)};
}

// By its id, which stays; an event that does not say it is of the channel of that name.
std::string ReplicaLog::key_of(const std::string& id, const std::string& name) const {
  if (!id.empty()) return id;
  const auto known =
      std::ranges::find(channels_, name, [](const auto& c) { return c.second.channel.name; });
  return known == channels_.end() ? name : known->first;
}

ReplicaLog::State& ReplicaLog::state_of(const std::string& id, const std::string& name) {
  State& s = channels_[key_of(id, name)];
  if (s.channel.name.empty()) s.channel.name = name;
  return s;
}

void ReplicaLog::hear_post(const Json& event) {
  const Client::Post post = get_post(event);
  State& s = state_of(post.channel_id, post.channel);
  if (post.state == Client::State::pending && s.pending.size() < limits::kPendingRecords)
    s.pending.insert(post.id);
  if (post.state == Client::State::failed) s.pending.erase(post.id);
  if (post.state == Client::State::committed) {
    s.pending.erase(post.id);
    ++s.commits;
    ++s.commits_all;
  }
  dirty_.insert(key_of(post.channel_id, post.channel));
}

std::vector<std::string> ReplicaLog::hear(const Json& event, std::uint64_t now_ms) {
  const std::string& ev = event.str("ev");
  const std::string& name = event.str("channel");
  const std::string& id = event.str("id");
  std::optional<Said> said;
  std::vector<std::string> lines;
  if (const auto known = channels_.find(id);
      known != channels_.end() && known->second.channel.name != name) {
    lines = sums(now_ms);  // of what happened under the old name
    const std::string was = std::exchange(known->second.channel.name, name);
    const Said renamed{"renamed", ",\"was\":" + json_text(was),
                       "was called #" + safe(was) + " before"};
    lines.push_back(line(name, renamed, now_ms));
  }
  if (ev == "connected") {
    said = Said{"connected", "", "connected"};
  } else if (ev == "disconnected") {
    said =
        Said{"disconnected", ",\"text\":" + json_text(event.str("text")), safe(event.str("text"))};
  } else if (ev == "channel") {
    said = stands(state_of(id, name), get_channel(event));
  } else if (ev == "election") {
    State& s = state_of(id, name);
    s.channel = get_channel(event);
    said = Said{"election",
                fmt::format(",\"user\":{},\"election\":{}", json_text(event.str("user")),
                            s.channel.election),
                fmt::format("election {}: @{} asks for votes", s.channel.election,
                            safe(event.str("user")))};
  } else if (ev == "leader") {
    State& s = state_of(id, name);
    s.channel = get_channel(event);
    s.told.leader = s.channel.leader;
    said = Said{"leader",
                fmt::format(",\"leader\":{},\"election\":{},\"self\":{}",
                            json_or_null(s.channel.leader), s.channel.election, s.channel.leading),
                fmt::format("{}, election {}", leads(s.channel), s.channel.election)};
  } else if (ev == "post") {
    hear_post(event);
  } else if (ev == "sync") {
    State& s = state_of(id, name);
    s.syncing = true;
    s.records = event.u64("records");
    s.differences = event.u64("differences");
    dirty_.insert(key_of(id, name));
  } else if (ev == "synced") {
    State& s = state_of(id, name);
    said = Said{"synced", fmt::format(",\"records\":{}", s.records),
                s.records == 0 ? "in step with the leader"
                               : fmt::format("in step with the leader, {} pulled",
                                             counted(s.records, "record"))};
    s.syncing = false;
    s.records = s.differences = 0;
  } else if (ev == "left") {
    said = Said{"left", ",\"why\":" + json_text(event.str("why")),
                "ours no more: " + safe(event.str("why"))};
  }
  if (!said) return lines;
  // What was counted happened before.
  for (std::string& counted : sums(now_ms)) lines.push_back(std::move(counted));
  lines.push_back(line(name, *said, now_ms));
  if (ev == "left") channels_.erase(key_of(id, name));
  return lines;
}

std::vector<std::string> ReplicaLog::sums(std::uint64_t now_ms) {
  std::vector<std::string> lines;
  for (const std::string& key : dirty_) {
    State& s = channels_[key];
    const std::string& name = s.channel.name;
    if (s.commits > 0) {
      const Said said{"commits",
                      fmt::format(",\"n\":{},\"since_start\":{},\"pending\":{}", s.commits,
                                  s.commits_all, s.pending.size()),
                      fmt::format("{} committed, {} since the start", s.commits, s.commits_all)};
      lines.push_back(line(name, said, now_ms));
      s.commits = 0;
    }
    if (s.syncing) {
      const Said said{"sync",
                      fmt::format(",\"records\":{},\"differences\":{}", s.records, s.differences),
                      progress_line("pulling", s.records, s.differences)};
      lines.push_back(line(name, said, now_ms));
    }
  }
  dirty_.clear();
  return lines;
}

std::string ReplicaLog::status_line() const {
  std::string out;
  for (const auto& [key, s] : channels_) {
    if (!out.empty()) out += " | ";
    out += fmt::format("#{}  {}; {}; {} committed", safe(s.channel.name), standing(s.channel),
                       leads(s.channel), s.commits_all);
    if (!s.pending.empty()) out += fmt::format(", {} pending", s.pending.size());
    if (s.syncing) out += "; " + progress_line("pulling", s.records, s.differences);
  }
  return out;
}

}  // namespace moot::app
