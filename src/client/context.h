#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "channel/rng.h"
#include "client/effects.h"
#include "client/pace.h"
#include "model/codes.h"
#include "model/text_rules.h"

namespace moot::client {

// What the parts of the core share during their steps.
// Invariant: operations of one step share one ticket, `step_ticket`, handed over at its end.
class Context {
 public:
  Context(const UserId& self_id, const TextRules& text, std::uint64_t seed, Effects& effects)
      : self(self_id), rules(text), fx(&effects), rng(seed) {}

  void put(cop::Any op) { ops_.push_back(std::move(op)); }
  Ticket step_ticket() const { return {submitted_.n + 1}; }
  // The ticket after which everything asked for so far is on disk.
  Ticket all() const { return ops_.empty() ? submitted_ : step_ticket(); }
  Ticket on_disk() const { return on_disk_; }
  void set_on_disk(Ticket t) { on_disk_ = std::max(on_disk_, t); }
  void end_step() {
    if (ops_.empty()) return;
    submitted_ = step_ticket();
    fx->store(submitted_, std::exchange(ops_, {}));
  }

  SentId send(const c::Any& cmd) {
    last_sent = now.tick;
    sent_in_step = true;
    if (std::holds_alternative<c::LstUsr>(cmd) || std::holds_alternative<c::ChLst>(cmd) ||
        std::holds_alternative<c::ChMembers>(cmd)) {
      lists.spend(now.tick);
    }
    return fx->send(cmd);
  }
  UnixMs server_now() const {
    const std::int64_t ms = static_cast<std::int64_t>(now.wall.ms) + clock_offset_ms;
    return {static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0))};
  }
  // One more of what waits for the server to be asked; false: refused, and told.
  bool takes_question(std::size_t waiting, RequestId request) {
    if (waiting < limits::kListsWaiting) return true;
    fx->event(ev::Done{request, "Too many questions wait for the server; ask again later."});
    return false;
  }
  std::string fold(std::string_view text) const {
    return rules.fold == nullptr ? std::string(text) : rules.fold(text);
  }

  const UserId self;
  const TextRules rules;
  Effects* fx;
  Rng rng;  // for ids and delays, not for secrets
  Now now;
  bool open = false;
  std::uint32_t max_frame = limits::kFrameBytesMax;
  std::uint32_t max_msg = limits::kMsgBytesMax;
  std::int64_t clock_offset_ms = 0;
  std::optional<Keeper> default_keeper;  // once a connection was open
  Tick last_sent;
  bool sent_in_step = false;
  Pace lists;
  std::uint64_t uses = 0;  // of channels, so that they can be told apart by who was used last

 private:
  std::vector<cop::Any> ops_;
  Ticket submitted_;
  Ticket on_disk_;
};

}  // namespace moot::client
