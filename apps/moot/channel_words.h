#pragma once

#include <string>
#include <string_view>

#include "moot/client.h"

// Sentences and lines about channels.
namespace moot::app {

// Why nothing can be sent there now, with how many people are missing; empty when it can.
std::string what_is_missing(const Client::Channel& c);

// Who can read what is said in a channel with this keeper, and what it needs.
std::string keeper_words(std::string_view keeper);

// {"channel","id","keeper","status","leader","members","online","member","invited"}.
std::string channel_json(const Client::Channel& c);
// "* #ops  members  healthy  3 of 5 online  @ada leads"; `*` is one's own, `+` an invitation.
std::string channel_line(const Client::Channel& c, bool colour);

// A member as `c` knows the roles: {"user","online","role","leader"}.
std::string member_json(const Client::Member& m, const Client::Channel& c);
std::string member_line(const Client::Member& m, const Client::Channel& c, bool colour);

}  // namespace moot::app
