#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "model/commands.h"
#include "server/rates.h"

namespace moot::server {

// What the server's own frames make one connection send, and is not counted (protocol.md 10):
// answers that were asked for, each once, and the next pages of a running synchronisation or
// merge. The same without its cause counts double.
class Causes {
 public:
  struct Cost {
    unsigned weight = 0;  // of the command and of its octets; 0: not counted
    RateMeter::Class what = RateMeter::Class::plain;
    friend bool operator==(const Cost&, const Cost&) = default;
  };

  // Does it ask for an answer, or is it one?
  static bool concerned(const s::Any& cmd);
  // A command is on its way to the connection.
  void sent(const s::Any& cmd);
  // So many MSG are.
  void sent_private(std::size_t n = 1);
  // ERR about the channel is.
  void refused(const ChannelId& channel);

  Cost weigh(const c::AckMsg&) { return answer(private_acks_); }
  Cost weigh(const c::AckChMsg&) { return answer(acks_); }
  Cost weigh(const c::ChVote&) { return answer(votes_); }
  Cost weigh(const c::ChCommit&) { return answer(commits_); }
  Cost weigh(const c::ChAppend&) { return answer(pages_); }
  Cost weigh(const c::ChAckReq&);
  Cost weigh(const c::ChPull& cmd);
  Cost weigh(const c::ChMerge& cmd);

 private:
  // One channel's synchronisation with its leader or keeper.
  struct Sync {
    bool answered = false;      // a page came that may be asked on from
    bool wanting = false;       // records were asked for by name
    bool closing = false;       // the comparison at the end is still to come
    std::optional<MsgId> upto;  // where the last page ended, when more follows
    bool merging = false;
    bool merged = false;  // the last page of a merge was answered
  };
  static Cost answer(std::uint32_t& owed);
  Sync* known(const ChannelId& channel);
  Sync* sync(const ChannelId& channel);

  // Causes that were not used up: MSG; CH_MSG, CH_MSG_CONFIRM, records to merge; CH_VOTE;
  // CH_MSG_ACK with `need` 0 and records to merge; CH_PULL; records to merge.
  std::uint32_t private_acks_ = 0;
  std::uint32_t acks_ = 0;
  std::uint32_t votes_ = 0;
  std::uint32_t commits_ = 0;
  std::uint32_t pages_ = 0;
  std::uint32_t confirmations_ = 0;
  std::unique_ptr<std::map<ChannelId, Sync>> syncs_;  // null: none
};

}  // namespace moot::server
