#include "apps/moot/target.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/moot/commands.h"
#include "apps/moot/show.h"
#include "model/codes.h"
#include "model/limits.h"
#include "text/text.h"

namespace moot::app {
namespace {

// What the server tells a device that has just connected.
constexpr auto kToldWithin = std::chrono::seconds(3);

// The one that people read as `name`.
const std::string* known_as(const std::vector<std::string>& names, std::string_view name) {
  const auto folded = text_rules::fold(name);
  const auto at =
      std::ranges::find_if(names, [&](const auto& n) { return text_rules::fold(n) == folded; });
  return at == names.end() ? nullptr : &*at;
}
bool holds(const std::vector<std::string>& names, std::string_view name) {
  return known_as(names, name) != nullptr;
}

std::expected<Known, Trouble> ask_known(Seat& seat, const Seat::Each& other) {
  Known known;
  const auto channel = [&](const Json& line) {
    (line.flag("member") ? known.channels : known.left).push_back(line.str("channel"));
  };
  const auto peer = [&](const Json& line) {
    if (line.has("peer")) known.peers.push_back(line.str("peer"));
  };
  constexpr auto kTime = std::chrono::seconds(10);
  if (auto done = seat.ask(Json().set("do", "channels_here"), channel, kTime, other); !done)
    return std::unexpected(done.error());
  if (auto done = seat.ask(Json().set("do", "status"), peer, kTime, other); !done)
    return std::unexpected(done.error());
  return known;
}

// A new device hears of its channels from the server, one by one: a name that it does not know yet
// may be one of them, or another channel, or nobody's. Without a server it is decided by what is
// here.
void ask_for_more(Seat& seat, Known& known, const Seat::Each& other) {
  const auto channel = [&](const Json& line) {
    const std::string& name = line.str("channel");
    auto& names = line.flag("member") ? known.channels : known.others;
    if (!holds(names, name)) names.push_back(name);
  };
  if (!seat.ask_server(Json().set("do", "channels"), channel, Seat::kServerPatience, other)) return;
  std::vector<std::string> users;
  const auto user = [&](const Json& line) { users.push_back(line.str("user")); };
  if (seat.ask_server(Json().set("do", "users"), user, Seat::kServerPatience, other))
    known.users = std::move(users);
}

bool has(const std::vector<std::string>& users, const std::string& user) {
  return std::ranges::find(users, user) != users.end();
}

bool knows(const Known& known, const std::string& text) {
  const std::string channel = channel_of(text);
  return (!channel.empty() && (holds(known.channels, channel) || holds(known.left, channel))) ||
         has(known.peers, user_of(text));
}

}  // namespace

std::string channel_of(std::string_view target) {
  const std::string_view name = target.substr(target.starts_with('#') ? 1 : 0);
  if (target.starts_with('@') || !text_rules::valid_name(name)) return {};
  return std::string(name);
}

std::expected<std::string, Trouble> named_channel(std::string_view target) {
  std::string name = channel_of(target);
  if (name.empty()) {
    return std::unexpected(
        Trouble{fmt::format("\"{}\" can be no channel's name; write NAME or '#NAME', 1 to 64 "
                            "characters.",
                            safe(target)),
                kUsage});
  }
  return name;
}

Meaning meaning_of(const std::string& text, const Known& known, Aim aim) {
  using Is = Meaning::Is;
  Meaning m{.user = user_of(text), .channel = channel_of(text)};
  if (text.starts_with('@')) {
    m.is = m.user.empty() ? Is::nothing : Is::user;
    return m;
  }
  const auto among = [&](const std::vector<std::string>& names) {
    return m.channel.empty() ? nullptr : known_as(names, m.channel);
  };
  const std::string* ours = among(known.channels);
  const std::string* left = among(known.left);
  const std::string* other = among(known.others);
  if (const std::string* name = ours ? ours : left ? left : other) m.channel = *name;
  if (text.starts_with('#')) {
    m.is = m.channel.empty() ? Is::nothing : Is::channel;
  } else if (ours || (left && aim != Aim::say)) {
    m.is = has(known.peers, m.user) ? Is::both : Is::channel;
  } else if (left || other) {
    m.is = left ? Is::left : Is::other;
  } else if (!m.user.empty()) {
    const bool stranger = known.users && !has(known.peers, m.user) && !has(*known.users, m.user);
    m.is = stranger ? Is::stranger : Is::user;
  }
  return m;
}

std::expected<Target, Trouble> target_of(const std::string& text, const Known& known, Aim aim) {
  const auto refuse = [&](std::string_view why) {
    return std::unexpected(Trouble{fmt::format("\"{}\" {}", safe(text), why), kUsage});
  };
  const auto fail = [](std::string sentence) {
    return std::unexpected(Trouble{std::move(sentence), kFailed});
  };
  const Meaning m = meaning_of(text, known, aim);
  switch (m.is) {
    case Meaning::Is::user:
      return Target{false, m.user};
    case Meaning::Is::channel:
      return Target{true, m.channel};
    case Meaning::Is::both:
      return refuse(
          fmt::format("is a channel and a person here; write '#{0}' or @{0}.", safe(text)));
    case Meaning::Is::left:
    case Meaning::Is::other:
      return fail(
          fmt::format("You are in no #{0}{1}; `moot enter '#{0}'` enters it.{2}", safe(m.channel),
                      m.is == Meaning::Is::left ? " any more" : "",
                      m.user.empty() ? "" : fmt::format(" To a user of that name: @{}.", m.user)));
    case Meaning::Is::stranger:
      return fail(
          fmt::format("\"{}\" is nobody and no channel here; `moot users` and `moot channels` "
                      "list what there is.",
                      m.user));
    case Meaning::Is::nothing:
      break;
  }
  if (text.starts_with('@')) return refuse("is no user; write @NAME, `moot users` lists them.");
  if (text.starts_with('#'))
    return refuse("can be no channel's name, which has 1 to 64 characters.");
  return refuse("is no user, and you are in no channel of that name; write @USER or '#NAME'.");
}

std::expected<std::vector<Target>, Trouble> targets_of(Seat& seat,
                                                       const std::vector<std::string>& texts,
                                                       Aim aim, const Seat::Each& other) {
  const auto has_sign = [](const std::string& t) {
    return t.starts_with('@') || t.starts_with('#');
  };
  Known known;
  if (!std::ranges::all_of(texts, has_sign)) {
    auto asked = ask_known(seat, other);
    if (!asked) return std::unexpected(asked.error());
    known = std::move(*asked);
    const auto clear = [&](const std::string& t) { return has_sign(t) || knows(known, t); };
    if (aim != Aim::read_here && !std::ranges::all_of(texts, clear))
      ask_for_more(seat, known, other);
  }
  std::vector<Target> targets;
  for (const std::string& text : texts) {
    auto target = target_of(text, known, aim);
    if (!target) return std::unexpected(target.error());
    targets.push_back(std::move(*target));
  }
  return targets;
}

std::expected<Client::Channel, Trouble> channel_here(Seat& seat, std::string_view name,
                                                     const Seat::Each& other) {
  Client::Channel found;
  found.name = name;
  const auto folded = text_rules::fold(name);
  const auto each = [&](const Json& line) {
    // One that was left may have had the name before.
    if (line.str("id") == name) {
      found = get_channel(line);
    } else if (text_rules::fold(line.str("channel")) == folded && !found.member) {
      found = get_channel(line);
    }
  };
  const auto done =
      seat.ask(Json().set("do", "channels_here"), each, std::chrono::seconds(10), other);
  if (!done) return std::unexpected(done.error());
  return found;
}

std::expected<void, Trouble> known_here(Seat& seat, const Target& target, const Seat::Each& other) {
  const auto unknown = [&](std::string_view what, std::string_view list) {
    return std::unexpected(
        Trouble{fmt::format("There is no {}{} on this device; `moot {}` lists {}.", what,
                            safe(target.name), list, target.channel ? "all channels" : "all users"),
                kFailed});
  };
  if (target.channel) {
    const auto c = channel_here(seat, target.name, other);
    if (!c) return std::unexpected(c.error());
    if (c->id.empty()) return unknown("#", "channels");
    return {};
  }
  bool any = false;
  const auto done = seat.ask(
      Json().set("do", "history").set("peer", target.name).set("count", std::uint64_t{1}),
      [&](const Json&) { any = true; }, std::chrono::seconds(10), other);
  if (!done) return std::unexpected(done.error());
  if (!any) return unknown("conversation with @", "users");
  return {};
}

std::expected<void, Trouble> attach_to(Seat& seat, std::string_view channel,
                                       const Seat::Each& other) {
  const auto attach = [&] {
    return seat.ask(
        Json().set("do", "attach").set("channel", channel), [](const Json&) {},
        std::chrono::seconds(30), other);
  };
  auto done = attach();
  if (done || seat.lost()) return done;
  const auto here = channel_here(seat, channel, other);
  if (!here) return done;
  // It may have been told a moment ago.
  if (here->member) return attach();
  if (auto connected = seat.wait_connected(other); !connected) return connected;
  // The server tells of each channel on its own, so the last may come behind everything else.
  const auto until = std::chrono::steady_clock::now() + kToldWithin;
  const auto folded = text_rules::fold(channel);
  for (done = attach(); !done && !seat.lost();) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    const auto got = seat.receive(std::max(left, std::chrono::milliseconds(0)));
    if (!got.line) return done;
    if (other) other(*got.line);
    if (got.line->str("ev") != "channel") continue;
    if (got.line->str("id") == channel || text_rules::fold(got.line->str("channel")) == folded)
      done = attach();
  }
  return done;
}

std::expected<Roles, Trouble> roles_of(const std::vector<std::string>& texts) {
  const auto refuse = [](std::string sentence) {
    return std::unexpected(Trouble{std::move(sentence), kUsage});
  };
  if (texts.size() > limits::kRolesMax)
    return refuse(
        fmt::format("At most {} roles at once; use `moot set` again.", limits::kRolesMax));
  Roles roles;
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    const std::string user = user_of(text.substr(0, equals));
    const std::string role = equals == std::string::npos ? std::string() : text.substr(equals + 1);
    if (user.empty() || !parse_enum<Role>(role)) {
      return refuse("\"" + safe(text) +
                    "\" is no role; write USER=owner, USER=admin or USER=none.");
    }
    if (std::ranges::find(roles, user, &Roles::value_type::first) != roles.end())
      return refuse("@" + user + " has two roles there; say one.");
    roles.emplace_back(user, role);
  }
  return roles;
}

}  // namespace moot::app
