#include "channel/inflight.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "channel/mutants.h"
#include "model/limits.h"

namespace moot {

bool quorum_met(const Inflight& message, const UserSet& online) {
  if (mutant(Mutant::m02_quorum_of_online)) {
    return message.acked.count_in(online) >= majority(online.size());
  }
  if (mutant(Mutant::m03_half_is_enough)) {
    return message.counted >= message.asked.size() / 2;
  }
  return message.has_quorum();
}

bool Inflight::has_quorum() const { return counted >= quorum(asked.size()); }

std::uint64_t Inflight::need() const {
  const std::size_t wanted = quorum(asked.size());
  return counted >= wanted ? 0 : wanted - counted;
}

bool Inflight::acknowledge(const UserId& user) {
  if (!acked.insert(user)) return false;
  if (asked.contains(user)) ++counted;
  return true;
}

Acks Inflight::acks(const UserId& leader) const {
  const auto counts = [&](const UserId& u) { return acked.contains(u) && asked.contains(u); };
  std::vector<UserId> list;
  if (!leader.empty() && counts(leader)) list.push_back(leader);
  if (record.from != leader && counts(record.from)) list.push_back(record.from);
  for (const UserId& user : acked) {
    if (list.size() == limits::kAcksListedMax) break;
    if (user != leader && user != record.from && asked.contains(user)) list.push_back(user);
  }
  return Acks::of(list, counted);
}

void Inflight::forget(const UserId& user) {
  if (mutant(Mutant::m14_leaver_counts)) return;
  const bool was_asked = asked.erase(user);
  if (acked.erase(user) && was_asked) --counted;
}

void Inflight::ask(UserSet users, Tick now) {
  MOOT_CHECK(!users.empty());
  asked = std::move(users);
  counted = acked.count_in(asked);
  relayed = now;
  quorum_at.reset();
}

bool Inflight::can_reach(const UserSet& online) const {
  const auto could = std::count_if(asked.begin(), asked.end(), [&](const UserId& u) {
    return acked.contains(u) || online.contains(u);
  });
  return static_cast<std::size_t>(could) >= quorum(asked.size());
}

Inflight* InflightTable::find(const MsgId& id) {
  const auto at = messages_.find(id);
  return at == messages_.end() ? nullptr : &at->second;
}

const Inflight* InflightTable::find(const MsgId& id) const {
  const auto at = messages_.find(id);
  return at == messages_.end() ? nullptr : &at->second;
}

Inflight& InflightTable::add(Inflight message) {
  message.seq = ++next_seq_;
  bytes_ += message.record.msg.size();
  const MsgId id = message.record.id;
  const auto [at, added] = messages_.emplace(id, std::move(message));
  MOOT_CHECK(added);
  return at->second;
}

void InflightTable::erase(const MsgId& id) {
  const auto at = messages_.find(id);
  MOOT_CHECK(at != messages_.end());
  bytes_ -= at->second.record.msg.size();
  messages_.erase(at);
}

bool InflightTable::full(std::size_t more_bytes) const {
  return messages_.size() >= limits::kInflightPerChannel ||
         bytes_ + more_bytes > limits::kInflightBytesPerChannel;
}

std::vector<Inflight*> InflightTable::in_order() {
  std::vector<Inflight*> order;
  order.reserve(messages_.size());
  for (auto& [id, message] : messages_) order.push_back(&message);
  std::ranges::sort(order, {}, [](const Inflight* m) { return m->seq; });
  return order;
}

}  // namespace moot
