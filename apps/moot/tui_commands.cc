#include "apps/moot/tui_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apps/moot/commands.h"
#include "apps/moot/show.h"
#include "apps/moot/show_channel.h"
#include "apps/moot/target.h"
#include "apps/moot/tui_model.h"
#include "model/codes.h"

namespace moot::app::tui {
namespace {

constexpr std::uint64_t kFoundMax = 50;

constexpr std::string_view kKeys =
    "Enter           send\n"
    "Alt-Enter       begin a new line\n"
    "Tab             complete a name or a command\n"
    "Alt-1 .. Alt-9  go to a conversation\n"
    "Ctrl-N, Ctrl-P  to the next, the one before;\n"
    "                also Alt with the arrows\n"
    "Alt-A           to the next with something unread\n"
    "Page Up, Down   read the log; Alt-P, Alt-N by rows\n"
    "Escape          to the end of the log\n"
    "Up, Down        what you wrote before\n"
    "Ctrl-A E B F    move in the line\n"
    "Ctrl-K U W      erase in it, Ctrl-C all of it\n"
    "Ctrl-L          draw the screen anew\n"
    "Ctrl-D          leave";

std::string help() {
  std::string out;
  for (const Command& c : kCommands) {
    if (c.what.empty()) continue;
    const std::string form =
        c.name == "away" ? "/away, /back" : fmt::format("/{} {}", c.name, c.form);
    out += fmt::format("{}{:<17} {}", out.empty() ? "" : "\n", form, c.what);
  }
  return out;
}

std::string usage(const Command& c) {
  return fmt::format("Write /{} {}.{}", c.name, c.form,
                     c.words.empty() ? "" : " " + std::string(c.what) + ".");
}

std::string trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \n");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \n") + 1 - begin));
}

}  // namespace

const Command* find_command(std::string_view name) {
  const Command* found = nullptr;
  for (const Command& c : kCommands) {
    if (c.name == name) return &c;
    if (name.empty() || !c.name.starts_with(name)) continue;
    if (found != nullptr) return nullptr;
    found = &c;
  }
  return found;
}

std::vector<std::string> words_of(std::string_view text) { return split_words(text); }

void Model::command(std::string_view line) {
  const std::size_t blank = std::min(line.find_first_of(" \n"), line.size());
  const std::string typed(line.substr(1, blank - 1));
  const std::string rest = trimmed(line.substr(blank));
  const Command* command = find_command(typed);
  if (command == nullptr)
    return note("There is no /" + safe(typed) + "; /help lists what there is.");
  const std::string_view name = command->name;
  if (name == "quit") {
    quit_ = true;
  } else if (name == "help") {
    note(help());
  } else if (name == "keys") {
    note(std::string(kKeys));
  } else if (name == "to" || name == "enter" || name == "join") {
    rest.empty() ? note(usage(*command))
                 : go(name == "to" || rest.starts_with('@') ? rest : '#' + app::channel_of(rest));
  } else if (name == "msg") {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string user = user_of(rest.substr(0, end));
    const std::string text = trimmed(std::string_view(rest).substr(end));
    if (user.empty() || text.empty()) return note(usage(*command));
    say('@' + user, text);
    hint("Said to @" + safe(user) + '.');
  } else if (name == "create") {
    rest.empty() ? note(usage(*command)) : create(rest);
  } else if (name == "channels") {
    ask(Json().set("do", "channels"), {.what = For::channels});
  } else if (name == "users") {
    ask(Json().set("do", "users"), {.what = For::shown_users});
  } else if (name == "nick") {
    if (rest.empty()) return note(usage(*command));
    ask(Json().set("do", "nick").set("name", rest),
        {.what = For::sentence, .text = "People see you as " + safe(rest) + " now."});
  } else if (name == "away" || name == "back") {
    ask(Json().set("do", "away").set("on", name == "away"),
        {.what = For::sentence, .text = name == "away" ? "You are away." : "You are back."});
  } else if (name == "search") {
    rest.empty() ? note(usage(*command)) : search(rest);
  } else {
    in_channel(name, rest);
  }
}

// As on the command line, by what is on the screen: what is meant for many is said to nobody else.
void Model::go(const std::string& rest) {
  Known known;
  for (const auto& [target, r] : state_.rooms) {
    if (r.is_person()) known.peers.push_back(r.name());
    if (r.is_channel()) (r.channel.member ? known.channels : known.left).push_back(r.name());
  }
  known.others.assign(others_.begin(), others_.end());
  const Meaning m = meaning_of(rest, known);
  switch (m.is) {
    case Meaning::Is::user:
    case Meaning::Is::stranger:
      return go_to_user(m.user);
    case Meaning::Is::channel: {
      const std::string target = '#' + m.channel;
      const auto r = state_.rooms.find(target);
      if (r != state_.rooms.end() && r->second.channel.member) return open(target);
      return ask(Json().set("do", "enter").set("channel", m.channel),
                 {.what = For::open, .target = target});
    }
    case Meaning::Is::both:
      return note(
          fmt::format("\"{0}\" is a channel and a person here; write #{0} or @{0}.", safe(rest)));
    case Meaning::Is::left:
    case Meaning::Is::other:
      return note(fmt::format(
          "You are in no #{0}; /enter #{0} enters it{1}.", safe(m.channel),
          m.user.empty() ? "" : fmt::format(", /to @{} goes to a user of that name", m.user)));
    case Meaning::Is::nothing:
      break;
  }
  if (rest.starts_with('#')) return note(safe(named_channel(rest).error().sentence));
  note("\"" + safe(rest) + "\" is nobody and no channel; write @NAME or #NAME.");
}

