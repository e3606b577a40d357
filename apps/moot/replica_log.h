#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apps/moot/show_channel.h"

namespace moot::app {

// What a replica says of its life: lines for people or for programs, made of what the owner of the
// store tells. What only counts (commits, the records of a pull) is summed up until it is asked
// for, so that a busy channel does not make a long log.
class ReplicaLog {
 public:
  ReplicaLog(bool json, bool colour) : json_(json), colour_(colour) {}

  // The lines that this event is worth at this time.
  std::vector<std::string> hear(const Json& event, std::uint64_t now_ms);

  bool has_sums() const { return !dirty_.empty(); }
  // What was counted since the last time.
  std::vector<std::string> sums(std::uint64_t now_ms);

  // "#ops  healthy  3 of 5 online  @ada leads  12 committed", for each channel.
  std::string status_line() const;

 private:
  struct State {
    Client::Channel channel;
    Client::Channel told;       // as the last lines said it
    std::uint64_t commits = 0;  // since the last sum
    std::uint64_t commits_all = 0;
    std::uint64_t records = 0;  // of the pull that goes on
    std::uint64_t differences = 0;
    bool syncing = false;
    std::set<std::string> pending;  // ids; at most limits::kPendingRecords
  };
  struct Said {
    std::string_view what;
    std::string fields;  // of the object, each with a comma before it
    std::string words;
  };
  std::string line(const std::string& channel, const Said& said, std::uint64_t now_ms) const;
  // Takes over what is told of the channel itself; a line when it is something new.
  std::optional<Said> stands(State& s, const Client::Channel& now);
  void hear_post(const Json& event);
  std::string key_of(const std::string& id, const std::string& name) const;
  State& state_of(const std::string& id, const std::string& name);

  bool json_;
  bool colour_;
  std::map<std::string, State> channels_;  // by id
  std::set<std::string> dirty_;            // those with something to sum up
};

// Names of the same channel, by the rules of the protocol.
bool same_channel(std::string_view a, std::string_view b);

}  // namespace moot::app
