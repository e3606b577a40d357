#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "apps/moot/line_editor.h"
#include "apps/moot/seat.h"
#include "apps/moot/terminal.h"

namespace moot::app {

// The line-mode chat: a prompt below, the conversation above it. On a pipe it takes lines and
// prints plain ones.
class Chat {
 public:
  // `ended_by`: readable when somebody outside wants it to end.
  // `target`: "@NAME", "#NAME" or nobody yet.
  Chat(Seat seat, std::string target, Fd ended_by);
  int run();

 private:
  void hear(const Json& line);
  void on_connection(const Json& line);
  void on_message(const Json& line);
  void on_state(const Json& line);
  void on_handshake(const Json& line);
  void on_presence(const Json& line);
  void on_post(const Json& line);

  bool begin();
  bool print_arrivals();
  bool read_input();
  void take(const std::string& line);
  void command(const std::string& line);
  void go(const std::string& rest);
  void open_target(const std::string& target);
  void open_conversation(const std::string& user);
  void open_channel(const std::string& name);
  void send(const std::string& target, const std::string& text);
  void list_users();
  bool drain();
  bool again();

  void print(const std::string& line);
  void note(const std::string& line);
  void draw();
  std::string prompt() const;
  std::vector<std::string> candidates(std::string_view word, bool first) const;
  std::string shown_name(const std::string& user) const;
  std::string target_in(std::string_view text) const;
  std::size_t waiting() const { return waiting_.size() + drafts_.size(); }
  Seat::Each hearing() {
    return [this](const Json& line) { hear(line); };
  }

  Seat seat_;
  Fd ended_by_;
  std::string target_;
  std::string self_;
  const bool raw_;
  const bool colour_;
  std::unique_ptr<RawTerminal> terminal_;
  LineEditor editor_;
  std::string piped_;
  bool input_open_ = true;
  bool quit_ = false;
  std::map<std::string, std::string> names_;  // user id to nickname
  std::set<std::string> channels_;            // those this user is in
  std::set<std::string> waiting_;             // ids of ours that are not on the server yet
  std::set<std::uint64_t> drafts_;            // ours to channels that are not committed yet
  std::uint64_t last_post_ = 0;               // what was printed of the channels, by arrival
  bool news_ = false;                         // there may be more
  bool failed_ = false;                       // the owner's store takes nothing any more
  std::size_t unanswered_ = 0;
  std::uint64_t next_n_ = 1'000'000;  // Seat counts from 1
  std::uint64_t users_n_ = 0;
  std::string connection_ = "connecting";
  std::string said_;
};

}  // namespace moot::app
