#include <algorithm>
#include <utility>

#include "apps/moot/commands.h"
#include "apps/moot/show.h"
#include "apps/moot/tui_commands.h"
#include "apps/moot/tui_model.h"
#include "apps/moot/tui_view.h"
#include "apps/moot/utf8.h"

// What the keys do.
namespace moot::app::tui {
namespace {

using Code = Key::Code;

// What was pasted, as something one could have typed.
std::string typable(std::string_view pasted) {
  std::string out;
  while (!pasted.empty()) {
    const CodePoint c = next_code_point(pasted);
    const std::string_view octets = pasted.substr(0, c.octets);
    pasted.remove_prefix(c.octets);
    if (octets == "\r") {
      if (pasted.starts_with('\n')) continue;
      out += '\n';
    } else if (octets == "\t") {
      out += "    ";
    } else if (octets == "\n" || (c.valid && !is_control(c.code))) {
      out += octets;
    }
  }
  return out;
}

}  // namespace

void Model::press(const Key& key) {
  state_.hint.clear();
  EditLine& in = state_.input;
  const int page = std::max(panes(state_).log_height - 2, 1);
  switch (key.code) {
    case Code::text:
      if (key.alt || key.ctrl) {
        chord(key);
      } else if (in.insert(typable(key.text))) {
        greet();
      } else {
        hint("A message has at most 16 KiB.");
      }
      break;
    case Code::paste: {
      std::string text = typable(key.text);
      while (text.ends_with('\n')) text.pop_back();
      if (!in.insert(text)) hint("That is too long: a message has at most 16 KiB.");
      break;
    }
    case Code::enter:
      if (key.alt) {
        in.insert("\n");
      } else {
        enter();
      }
      break;
    case Code::tab:
      complete();
      break;
    case Code::backspace:
      key.alt ? in.erase_word_before() : in.erase_before();
      break;
    case Code::del:
      in.erase_after();
      break;
    case Code::escape:
      to_newest();
      break;
    case Code::up:
      if (key.alt || key.ctrl) {
        switch_by(-1);
      } else if (!in.up()) {
        in.recall_older();
      }
      break;
    case Code::down:
      if (key.alt || key.ctrl) {
        switch_by(1);
      } else if (!in.down()) {
        in.recall_newer();
      }
      break;
    case Code::left:
      if (key.alt) {
        switch_by(-1);
      } else {
        key.ctrl ? in.word_left() : in.left();
      }
      break;
    case Code::right:
      if (key.alt) {
        switch_by(1);
      } else {
        key.ctrl ? in.word_right() : in.right();
      }
      break;
    case Code::home:
      in.begin();
      break;
    case Code::end:
      if (in.text().empty()) {
        to_newest();
      } else {
        in.end();
      }
      break;
    case Code::page_up:
      scroll(page);
      break;
    case Code::page_down:
      scroll(-page);
      break;
  }
  look_for_more();
}

void Model::chord(const Key& key) {
  EditLine& in = state_.input;
  const char c = key.text.empty() ? '\0' : static_cast<char>(key.text[0] | 0x20);
  if (key.alt) {
    if (c >= '1' && c <= '9') return switch_to_entry(static_cast<std::size_t>(c - '1'));
    if (c == 'a') return switch_to_unread();
    if (c == 'b') return in.word_left();
    if (c == 'f') return in.word_right();
    if (c == 'p') return scroll(1);
    if (c == 'n') return scroll(-1);
    return;
  }
  switch (c) {
    case 'a':
      return in.begin();
    case 'b':
      return in.left();
    case 'c':
      quit_ = in.text().empty();
      return in.set_text({});
    case 'd':
      quit_ = in.text().empty();
      return in.erase_after();
    case 'e':
      return in.end();
    case 'f':
      return in.right();
    case 'j':
      in.insert("\n");
      return;
    case 'k':
      return in.erase_to_end();
    case 'n':
      return switch_by(1);
    case 'p':
      return switch_by(-1);
    case 'u':
      return in.erase_to_begin();
    case 'w':
      return in.erase_word_before();
    default:
      return;
  }
}

void Model::enter() {
  const std::string& typed = state_.input.text();
  if (typed.find_first_not_of(" \t\n") == std::string::npos) return to_newest();
  const bool is_command = typed[0] == '/' && !typed.starts_with("//");
  const bool on_the_way = state_.current.empty() && !arrived_ && !(ready_ && caught_up_);
  if (on_the_way && !is_command) return hint("Not there yet; Enter sends it when you are.");
  const std::string line = state_.input.take();
  if (is_command) return command(line);
  if (state_.current.empty())
    return note("Say to whom: /to @NAME or /to #NAME, then what you have to say.");
  to_newest();
  say(state_.current, line.starts_with("//") ? line.substr(1) : line);
}

void Model::say(const std::string& target, const std::string& text) {
  const bool channel = target.starts_with('#');
  if (channel) {
    const Client::Channel& c = room(target).channel;
    if (!c.member) return note("You are not in " + safe(target) + "; /enter enters it.");
  }
  Json json;
  json.set("do", channel ? "post" : "send").set(channel ? "channel" : "to", target.substr(1));
  if (target == state_.current) here().unread_from.clear();
  ask(std::move(json.set("text", text)), {.what = For::text, .target = target, .text = text});
  if (!channel && target == state_.current) greet();
}

// As it was typed, for who is still there and has not begun something else.
void Model::give_back(const std::string& target, const std::string& text) {
  if (target != state_.current || !state_.input.text().empty()) return;
  state_.input.set_text(text.starts_with('/') ? '/' + text : text);
}

void Model::complete() {
  const EditLine::Word word = state_.input.word();
  const auto found = candidates(word.text, word.begin == 0);
  if (found.empty() || state_.input.complete(found) || found.size() == 1) return;
  std::string all;
  for (const std::string& c : found) all += (all.empty() ? "" : "  ") + safe(c);
  hint(std::move(all));
}

std::vector<std::string> Model::candidates(std::string_view word, bool first) const {
  std::vector<std::string> out;
  const auto add = [&](const std::string& text, std::string_view as) {
    if (text.starts_with(as)) out.push_back(text);
  };
  const std::string_view line = state_.input.text();
  if (first && word.starts_with('/')) {
    for (const Command& c : kCommands) add("/" + std::string(c.name), word);
    return out;
  }
  if (line.starts_with('/') && !word.starts_with('@') && !word.starts_with('#')) {
    const std::string_view name = line.substr(1, line.find(' ') - 1);
    if (const Command* c = find_command(name)) {
      for (const std::string& w : words_of(c->words)) add(w, word);
    }
    if (!out.empty()) return out;
  }
  if (word.starts_with('#')) {
    for (const auto& [target, r] : state_.rooms) {
      if (r.is_channel()) add(target, word);
    }
    return out;
  }
  // A name is completed with and without its "@", the members of the channel before all others.
  const std::string as = word.starts_with('@') ? std::string(word) : '@' + std::string(word);
  if (as.size() < 2 && !word.starts_with('@')) return out;
  for (const std::string& user : state_.room().channel.members) {
    if (user != state_.self) add('@' + user, as);
  }
  if (!out.empty()) return out;
  for (const Entry& e : entries(state_)) {
    if (e.target.starts_with('@')) add(e.target, as);
  }
  if (!out.empty()) return out;
  for (const auto& [user, person] : state_.people) {
    if (user != state_.self) add('@' + user, as);
  }
  return out;
}

}  // namespace moot::app::tui
