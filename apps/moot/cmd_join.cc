#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/moot/commands.h"
#include "apps/moot/show.h"
#include "base/utf8.h"
#include "client/invite_link.h"
#include "model/limits.h"
#include "moot/client.h"
#include "store/files.h"
#include "wire/msgpack.h"

namespace moot::app {
namespace {

struct Options {
  std::string link;
  std::string as;
  std::string name;
  std::string label;
};

std::string host_name() {
  char name[65] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "device";
  return safe(name).substr(0, limits::kLabelBytesMax);
}

int join_server(const Globals& globals, Options o) {
  const std::string home = globals.home.empty() ? default_home() : globals.home;
  const std::string path =
      globals.key_file.empty() ? store::join(home, kKeyName) : globals.key_file;
  if (store::exists(path)) {
    return give_up(
        {"There is a key at " + path +
         " already; for a second account use another --home, or name a new file with -k."});
  }
  if (const auto link = client::read_invite_link(o.link); !link)
    return give_up({link.error().message, kUsage});
  if (wire::check_text(as_bytes(o.label)) != wire::ProfileError::ok)
    return give_up({"A label is UTF-8 text; correct it.", kUsage});
  if (has_controls(o.label))
    return give_up({"A label has no control characters; leave them out.", kUsage});
  if (o.as.starts_with('@')) o.as.erase(0, 1);
  if (!o.as.empty() && user_of(o.as).empty()) {
    return give_up({"\"" + safe(o.as) +
                        "\" can be no name on a server: 1 to 32 of a-z 0-9 . _ - and a letter or "
                        "digit first.",
                    kUsage});
  }
  if (o.as.empty()) {
    const char* user = std::getenv("USER");
    o.as = user == nullptr ? std::string() : user_of(user);
    if (o.as.empty()) return give_up({"Say who you want to be: --as NAME.", kUsage});
  }
  if (globals.key_file.empty()) {
    for (std::size_t at = home.find('/', 1);; at = home.find('/', at + 1)) {
      const std::string part = home.substr(0, at);
      if (!store::exists(part)) {
        if (const auto made = store::make_dir(part); !made) return give_up({made.error().message});
      }
      if (at == std::string::npos) break;
    }
  }
  const auto joined = join(o.link, o.as, o.name, o.label.empty() ? host_name() : o.label);
  if (!joined) return give_up({safe(joined.error())});
  if (const auto kept = store::write_new(path, as_bytes(joined->key_file)); !kept)
    return give_up({kept.error().message});
  fmt::print("You are @{}. The key is in {}: whoever has it is you.\n", joined->account, path);
  fmt::print(stderr, "Next: moot chat @SOMEBODY, or moot users\n");
  return kDone;
}

}  // namespace

void add_join(CLI::App& app, Globals& globals, Run& run) {
  auto* sub = app.add_subcommand("join", "Enrol with an invitation and keep the key");
  auto o = std::make_shared<Options>();
  sub->add_option("LINK", o->link, "The invitation: moot://HOST:PORT/#TOKEN, in quotes")
      ->required();
  sub->add_option("--as", o->as, "Your name on the server, for ever (default: your login name)")
      ->type_name("NAME");
  sub->add_option("--name", o->name, "The nickname people see; `moot nick` changes it")
      ->type_name("NICK");
  sub->add_option("--label", o->label, "What this device is called (default: the host's name)");
  sub->footer("Example: moot join 'moot://127.0.0.1:7667/#...' --as ada --name 'Ada L.'");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return join_server(globals, *o); }; });
}

}  // namespace moot::app
