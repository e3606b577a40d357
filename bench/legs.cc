#include "bench/legs.h"

#include <algorithm>
#include <concepts>
#include <variant>

#include "model/print.h"

namespace moot::bench {
namespace {

// The message that a command names.
template <class Any>
std::optional<MsgId> message_of(const Any& any) {
  return std::visit(
      [](const auto& cmd) -> std::optional<MsgId> {
        if constexpr (requires {
                        { cmd.msg_id } -> std::same_as<const MsgId&>;
                      }) {
          return cmd.msg_id;
        } else if constexpr (requires {
                               { cmd.id } -> std::same_as<const MsgId&>;
                             }) {
          return cmd.id;
        } else {
          return std::nullopt;
        }
      },
      any);
}

}  // namespace

void Legs::sent(std::size_t member, const c::Any& cmd) {
  if (wanted_ && !now_) {
    if (const auto* first = std::get_if<c::ChMsg>(&cmd)) {
      now_ = {.id = first->msg_id, .author = member};
      wanted_ = false;
    }
  }
  if (!now_ || message_of(cmd) != now_->id) return;
  now_->server = std::max(now_->server, now_->members[member] + 1);
}

void Legs::heard(std::size_t member, const s::Any& cmd) {
  if (!now_ || message_of(cmd) != now_->id) return;
  const unsigned leg = now_->said.try_emplace(text(cmd), now_->server + 1).first->second;
  unsigned& last = now_->members[member];
  last = std::max(last, leg);
}

void Legs::committed(std::size_t member, const s::Any& cmd) {
  if (!now_ || member != now_->author || message_of(cmd) != now_->id) return;
  counts_.push_back(now_->said.at(text(cmd)));
  now_.reset();
}

}  // namespace moot::bench
