#pragma once

#include <expected>
#include <string>

// Where things are, and what to say when they are not.
namespace moot::app {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kBadConfig = 78;

struct Globals {
  std::string key_file;  // -k; empty: in `home`
  std::string home;      // --home; empty: by the rules of XDG
  std::string trace;     // --trace; empty: none
};

// Why a command ends before it began, and with which exit code.
struct Trouble {
  std::string sentence;
  int code = kFailed;
};

struct Place {
  std::string key_file;
  std::string home;
  std::string trace;  // file for the commands of the connection; empty: none
};
// $MOOT_HOME, else $XDG_DATA_HOME/moot, else ~/.local/share/moot.
std::string default_home();
// A key named by -k without --home has a store of its own, so two accounts never share one.
std::expected<Place, Trouble> find_place(const Globals& globals);

inline constexpr char kKeyName[] = "key.toml";
// Also what `moot` alone says.
std::string how_to_get_a_key();

}  // namespace moot::app
