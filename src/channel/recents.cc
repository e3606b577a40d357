#include "channel/recents.h"

#include <utility>

#include "base/check.h"
#include "model/limits.h"

namespace moot {

void Recents::evict(const ChannelId& channel, OfChannel& of) {
  const auto oldest = of.ages.begin();
  MOOT_CHECK(oldest != of.ages.end());
  ages_.erase(oldest->first);
  of.commits.erase(oldest->second);
  of.ages.erase(oldest);
  if (of.commits.empty()) channels_.erase(channel);
}

void Recents::add(const ChannelId& channel, const RecordKey& key, RecentCommit commit) {
  OfChannel& of = channels_[channel];
  if (const auto known = of.commits.find(key); known != of.commits.end()) {
    of.ages.erase(known->second.age);
    ages_.erase(known->second.age);
    of.commits.erase(known);
  }
  commit.age = ++next_age_;
  of.ages.emplace(commit.age, key);
  ages_.emplace(commit.age, channel);
  of.commits.emplace(key, std::move(commit));
  if (of.commits.size() > limits::kRecentPerChannel) evict(channel, of);
  if (ages_.size() > limits::kRecentPerServer) {
    const ChannelId oldest = ages_.begin()->second;
    evict(oldest, channels_.at(oldest));
  }
}

RecentCommit* Recents::find(const ChannelId& channel, const RecordKey& key) {
  const auto of = channels_.find(channel);
  if (of == channels_.end()) return nullptr;
  const auto at = of->second.commits.find(key);
  return at == of->second.commits.end() ? nullptr : &at->second;
}

bool Recents::other_content(const ChannelId& channel, const RecordKey& key) const {
  const auto of = channels_.find(channel);
  if (of == channels_.end()) return false;
  for (auto at = of->second.commits.lower_bound(RecordKey{key.id, Digest{}});
       at != of->second.commits.end() && at->first.id == key.id; ++at) {
    if (at->first.digest != key.digest) return true;
  }
  return false;
}

void Recents::forget(const ChannelId& channel) {
  const auto of = channels_.find(channel);
  if (of == channels_.end()) return;
  for (const auto& [age, key] : of->second.ages) ages_.erase(age);
  channels_.erase(of);
}

std::size_t Recents::size(const ChannelId& channel) const {
  const auto of = channels_.find(channel);
  return of == channels_.end() ? 0 : of->second.commits.size();
}

void Recents::check_invariants() const {
  std::size_t n = 0;
  for (const auto& [channel, of] : channels_) {
    MOOT_CHECK(!of.commits.empty() && of.commits.size() <= limits::kRecentPerChannel);
    MOOT_CHECK(of.commits.size() == of.ages.size());
    for (const auto& [age, key] : of.ages) MOOT_CHECK(of.commits.at(key).age == age);
    n += of.commits.size();
  }
  MOOT_CHECK(n == ages_.size() && n <= limits::kRecentPerServer);
}

}  // namespace moot
