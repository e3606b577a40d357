#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apps/moot/json.h"
#include "moot/client.h"
#include "text/shown.h"

// How things look, for people and for programs.
namespace moot::app {

using text_rules::safe;

// "09:30", with its date when it is not of today: the clock of the wall, where this computer
// stands.
std::string local_time(std::uint64_t unix_ms);
// One of six colours, 1..6, that are readable on light and dark, the same for a name everywhere.
int colour_of(std::string_view name);
// `text` in the colour that `name` has everywhere.
std::string coloured(std::string_view text, std::string_view name, bool colour);

// The time by this computer's clock, ms since the unix epoch.
std::uint64_t now_ms();
// "2026-11-23T03:11:42.123Z", and back; a date alone is its midnight in UTC.
std::string iso_time(std::uint64_t unix_ms);
std::optional<std::uint64_t> parse_iso_time(std::string_view text);

std::string_view word(Client::State state);
std::optional<Client::State> state_of(std::string_view word);
// What `ev` says between owner and command.
std::string_view event_word(Client::Event::Kind kind);

// interface.md "--json": {"to","id","from","at","text","state","acks"}.
std::string message_json(const Client::Message& m);
// "03:11  @ada  text".
std::string message_line(const Client::Message& m, std::string_view self, bool colour);

// Between owner and command.
void put_message(Json& json, const Client::Message& m);
Client::Message get_message(const Json& json);

bool colour_wanted(int fd);

}  // namespace moot::app
