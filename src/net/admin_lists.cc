#include "net/admin_lists.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>

#include "base/counted.h"
#include "text/shown.h"

namespace moot::net {
namespace {

using text_rules::safe;

// ISO 8601 in UTC; the day alone where no more is kept.
std::string day_text(std::uint64_t days) {
  if (days == 0) return "never";
  const std::chrono::year_month_day d{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(days)}}};
  char out[32];
  std::snprintf(out, sizeof out, "%04d-%02u-%02u", static_cast<int>(d.year()),
                static_cast<unsigned>(d.month()), static_cast<unsigned>(d.day()));
  return out;
}
std::string time_text(UnixMs at) {
  if (at.ms == 0) return "never";
  const std::uint64_t s = at.ms / 1000;
  char clock[16];
  std::snprintf(clock, sizeof clock, "T%02u:%02u:%02uZ", static_cast<unsigned>(s / 3600 % 24),
                static_cast<unsigned>(s / 60 % 60), static_cast<unsigned>(s % 60));
  return day_text(s / 86'400) + clock;
}

class Json {
 public:
  Json& put(std::string_view key, std::string_view value) { return raw(key, json_text(value)); }
  Json& put(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }
  Json& flag(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  Json& raw(std::string_view key, std::string_view value) {
    out_ += out_.empty() ? "{" : ",";
    out_ += json_text(key) + ":" + std::string(value);
    return *this;
  }
  std::string line() const { return out_ + "}\n"; }

 private:
  std::string out_;
};

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  if (out.size() < width) out.append(width - out.size(), ' ');
  return out + "  ";
}

std::string channel_line(const ChannelReport& r, bool json) {
  // Members keep their records themselves: the server has none and cannot say how many there are.
  const bool kept_here = r.state.keeper == Keeper::server;
  if (json) {
    return Json{}
        .put("channel", r.state.name)
        .put("id", text(r.state.id))
        .put("keeper", text(r.state.keeper))
        .put("status", text(r.status))
        .raw("leader", text_rules::json_or_null(r.leader.str()))
        .put("members", r.members.size())
        .put("online", r.online.size())
        .put("election", r.election)
        .raw("records", kept_here ? std::to_string(r.records) : "null")
        .put("in_flight", r.in_flight)
        .line();
  }
  const std::string_view leader = r.leader.empty() ? std::string_view("-") : r.leader.str();
  return padded("#" + safe(r.state.name), 20) + padded(text(r.state.keeper), 8) +
         padded(text(r.status), 9) + padded(std::string("leader ") + std::string(leader), 20) +
         counted(r.members.size(), "member") + ", " + std::to_string(r.online.size()) +
         " online, " + (kept_here ? counted(r.records, "record") : std::string("- records")) + "\n";
}

// Of an invitation people want to know why it does not work any more: it was used up, its time was
// over, or an operator took it back.
std::string_view key_state(const Credential& c, UnixMs now) {
  if (c.kind != CredentialKind::invite) return text(c.state);
  const bool revoked = c.state == CredentialState::revoked;
  // What is over is revoked by the server, a moment later.
  const UnixMs end = revoked ? c.revoked_at : now;
  const bool over = c.not_after.ms != 0 && c.not_after <= end;
  if (revoked && !over) return text(c.state);
  if (c.uses_left == 0) return "used";
  return over ? "expired" : text(c.state);
}

std::string uses_text(const Credential& c) {
  if (c.kind != CredentialKind::invite) return {};
  return counted(c.uses_left, "use") + " left, until " + time_text(c.not_after);
}

}  // namespace

std::string list_users(const server::Core& core, bool json) {
  std::string out;
  for (const Account& a : core.accounts()) {
    const bool online = core.online(a.id);
    if (json) {
      out += Json{}
                 .put("user", a.id.str())
                 .put("name", a.name)
                 .put("state", text(a.state))
                 .flag("online", online)
                 .put("created", time_text(a.created))
                 .line();
    } else {
      out += padded(std::string("@") + std::string(a.id.str()), 20) + padded(text(a.state), 8) +
             padded(online ? "online" : "offline", 7) + safe(a.name) + "\n";
    }
  }
  return out;
}

std::string list_keys(const server::Core& core, UnixMs now, std::string_view account, bool json) {
  std::string out;
  for (const Credential& c : core.credentials(account)) {
    if (json) {
      Json one;
      one.put("account", c.account.str())
          .put("kid", text(c.kid))
          .put("kind", text(c.kind))
          .put("subject", c.subject)
          .put("state", key_state(c, now))
          .put("label", c.label)
          .put("created", time_text(c.created))
          .put("not_after", time_text(c.not_after))
          .put("last_used_day", day_text(c.last_used_day));
      if (c.kind == CredentialKind::invite) one.put("uses_left", std::uint64_t{c.uses_left});
      out += one.line();
    } else {
      out += text(c.kid) + "  " + padded(std::string("@") + std::string(c.account.str()), 16) +
             padded(text(c.kind), 8) + padded(key_state(c, now), 8) +
             padded("used " + day_text(c.last_used_day), 15) + safe(c.label) + uses_text(c) +
             (c.subject.empty() ? "" : " (" + safe(c.subject) + ")") + "\n";
    }
  }
  return out;
}

std::string list_channels(const server::Core& core, bool json) {
  std::string out;
  for (const ChannelReport& r : core.channels().report()) out += channel_line(r, json);
  return out;
}

std::string show_channel(const ChannelReport& r, bool json) {
  if (json) {
    std::string members = "[";
    for (const ChannelMember& m : r.members) {
      if (members.size() > 1) members += ",";
      const bool online = std::ranges::find(r.online, m.user) != r.online.end();
      std::string one = Json{}
                            .put("user", m.user.str())
                            .raw("role", m.role == Role::none ? "null" : json_text(text(m.role)))
                            .flag("online", online)
                            .line();
      one.pop_back();
      members += one;
    }
    std::string line = channel_line(r, true);
    line.resize(line.size() - 2);
    return line + ",\"topic\":" + json_text(r.state.topic) +
           ",\"visibility\":" + json_text(text(r.state.visibility)) +
           ",\"history\":" + json_text(text(r.state.history)) + ",\"member_list\":" + members +
           "]}\n";
  }
  std::string out = channel_line(r, false);
  if (!r.state.topic.empty()) out += "topic  " + safe(r.state.topic) + "\n";
  for (const ChannelMember& m : r.members) {
    const bool online = std::ranges::find(r.online, m.user) != r.online.end();
    out += "  " + padded(std::string("@") + std::string(m.user.str()), 20) +
           padded(m.role == Role::none ? std::string_view("member") : text(m.role), 6) +
           (online ? "online" : "offline") + "\n";
  }
  return out;
}

std::string show_status(const server::Core& core, const ServerOptions& options,
                        const PublicAddress& where, bool running, bool json) {
  const server::Counts n = core.counts();
  if (json) {
    return Json{}
        .flag("running", running)
        .put("name", options.name)
        .put("version", options.version)
        .put("address", where.address)
        .put("accounts", n.accounts)
        .put("connections", n.connections)
        .put("users_online", n.users_online)
        .put("offline_messages", n.offline_messages)
        .put("channels", n.channels)
        .line();
  }
  return std::string(running ? "running" : "stopped") + "  " + options.name + " " +
         options.version + " at " + where.address + "\n" + counted(n.accounts, "account") + ", " +
         std::to_string(n.users_online) + " online on " + counted(n.connections, "connection") +
         "\n" + counted(n.offline_messages, "message") + " kept, " +
         counted(n.channels, "channel") + "\n";
}

}  // namespace moot::net
