#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace moot::app::tui {

// What can be said after "/". The help, the completion and the commands themselves come from here.
struct Command {
  std::string_view name;
  std::string_view form;   // what stands behind it
  std::string_view what;   // it does; empty: the same as the one before
  std::string_view words;  // that complete
};
inline constexpr std::array<Command, 23> kCommands{{
    {"to", "@NAME|#NAME", "talk there", ""},
    {"msg", "@NAME TEXT", "say it without going there", ""},
    {"enter", "#NAME", "become a member", ""},
    {"join", "#NAME", "", ""},
    {"leave", "[#NAME]", "be a member no more", ""},
    {"create", "#NAME HOW", "HOW: members private since_join", "members server private since_join"},
    {"invite", "@NAME", "ask somebody in", ""},
    {"kick", "@NAME", "put somebody out", ""},
    {"topic", "[TEXT]", "what this channel is about", ""},
    {"rename", "NAME", "give it another name", ""},
    {"role", "@NAME ROLE", "ROLE: owner admin none", "owner admin none"},
    {"members", "", "who is in it", ""},
    {"channels", "", "what channels there are", ""},
    {"users", "", "who there is", ""},
    {"nick", "NAME", "how people see you", ""},
    {"away", "", "tell the others", ""},
    {"back", "", "", ""},
    {"verify", "", "prove the log whole", ""},
    {"pull", "", "get what is missing", ""},
    {"search", "TEXT", "find it on this device", ""},
    {"keys", "", "what the keys do", ""},
    {"help", "", "", ""},
    {"quit", "", "leave; the unsent goes next time", ""},
}};

// By its whole name, or by a begin that is of no other one.
const Command* find_command(std::string_view name);
std::vector<std::string> words_of(std::string_view text);

}  // namespace moot::app::tui
