#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/commands.h"

namespace moot::bench {

// How often a channel's message crosses the network one way after another, from its author's
// CH_MSG to the word that it is committed: counted from what is sent and heard about it, whatever
// those commands are. Two legs are a round trip. One message is followed at a time, when it is
// asked for.
class Legs {
 public:
  // The next CH_MSG that is sent, unless one is on its way.
  void follow() { wanted_ = true; }
  // A member sends: one leg behind the last that reached it.
  void sent(std::size_t member, const c::Any& cmd);
  // A member hears: one leg behind the last that the server may have heard when it first said so.
  void heard(std::size_t member, const s::Any& cmd);
  // What the member heard has committed a message for it.
  void committed(std::size_t member, const s::Any& cmd);

  // Of each message followed to its end.
  const std::vector<double>& counts() const { return counts_; }

 private:
  struct Followed {
    MsgId id;
    std::size_t author = 0;
    unsigned server = 0;                      // the last leg that leads there
    std::map<std::size_t, unsigned> members;  // the last one that reached each
    std::map<std::string, unsigned> said;     // by the server: the same to many is one leg
  };

  bool wanted_ = false;
  std::optional<Followed> now_;
  std::vector<double> counts_;
};

}  // namespace moot::bench
