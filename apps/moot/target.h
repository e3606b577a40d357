#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/moot/seat.h"
#include "apps/moot/show_channel.h"

// Whom or what a command is about, as people write it.
namespace moot::app {

// The same line in the help of every command that takes a channel.
inline constexpr char kNameNote[] =
    "NAME is a channel, with or without #. A shell takes an unquoted #ops for a comment: write ops "
    "or '#ops'.";

// "#ops" or "ops" as "ops"; empty when no channel can be called so (protocol.md 4).
std::string channel_of(std::string_view target);
// The same, or why not, with the exit code of wrong usage.
std::expected<std::string, Trouble> named_channel(std::string_view target);

struct Target {
  bool channel = false;
  std::string name;  // without "@" or "#"
  friend bool operator==(const Target&, const Target&) = default;
};

// What this device knows, for names without a sign.
struct Known {
  std::vector<std::string> channels;
  std::vector<std::string> peers;        // people it has messages of
  std::vector<std::string> left = {};    // channels of which it has what was said
  std::vector<std::string> others = {};  // public ones on the server that we are not in
  // All users there are, where the server was asked and has answered.
  std::optional<std::vector<std::string>> users = {};
};
enum class Aim : std::uint8_t {
  say,
  read,
  read_here,  // on this device alone: the server is not asked
};
// "@ada" is a user and "#ops" a channel. A name without a sign is the channel of that name if this
// device is in one, else the user; refused when it has both, so that nothing private is said to
// many, and when it is a channel that we are not in, so that nothing meant for many is said to one.
// To read, a channel that was left is as good as any.
struct Meaning {
  enum class Is : std::uint8_t {
    user,
    channel,
    both,
    left,      // a channel that we are in no more
    other,     // a channel that we are not in
    stranger,  // a user that the server does not have
    nothing,   // no name of what its sign says
  };
  Is is = Is::nothing;
  std::string user;     // empty when no user can be called so
  std::string channel;  // as this device knows it, else as it was written; empty when none can
};
Meaning meaning_of(const std::string& text, const Known& known, Aim aim = Aim::say);
// The same for a command, in words where it cannot be one or the other.
std::expected<Target, Trouble> target_of(const std::string& text, const Known& known,
                                         Aim aim = Aim::say);
// The same for all of them; asks the owner only where a sign is missing.
std::expected<std::vector<Target>, Trouble> targets_of(Seat& seat,
                                                       const std::vector<std::string>& texts,
                                                       Aim aim, const Seat::Each& other = {});
// That this device knows the channel, or has messages of the person; else a sentence.
std::expected<void, Trouble> known_here(Seat& seat, const Target& target,
                                        const Seat::Each& other = {});

// What this device knows of a channel, by its name or its id; all empty but its name when it knows
// nothing.
std::expected<Client::Channel, Trouble> channel_here(Seat& seat, std::string_view name,
                                                     const Seat::Each& other = {});

// How a channel is followed that may be renamed meanwhile: by its id, as far as that is known.
inline const std::string& lasting_name(const Client::Channel& c) {
  return c.id.empty() ? c.name : c.id;
}

// This device takes part in the channel from now on; empty: in all of ours. A new device hears of
// its channels from the server, so it waits for that.
std::expected<void, Trouble> attach_to(Seat& seat, std::string_view channel,
                                       const Seat::Each& other = {});

// "ada=owner", "@bob=none": user and role. Each user once, at most limits::kRolesMax.
std::expected<Roles, Trouble> roles_of(const std::vector<std::string>& texts);

}  // namespace moot::app
