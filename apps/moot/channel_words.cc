#include "apps/moot/channel_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/moot/show.h"
#include "base/counted.h"

namespace moot::app {
namespace {

std::string_view role_of(std::string_view user, const Client::Channel& c) {
  const auto found = std::ranges::find(c.roles, user, &std::pair<std::string, std::string>::first);
  return found == c.roles.end() ? std::string_view() : std::string_view(found->second);
}

std::uint64_t online(const Client::Channel& c) {
  return std::max<std::uint64_t>(c.online_n, c.online.size());
}

std::uint64_t members(const Client::Channel& c) {
  return std::max<std::uint64_t>(c.members_n, c.members.size());
}

std::string leader_words(const Client::Channel& c) {
  if (c.keeper == "server") return "the server can read it";
  return c.leader.empty() ? "nobody leads" : '@' + safe(c.leader) + " leads";
}

}  // namespace

std::string what_is_missing(const Client::Channel& c) {
  const std::string name = '#' + safe(c.name);
  if (c.status == "healthy" || c.status == "server") return {};
  if (c.status == "electing") return name + " is electing its leader.";
  if (c.status != "few") return name + " is not connected.";
  const std::uint64_t here = online(c);
  if (here >= c.min) return name + " is about to elect its leader.";
  return fmt::format("{} needs {} online and has {}: {} missing.", name,
                     counted(c.min, "person", "people"), here,
                     counted(c.min - here, "person is", "people are"));
}

std::string keeper_words(std::string_view keeper) {
  if (keeper == "server")
    return "The server keeps its messages, so whoever operates the server can read them.";
  return "Its members keep its messages; three of them have to be online before anybody can send.";
}

std::string channel_json(const Client::Channel& c) {
  return fmt::format(
      "{{\"channel\":{},\"id\":{},\"keeper\":{},\"status\":{},\"leader\":{},\"members\":{},"
      "\"online\":{},\"member\":{},\"invited\":{},\"topic\":{}}}",
      json_text(c.name), json_text(c.id), json_text(c.keeper), json_text(c.status),
      json_or_null(c.leader), members(c), online(c), c.member, c.invited,
      c.member ? json_text(c.topic) : "null");
}

std::string channel_line(const Client::Channel& c, bool colour) {
  const char mark = c.member ? '*' : c.invited ? '+' : ' ';
  const std::string name = '#' + safe(c.name);
  const std::string topic = c.topic.empty() ? std::string() : ": " + safe(c.topic);
  return fmt::format("{} {}{:{}}  {:8} {:8} {:>4} of {:<4} online  {}{}", mark,
                     coloured(name, c.name, colour), "", name.size() < 20 ? 20 - name.size() : 0,
                     safe(c.keeper), safe(c.status), online(c), members(c), leader_words(c), topic);
}

std::string member_json(const Client::Member& m, const Client::Channel& c) {
  return fmt::format("{{\"user\":{},\"online\":{},\"role\":{},\"leader\":{}}}", json_text(m.user),
                     m.online, json_or_null(role_of(m.user, c)), m.user == c.leader);
}

std::string member_line(const Client::Member& m, const Client::Channel& c, bool colour) {
  const std::string name = '@' + safe(m.user);
  std::string line =
      fmt::format("{:8} {}{:{}}  {:6} {}", m.online ? "online" : "offline",
                  coloured(name, m.user, colour), "", name.size() < 20 ? 20 - name.size() : 0,
                  role_of(m.user, c), m.user == c.leader ? "leads" : "");
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace moot::app
