#include "server/recent_acks.h"

#include "model/limits.h"

namespace moot::server {

const RecentAcks::Ack* RecentAcks::Author::find(const MsgId& id) const {
  const std::uint32_t at =
      by_id.find(MsgIdHash{}(id), [&](std::uint32_t place) { return ring[place].id == id; });
  return at == HashIndex::kNone ? nullptr : &ring[at];
}

void RecentAcks::Author::push(const Ack& ack) {
  if (size == ring.size()) grow();
  const std::size_t at = (begin + size) & (ring.size() - 1);
  ring[at] = ack;
  by_id.insert(MsgIdHash{}(ack.id), static_cast<std::uint32_t>(at));
  ++size;
}

void RecentAcks::Author::pop() {
  by_id.erase(MsgIdHash{}(ring[begin].id), static_cast<std::uint32_t>(begin));
  begin = (begin + 1) & (ring.size() - 1);
  --size;
}

void RecentAcks::Author::grow() {
  std::vector<Ack> longer(ring.empty() ? 8 : 2 * ring.size());
  by_id.clear();
  for (std::size_t n = 0; n < size; ++n) {
    longer[n] = ring[(begin + n) & (ring.size() - 1)];
    by_id.insert(MsgIdHash{}(longer[n].id), static_cast<std::uint32_t>(n));
  }
  ring = std::move(longer);
  begin = 0;
}

std::optional<std::size_t> RecentAcks::tag(const UserId& author, const MsgId& id) const {
  const auto* of = authors_.find(author);
  const Ack* ack = of == nullptr ? nullptr : of->value.find(id);
  if (ack == nullptr) return std::nullopt;
  return ack->tag;
}

void RecentAcks::put(Tick now, const UserId& author, const MsgId& id, std::size_t tag) {
  Author& of = authors_.get(author).value;
  if (of.find(id) != nullptr) return;
  if (of.size == limits::kRecentAckedPerAuthor) of.pop();
  of.push({id, now, tag});
}

void RecentAcks::forget(const UserId& author) {
  if (auto* of = authors_.find(author)) authors_.erase(*of);
}

void RecentAcks::expire(Tick now) {
  authors_.for_each([&](auto& entry) {
    Author& of = entry.value;
    while (of.size > 0 && now - of.ring[of.begin].at >= limits::kRecentMemory) of.pop();
    if (of.size == 0) authors_.erase(entry);
  });
}

}  // namespace moot::server
