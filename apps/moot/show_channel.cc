#include "apps/moot/show_channel.h"

#include <fmt/format.h>

#include "apps/moot/show.h"

namespace moot::app {

std::string join_words(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) {
    if (!out.empty()) out += ' ';
    out += w;
  }
  return out;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::string join_roles(const Roles& roles) {
  std::vector<std::string> words;
  for (const auto& [user, role] : roles) words.push_back(user + '=' + role);
  return join_words(words);
}

Roles split_roles(std::string_view text) {
  Roles roles;
  for (const std::string& word : split_words(text)) {
    const auto equals = word.find('=');
    if (equals != std::string::npos)
      roles.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return roles;
}

void put_channel(Json& json, const Client::Channel& c) {
  json.set("channel", c.name)
      .set("id", c.id)
      .set("topic", c.topic)
      .set("keeper", c.keeper)
      .set("status", c.status)
      .set("leader", c.leader)
      .set("election", c.election)
      .set("min", c.min)
      .set("members", join_words(c.members))
      .set("online", join_words(c.online))
      .set("members_n", c.members_n)
      .set("online_n", c.online_n)
      .set("roles", join_roles(c.roles))
      .set("member", c.member)
      .set("invited", c.invited)
      .set("attached", c.attached)
      .set("leading", c.leading)
      .set("synced", c.synced)
      .set("unread", c.unread);
}

Client::Channel get_channel(const Json& json) {
  Client::Channel c;
  c.name = json.str("channel");
  c.id = json.str("id");
  c.topic = json.str("topic");
  c.keeper = json.str("keeper");
  c.status = json.str("status");
  c.leader = json.str("leader");
  c.election = json.u64("election");
  c.min = json.u64("min");
  c.members = split_words(json.str("members"));
  c.online = split_words(json.str("online"));
  c.members_n = json.u64("members_n");
  c.online_n = json.u64("online_n");
  c.roles = split_roles(json.str("roles"));
  c.member = json.flag("member");
  c.invited = json.flag("invited");
  c.attached = json.flag("attached");
  c.leading = json.flag("leading");
  c.synced = json.flag("synced");
  c.unread = json.u64("unread");
  return c;
}

void put_post(Json& json, const Client::Post& p) {
  json.set("channel", p.channel)
      .set("channel_id", p.channel_id)
      .set("id", p.id)
      .set("draft", p.draft)
      .set("from", p.from)
      .set("text", p.text)
      .set("error", p.error)
      .set("at", p.at_ms)
      .set("state", word(p.state))
      .set("acks", join_words(p.acks))
      .set("acks_n", p.acks_n)
      .set("need", p.need)
      .set("own", p.own)
      .set("late", p.late)
      .set("conflict", p.conflict)
      .set("seq", p.seq);
}

Client::Post get_post(const Json& json) {
  Client::Post p;
  p.channel = json.str("channel");
  p.channel_id = json.str("channel_id");
  p.id = json.str("id");
  p.draft = json.u64("draft");
  p.from = json.str("from");
  p.text = json.str("text");
  p.error = json.str("error");
  p.at_ms = json.u64("at");
  p.state = state_of(json.str("state")).value_or(Client::State::failed);
  p.acks = split_words(json.str("acks"));
  p.acks_n = json.u64("acks_n");
  p.need = json.u64("need");
  p.own = json.flag("own");
  p.late = json.flag("late");
  p.conflict = json.flag("conflict");
  p.seq = json.u64("seq");
  return p;
}

std::string post_json(const Client::Post& p) {
  std::string acks;
  for (const std::string& user : p.acks) {
    if (!acks.empty()) acks += ',';
    acks += json_text(user);
  }
  std::string out = "{\"channel\":" + json_text(p.channel) + ",\"id\":" + json_text(p.id) +
                    ",\"from\":" + json_text(p.from) + ",\"at\":" + json_text(iso_time(p.at_ms)) +
                    ",\"text\":" + json_text(p.text) + ",\"state\":" + json_text(word(p.state)) +
                    ",\"acks\":[" + acks + ']';
  if (p.acks_n > p.acks.size()) out += ",\"acks_n\":" + std::to_string(p.acks_n);
  if (p.late) out += ",\"late\":true";
  if (p.conflict) out += ",\"conflict\":true";
  if (!p.error.empty()) out += ",\"error\":" + json_text(p.error);
  return out + '}';
}

std::string state_words(const Client::Post& p) {
  const std::uint64_t acked = std::max<std::uint64_t>(p.acks_n, p.acks.size());
  switch (p.state) {
    case Client::State::committed:
      return fmt::format("committed on {}", acked);
    case Client::State::pending:
      return p.need > 0 ? fmt::format("pending {}/{}", acked, acked + p.need) : "pending";
    case Client::State::failed:
      return "failed: " + safe(p.error);
    default:
      return p.error.empty() ? "queued" : "queued: " + safe(p.error);
  }
}

std::string post_line(const Client::Post& p, std::string_view self, bool colour) {
  std::string marks;
  if (p.late) marks += "  (late)";
  if (p.conflict) marks += "  (another message has the same id)";
  if (p.state != Client::State::committed && p.from == self) marks += "  (" + state_words(p) + ")";
  return local_time(p.at_ms) + "  #" + safe(p.channel) + "  " +
         coloured("@" + p.from, p.from, colour) + "  " + safe(p.text, true) + marks;
}

}  // namespace moot::app
