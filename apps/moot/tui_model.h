#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "apps/moot/json.h"
#include "apps/moot/tui_key.h"
#include "apps/moot/tui_state.h"

namespace moot::app::tui {

// Read up to here: all there is. Owners take what they have for it.
inline constexpr std::uint64_t kAllRead = 0x7fff'ffff'ffff'ffff;

// The chat without a terminal: what the owner of the store says and what keys are pressed in, what
// is to be asked of the owner and a State to be drawn out. No clock but the one it is given, no
// I/O.
// Invariant: `state().current` is a room; every ask that has a number gets an end, or `seated`.
class Model {
 public:
  // `target`: "#ops", "@bob", or empty.
  Model(std::string target, WallClock wall);

  // There is an owner: the first, or another one after the first has ended.
  void seated();
  void hear(const Json& line);
  void press(const Key& key);
  void resize(Size size);

  std::vector<Json> take_asks();
  bool take_bell();
  bool quit() const { return quit_; }
  // Texts that the owner has not taken or the server not yet.
  std::size_t waiting() const { return waiting_.size() + taking(); }

  const State& state() const { return state_; }
  void check_invariants() const;

 private:
  // What an ask was for.
  enum class For : std::uint8_t {
    nothing,   // its error is told
    sentence,  // `text` is told when it is done
    open,      // `target` is opened when it is done
    text,      // `text` was typed for `target`
    users,
    shown_users,
    channels_here,
    conversations,
    newest,  // pages of the log of `target`
    older,
    newer,
    again,        // the newest once more, after a sync
    again_above,  // the same, from the first line that is here
    uncommitted,
    members,
    invitations,
    channels,
    verify,
    search,
    read,  // what is in `target` has been seen
  };
  struct Ask {
    For what = For::nothing;
    std::string target;
    std::string text;
    std::string found;
    std::vector<Line> page;
    std::uint64_t count = 0;  // lines asked for, or lines that came
    std::uint64_t generation = 0;
    bool more = false;  // of what came: the owner has more than fits into a page
  };

  void ask(Json json, Ask what);
  void tell(Json json) { asks_.push_back(std::move(json)); }
  std::size_t taking() const;

  // Answers (tui_answers.cc).
  void answer(const Json& line);
  void part_of_answer(Ask& ask, const Json& line);
  void end_of_answer(Ask& ask, const Json& line);
  void page_is_here(Ask& ask);
  void again_is_here(Room& room, Ask& ask);
  void channels_are_here();
  void arrive();
  void unread_is(Room& room, std::uint64_t n);
  // Events (tui_hear.cc).
  void on_connection(const Json& line);
  void on_message(const Json& line);
  void on_state(const Json& line);
  void on_renumbered(const Json& line);
  void on_handshake(const Json& line);
  void on_presence(const Json& line);
  void on_channel(const Json& line);
  void on_left(const Json& line);
  void on_post(const Json& line);
  void on_acks(const Json& line);
  void on_election(const Json& line);
  void on_leader(const Json& line);
  void on_sync(const Json& line);
  void on_synced(const Json& line);
  Room& channel_of(const Json& line);
  void put(Room& room, Line line, bool incoming);
  bool above_the_screen(const Room& room, const std::string& key) const;

  // Rooms and the way around in them (tui_rooms.cc).
  Room& room(const std::string& target);
  Room& here() { return state_.rooms.at(state_.current); }
  void open(const std::string& target);
  void greet();
  void load(Room& room);
  void unload_some();
  void place_unread(Room& room);
  void ask_uncommitted(const Room& room, const Line* behind);
  void ask_page(Room& room, For what);
  void mark_read(Room& room);
  void switch_by(int step);
  void switch_to_entry(std::size_t number);
  void switch_to_unread();
  void scroll(int rows);
  void to_newest();
  void look_for_more();
  void note(std::string text);
  void note_in(Room& room, std::string text);
  void hint(std::string text) { state_.hint = std::move(text); }

  // Keys (tui_press.cc).
  void chord(const Key& key);
  void enter();
  void say(const std::string& target, const std::string& text);
  void give_back(const std::string& target, const std::string& text);
  void complete();
  std::vector<std::string> candidates(std::string_view word, bool first) const;

  // What begins with "/" (tui_commands.cc).
  void command(std::string_view line);
  void go(const std::string& rest);
  void go_to_user(const std::string& user);
  void create(const std::string& rest);
  void in_channel(std::string_view name, const std::string& rest);
  void list_members(const std::string& target);
  void search(const std::string& words);

  State state_;
  WallClock wall_;
  std::string wanted_;  // to be opened as soon as it is known
  std::vector<Json> asks_;
  std::map<std::uint64_t, Ask> asked_;
  std::map<std::string, std::string> waiting_;  // id or draft of what is not handed over: target
  std::uint64_t next_n_ = 1'000'000;            // Seat counts from 1
  std::uint64_t looks_ = 0;
  std::set<std::string> others_;  // channels on the server that are not ours
  bool people_known_ = false;     // all of them were told
  bool ready_ = false;            // what this device knows of channels is here
  bool caught_up_ = false;        // and what the server knows of ours
  bool arrived_ = false;          // somewhere
  bool quit_ = false;
  bool bell_ = false;
};

}  // namespace moot::app::tui
