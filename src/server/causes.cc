#include "server/causes.h"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "model/limits.h"

namespace moot::server {
namespace {

using Class = RateMeter::Class;
constexpr Causes::Cost kFree{};
constexpr Causes::Cost kOnce{1, Class::plain};
constexpr Causes::Cost kTwice{2, Class::plain};
constexpr Causes::Cost kFirst{1, Class::list};

void owe(std::uint32_t& owed, std::size_t n) {
  owed = static_cast<std::uint32_t>(std::min<std::size_t>(owed + n, limits::kAnswersOwedMax));
}

}  // namespace

bool Causes::concerned(const s::Any& any) {
  if (const auto* ack = std::get_if<s::ChMsgAck>(&any)) return ack->need == 0;
  return std::holds_alternative<s::ChMsg>(any) || std::holds_alternative<s::ChMsgCommit>(any) ||
         std::holds_alternative<s::ChVote>(any) || std::holds_alternative<s::ChPull>(any) ||
         std::holds_alternative<s::ChAppend>(any) || std::holds_alternative<s::ChMerge>(any) ||
         std::holds_alternative<s::ChMsgConfirm>(any);
}

void Causes::sent(const s::Any& any) {
  std::visit(
      [this]<class T>(const T& cmd) {
        if constexpr (std::same_as<T, s::ChMsg> || std::same_as<T, s::ChMsgConfirm>) {
          owe(acks_, 1);
        } else if constexpr (std::same_as<T, s::ChVote>) {
          owe(votes_, 1);
        } else if constexpr (std::same_as<T, s::ChMsgAck>) {
          owe(commits_, 1);
        } else if constexpr (std::same_as<T, s::ChPull>) {
          owe(pages_, 1);
        } else if constexpr (std::same_as<T, s::ChMerge>) {
          owe(acks_, cmd.msg.size());  // the leader's own confirmation
          owe(commits_, cmd.msg.size());
          owe(confirmations_, cmd.msg.size());
        } else if constexpr (std::same_as<T, s::ChAppend>) {
          Sync* const sync = known(cmd.id);
          if (sync == nullptr) return;
          sync->answered = cmd.more || cmd.ranges || sync->wanting;
          sync->upto.reset();
          if (cmd.more && cmd.upto) sync->upto = *cmd.upto;
          sync->merged = sync->merging;
        } else if constexpr (std::same_as<T, s::ChMsgCommit>) {
          refused(cmd.channel);
        }
      },
      any);
}

void Causes::sent_private(std::size_t n) { owe(private_acks_, n); }

void Causes::refused(const ChannelId& channel) {
  if (Sync* const sync = known(channel)) sync->merged = sync->merging;
}

Causes::Cost Causes::answer(std::uint32_t& owed) {
  if (owed == 0) return kTwice;
  --owed;
  return kFree;
}

// Asked again when a listed user attaches: that is the leader's own doing.
Causes::Cost Causes::weigh(const c::ChAckReq&) {
  if (confirmations_ == 0) return kOnce;
  --confirmations_;
  return kFree;
}

Causes::Cost Causes::weigh(const c::ChPull& cmd) {
  Sync* s = sync(cmd.id);
  if (s == nullptr) return kFirst;
  const bool compares = cmd.ranges || cmd.want;
  const bool follows = !compares && s->upto && cmd.anchor == OrNil<MsgId>(*s->upto);
  const bool closes = !compares && !follows && s->closing;
  const bool next =
      (s->answered && (compares || follows)) || ((s->answered || s->merged) && closes);
  s->closing = !next || (s->closing && !closes);
  s->answered = false;
  s->merged = false;
  s->wanting = cmd.want.has_value();
  s->upto.reset();
  return next ? kFree : kFirst;
}

Causes::Cost Causes::weigh(const c::ChMerge& cmd) {
  Sync* s = sync(cmd.id);
  if (s == nullptr) return kOnce;
  const bool next = s->merging && s->merged;
  s->merging = true;
  s->merged = false;
  return next ? kFree : kOnce;
}

Causes::Sync* Causes::known(const ChannelId& channel) {
  if (!syncs_) return nullptr;
  const auto at = syncs_->find(channel);
  return at == syncs_->end() ? nullptr : &at->second;
}

// Null: the connection has asked about more channels than a user can be in.
Causes::Sync* Causes::sync(const ChannelId& channel) {
  if (Sync* const sync = known(channel)) return sync;
  if (!syncs_) syncs_ = std::make_unique<std::map<ChannelId, Sync>>();
  if (syncs_->size() >= limits::kChannelsPerUser) return nullptr;
  return &(*syncs_)[channel];
}

}  // namespace moot::server