void Model::go_to_user(const std::string& user) {
  if (user == state_.self) return note("That is you.");
  const std::string target = '@' + user;
  if (people_known_ && state_.people.size() < kPeopleMax && !state_.people.contains(user) &&
      !state_.rooms.contains(target)) {
    return note("There is no user " + target + "; /users lists who there is.");
  }
  open(target);
  greet();
}

void Model::create(const std::string& rest) {
  auto words = split_words(rest);
  Json json;
  json.set("do", "create");
  std::string keeper;
  bool is_private = false;
  bool since_join = false;
  while (words.size() > 1) {
    const std::string& w = words.back();
    if (parse_enum<Keeper>(w)) {
      keeper = w;
    } else if (w == "private") {
      is_private = true;
    } else if (w == "since_join") {
      since_join = true;
    } else {
      break;
    }
    words.pop_back();
  }
  const auto named = named_channel(join_words(words));
  if (!named) return note(safe(named.error().sentence));
  const std::string& name = *named;
  json.set("channel", name).set("keeper", keeper);
  ask(std::move(json.set("private", is_private).set("since_join", since_join)),
      {.what = For::open, .target = '#' + name});
}

void Model::in_channel(std::string_view name, const std::string& rest) {
  const Command& command = *find_command(name);
  std::string target = state_.current;
  if (name == "leave" && !rest.empty()) target = '#' + app::channel_of(rest);
  if (!target.starts_with('#'))
    return note(fmt::format("/{} is for channels; go to one first, with /to #NAME.", name));
  const std::string channel = target.substr(1);
  const std::string shown = safe(target);
  const auto set = [&](std::string_view what) {
    return Json().set("do", what).set("channel", channel);
  };
  if (name == "leave") return ask(set("leave"), {.what = For::nothing});
  if (name == "members") return ask(set("members"), {.what = For::members, .target = target});
  if (name == "verify") return ask(set("verify"), {.what = For::verify, .target = target});
  if (name == "pull")
    return ask(set("pull"),
               {.what = For::sentence, .text = "Nothing is missing in " + shown + '.'});
  if (name == "topic" && rest.empty()) {
    const std::string& topic = room(target).channel.topic;
    return note(topic.empty() ? shown + " has no topic." : shown + ": " + safe(topic));
  }
  if (rest.empty()) return note(usage(command));
  if (name == "topic")
    return ask(std::move(set("set").set("topic", rest)),
               {.what = For::sentence, .text = "The topic is: " + safe(rest)});
  if (name == "rename") {
    const auto named = named_channel(rest);
    if (!named) return note(safe(named.error().sentence));
    return ask(std::move(set("set").set("rename", *named)), {.what = For::nothing});
  }
  const auto words = split_words(rest);
  if (words.size() != (name == "role" ? 2 : 1)) return note(usage(command));
  const std::string user = user_of(words[0]);
  if (user.empty()) return note("\"" + safe(words[0]) + "\" is no user; write @NAME.");
  if (name == "role") {
    if (!parse_enum<Role>(words[1])) return note(usage(command));
    return ask(std::move(set("set").set("roles", user + '=' + words[1])),
               {.what = For::sentence,
                .text = words[1] == "none" ? "@" + safe(user) + " is a member like any other now."
                                           : "@" + safe(user) + " is " + words[1] + " now."});
  }
  const bool invite = name == "invite";
  ask(std::move(set(invite ? "ch_invite" : "kick").set("user", user)),
      {.what = For::sentence,
       .text =
           "@" + safe(user) + (invite ? " is invited to " : " is removed from ") + shown + '.'});
}

void Model::search(const std::string& words) {
  if (state_.current.empty()) return note("Go where to look first, with /to @NAME or /to #NAME.");
  const bool channel = here().is_channel();
  Json json;
  json.set("do", channel ? "posts" : "history").set(channel ? "channel" : "peer", here().name());
  if (channel) json.set("order", "newest");
  ask(std::move(json.set("containing", words).set("count", kFoundMax)),
      {.what = For::search, .target = state_.current, .text = words});
}

}  // namespace moot::app::tui
