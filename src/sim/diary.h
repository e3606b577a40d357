#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/commands.h"
#include "model/ids.h"

namespace moot::sim {

// What a run looks like from outside, kept for a picture of it (diagram.h).
class Diary {
 public:
  enum class What : std::uint8_t {
    frame,   // between `lane` and the server
    note,    // something happened to `lane`
    fault,   // the world did it
    up,      // the process runs from here on,
    down,    // or does not
    leads,   // the device leads from here on,
    led,     // or does not
    failed,  // an invariant does not hold
  };
  enum class Kind : std::uint8_t { message, ack, commit, election, sync, merge, refusal, other };
  static constexpr unsigned kServer = ~0u;  // a lane

  struct Entry {
    What what = What::note;
    std::int64_t us = 0;        // of a frame: when it left
    std::int64_t arrived = -1;  // of a frame; -1: it never did
    unsigned lane = kServer;
    bool to_server = false;
    Kind kind = Kind::other;
    std::string text;
  };

  // The index of a frame's entry, for `arrives`.
  std::size_t leaves(std::int64_t us, unsigned lane, const c::Any& cmd);
  std::size_t leaves(std::int64_t us, unsigned lane, const s::Any& cmd);
  void arrives(std::size_t entry, std::int64_t us) { entries_[entry].arrived = us; }
  void write(std::int64_t us, unsigned lane, What what, std::string text = {});
  // What a message is called in the picture, `m12`.
  void call(const MsgId& id, std::string name) { names_[id] = std::move(name); }
  std::string name(const MsgId& id) const;

  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
  std::map<MsgId, std::string> names_;
  std::set<MsgId> committed_;
  std::uint64_t election_ = 0;
};

}  // namespace moot::sim
