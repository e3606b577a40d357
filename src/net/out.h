#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "model/codes.h"
#include "model/commands.h"
#include "model/store_ops.h"
#include "net/source_limits.h"
#include "session/server_session.h"
#include "wire/commands.h"

// What the hub tells a thread about its connections, a batch a turn. A command is encoded once,
// however many connections of the thread get it.
namespace moot::net {

// A command without its envelope, in the octets of its box.
struct Piece {
  std::string_view cmd;  // static: a name of the command table
  std::uint32_t pairs = 0;
  std::uint32_t at = 0;
  std::uint32_t size = 0;
  bool flat = false;
  std::uint8_t kind = 0;  // its place in s::Any
};

struct Out {
  enum class Kind : std::uint8_t {
    send,       // `piece`
    sinfo,      // of this connection; `ref` where has_ref
    close,      // `piece` is the DCNN, then the end
    finish,     // flush, then the end
    mark,       // `value`: token
    seen,       // `value`: nonce
    pause,      // `value`: tick in ms
    keys,       // `value`: index into `answers`
    wall,       // `value`: index into `walls`
    queue_max,  // `value`: octets
    drained,    // tell when the send queue is within the soft bound
  };
  Kind kind = Kind::send;
  bool has_ref = false;
  std::uint32_t piece = 0;
  ConnId conn;
  std::uint64_t value = 0;
};

// What a CNN is to be tried against; the shell fills up to a fixed number with keys of nobody, so
// that every refusal costs the same (security.md R3, R16).
struct KeyAnswer {
  struct Candidate {
    Credential credential;
    session::CredentialFacts facts;
  };
  std::vector<Candidate> candidates;
};

// The record of an identity that a wall vouches for; none: nobody is let in as it.
struct WallAnswer {
  std::optional<Kid> kid;
  UserId account;
  std::optional<Address> counted;  // it counts among the connections of this source now
};

// With its candidates, about.
constexpr std::size_t kAnswerBytes = 1024;

struct Outbox {
  Buffer octets;
  std::vector<Piece> pieces;
  std::vector<Out> outs;
  std::vector<KeyAnswer> answers;
  std::vector<WallAnswer> walls;

  bool empty() const { return outs.empty(); }
  std::size_t memory() const {
    return octets.size() + pieces.size() * sizeof(Piece) + outs.size() * sizeof(Out) +
           answers.size() * kAnswerBytes;
  }
  void clear() {
    octets.clear();
    pieces.clear();
    outs.clear();
    answers.clear();
    walls.clear();
  }
  std::uint32_t add(const s::Any& cmd) {
    const std::size_t at = octets.size();
    const std::uint32_t pairs = wire::encode_fields(octets, cmd);
    pieces.push_back({wire::name_of(cmd), pairs, static_cast<std::uint32_t>(at),
                      static_cast<std::uint32_t>(octets.size() - at), wire::is_flat(cmd),
                      static_cast<std::uint8_t>(cmd.index())});
    return static_cast<std::uint32_t>(pieces.size() - 1);
  }
  std::uint32_t copy(const Outbox& from, std::uint32_t piece) {
    Piece p = from.pieces[piece];
    const auto at = static_cast<std::uint32_t>(octets.size());
    octets.put(from.octets.bytes().subspan(p.at, p.size));
    p.at = at;
    pieces.push_back(p);
    return static_cast<std::uint32_t>(pieces.size() - 1);
  }
  // REQUIRES: nothing is added while it is used.
  wire::Body body(std::uint32_t piece) const {
    const Piece& p = pieces[piece];
    return {p.cmd, p.pairs, octets.bytes().subspan(p.at, p.size), p.flat};
  }
};

}  // namespace moot::net
