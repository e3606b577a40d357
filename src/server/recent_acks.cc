#include "server/recent_acks.h"

#include <algorithm>

#include "model/limits.h"

namespace moot::server {

void RecentAcks::Ring::push(const Ack& ack) {
  places_[place(size_)] = ack;
  ++size_;
}

void RecentAcks::Ring::pop() {
  begin_ = place(1);
  --size_;
}

void RecentAcks::Ring::grow() {
  std::vector<Ack> longer(places_.empty() ? 8 : 2 * places_.size());
  for (std::size_t n = 0; n < size_; ++n) longer[n] = at(n);
  places_ = std::move(longer);
  begin_ = 0;
}

// Who asks mostly asks for one of the newest: the search widens from there.
const RecentAcks::Ack* RecentAcks::Author::find_rising(const MsgId& id) const {
  std::size_t end = rising.size();
  if (end == 0 || rising.at(end - 1).id < id) return nullptr;
  std::size_t begin = end - 1;
  for (std::size_t step = 1; begin > 0 && id < rising.at(begin).id; step *= 2) {
    end = begin;
    begin -= std::min(begin, step);
  }
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    const Ack& ack = rising.at(middle);
    if (ack.id == id) return &ack;
    if (ack.id < id) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return nullptr;
}

const RecentAcks::Ack* RecentAcks::Author::find(const MsgId& id) const {
  if (const Ack* ack = find_rising(id)) return ack;
  if (strays.empty()) return nullptr;
  const std::uint32_t place = strays_by_id.find(
      MsgIdHash{}(id), [&](std::uint32_t at) { return strays.in_place(at).id == id; });
  return place == HashIndex::kNone ? nullptr : &strays.in_place(place);
}

void RecentAcks::Author::push(const Ack& ack) {
  if (rising.empty() || rising.at(rising.size() - 1).id < ack.id) {
    if (rising.full()) rising.grow();
    rising.push(ack);
    return;
  }
  if (strays.full()) {
    strays.grow();
    strays_by_id.clear();
    for (std::size_t n = 0; n < strays.size(); ++n)
      strays_by_id.insert(MsgIdHash{}(strays.at(n).id), static_cast<std::uint32_t>(n));
  }
  strays_by_id.insert(MsgIdHash{}(ack.id), static_cast<std::uint32_t>(strays.place(strays.size())));
  strays.push(ack);
}

bool RecentAcks::Author::stray_is_oldest() const {
  return rising.empty() || (!strays.empty() && strays.at(0).at < rising.at(0).at);
}

void RecentAcks::Author::pop() {
  if (!stray_is_oldest()) {
    rising.pop();
    return;
  }
  strays_by_id.erase(MsgIdHash{}(strays.at(0).id), static_cast<std::uint32_t>(strays.place(0)));
  strays.pop();
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
  if (of.size() == limits::kRecentAckedPerAuthor) of.pop();
  of.push({id, now, tag});
}

void RecentAcks::forget(const UserId& author) {
  if (auto* of = authors_.find(author)) authors_.erase(*of);
}

void RecentAcks::expire(Tick now) {
  authors_.for_each([&](auto& entry) {
    Author& of = entry.value;
    while (of.size() > 0 && now - of.oldest().at >= limits::kRecentMemory) of.pop();
    if (of.size() == 0) authors_.erase(entry);
  });
}

}  // namespace moot::server
