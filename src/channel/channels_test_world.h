#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "channel/channels.h"
#include "channel/memory_server.h"

namespace moot::test {

// Effects as lines of text; a disk that is as slow as the test wants.
class Recorder : public ChannelEffects {
 public:
  void send(Conns to, const s::Any& cmd) override;
  void send_after(Ticket after, Conns to, const s::Any& cmd) override;
  Ticket persist(op::Any op) override;
  void err(ConnId to, Errc code, std::string_view sentence, const ErrDetail& detail) override;
  void disconnect(ConnId conn, DcnnCode code, std::string_view sentence) override;

  // Writes what waits to `disk`, releases what waited for it. The last ticket.
  Ticket sync();
  // What was neither written nor sent is lost: the power went.
  void lose();
  bool idle() const { return unsynced_.empty(); }

  std::string& name(const std::string& printed) { return names_[printed]; }
  std::string named(std::string line) const;

  std::vector<std::string> lines;
  std::vector<Errc> errors;
  ServerSnapshot disk;
  MemoryKept records;
  std::map<ConnId, std::string> conns;

 private:
  struct Waiting {
    Ticket after;
    std::string line;
  };
  std::string sent(Conns to, const s::Any& cmd) const;

  std::map<std::string, std::string> names_;  // as printed: as the test calls it
  std::vector<op::Any> unsynced_;
  std::vector<Waiting> waiting_;
  Ticket last_;
  Ticket synced_;
};

// A server's channels, its disk, its clock, and people who type commands. One command a line:
//
//   users ada ben            accounts
//   connect ada ada.2        connections, named by their user and anything behind a dot
//   wait 100                 milliseconds pass, timers fire
//   disk slow | disk sync | disk fast
//   crash                    the server and what was not on disk are gone; it starts again
//   ada create #ops members [private] [since_join]
//   ada msg #ops m1 [retry] [text=..] [from=ben] [stamp=good|bad|lost] [at=-500]
//
// A message's name stands for its id; behind a quote, m1', for other content under that id.
class World {
 public:
  explicit World(ChannelsConfig config = quiet());
  static ChannelsConfig quiet();  // no lobby

  // The effects of one line, in order.
  std::vector<std::string> run(const std::string& line);
  // The ERR codes of it, separated by spaces; empty: none.
  std::string refusal(const std::string& line);
  // Runs several lines, separated by newlines; the effects of the last one.
  std::vector<std::string> all(std::string_view lines);
  // Is there exactly one line with this in it, several, none?
  static std::size_t count(const std::vector<std::string>& lines, std::string_view part);

  // Whether every step ends in check_invariants().
  bool checks = true;

  Channels& channels() { return *channels_; }
  Recorder& fx() { return fx_; }
  Now now() const { return now_; }
  ChannelId channel(const std::string& name);
  ChannelReport report(const std::string& name) { return *channels_->report(channel(name)); }

 private:
  using Words = std::vector<std::string>;
  struct Text {
    MsgId id;
    UserId from;
    std::string msg;
  };

  void command(ConnId conn, const Words& words);
  void message_command(ConnId conn, const Words& words);
  void route_command(ConnId conn, const Words& words);
  void start();
  void pass(std::int64_t ms);
  std::array<std::uint8_t, 10> next_random();
  ConnId conn(const std::string& name) const;
  UserId user(const std::string& name) const;
  // The message of this name; made, as written by `author` now, when it is new.
  const Text& message(const std::string& name, const UserId& author, const Words& words,
                      const ChannelId& channel);
  std::optional<MsgId> msg_or_nil(const std::string& name);
  AppendRecord record(const std::string& name, const ChannelId& channel, const Words& words);

  ChannelsConfig config_;
  Now now_;
  Recorder fx_;
  std::unique_ptr<Channels> channels_;
  bool slow_ = false;
  std::uint64_t next_conn_ = 0;
  std::uint16_t next_id_ = 0;
  std::map<std::string, ConnId> conns_;
  std::map<std::string, ChannelId> named_channels_;
  std::map<std::string, Text> messages_;
  std::map<std::pair<std::string, ChannelId>, ByteBuf> stamps_;
  std::vector<UserId> acks_;
};

}  // namespace moot::test
