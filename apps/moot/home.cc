#include "apps/moot/home.h"

#include <cstdlib>

#include "net/client/key_on_disk.h"
#include "store/files.h"

namespace moot::app {
namespace {

std::string from_env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// Every directory on the way, 0700 where it is made.
Status make_dirs(const std::string& dir) {
  for (std::size_t at = dir.find('/', 1); at != std::string::npos; at = dir.find('/', at + 1)) {
    const std::string part = dir.substr(0, at);
    if (store::exists(part)) continue;
    if (auto made = store::make_dir(part); !made) return made;
  }
  return store::make_dir(dir);
}

}  // namespace

std::string default_home() {
  if (auto home = from_env("MOOT_HOME"); !home.empty()) return home;
  if (auto data = from_env("XDG_DATA_HOME"); data.starts_with('/')) return data + "/moot";
  const std::string user = from_env("HOME");
  return (user.empty() ? std::string(".") : user) + "/.local/share/moot";
}

std::string how_to_get_a_key() {
  return "You have no key yet. Ask whoever runs the server for an invitation, then run\n"
         "  moot join 'moot://HOST:PORT/#TOKEN' --as NAME\n"
         "or, with a key file made by `mootd key add`, name it: moot -k FILE chat";
}

std::expected<Place, Trouble> find_place(const Globals& globals) {
  Place place;
  place.trace = globals.trace;
  place.home = globals.home.empty() ? default_home() : globals.home;
  place.key_file = globals.key_file.empty() ? store::join(place.home, kKeyName) : globals.key_file;
  if (!store::exists(place.key_file)) {
    if (globals.key_file.empty()) return std::unexpected(Trouble{how_to_get_a_key(), kUsage});
    return std::unexpected(Trouble{
        "There is no key file at " + place.key_file + "; name the right one with -k.", kUsage});
  }
  const auto key = net::load_key_file(place.key_file);
  if (!key) return std::unexpected(Trouble{key.error().message, kBadConfig});
  if (globals.home.empty() && !globals.key_file.empty()) {
    place.home += '/' + std::string(key->account.str()) + '-' +
                  (key->wall ? std::string("wall") : text(key->kid));
  }
  if (const auto made = make_dirs(place.home); !made)
    return std::unexpected(Trouble{made.error().message, kFailed});
  return place;
}

}  // namespace moot::app
