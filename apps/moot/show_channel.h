#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/moot/json.h"
#include "moot/client.h"

// How channels and their messages look, for people, for programs, and between owner and command.
namespace moot::app {

// "ada bob" and back; user ids and channel names hold no blanks that could be mistaken: ids have
// none, and names travel alone.
std::string join_words(const std::vector<std::string>& words);
std::vector<std::string> split_words(std::string_view text);
// "ada=owner bob=admin".
using Roles = std::vector<std::pair<std::string, std::string>>;
std::string join_roles(const Roles& roles);
Roles split_roles(std::string_view text);

void put_channel(Json& json, const Client::Channel& c);
Client::Channel get_channel(const Json& json);
void put_post(Json& json, const Client::Post& p);
Client::Post get_post(const Json& json);

// interface.md "--json": {"channel","id","from","at","text","state","acks"}, and what only some
// have: "acks_n", "late", "conflict", "error".
std::string post_json(const Client::Post& p);
// "03:11  #ops  @ada  text", with "(late)" and the state where it is not committed.
std::string post_line(const Client::Post& p, std::string_view self, bool colour);
// "committed on 2 of 3", "pending 1/3", "queued: why".
std::string state_words(const Client::Post& p);

}  // namespace moot::app
