#include "server/presence.h"

#include <algorithm>
#include <array>
#include <utility>

#include "channel/ranges.h"

namespace moot::server {
namespace {
// Two commands a user at most.
constexpr std::size_t kUsersPerBurst = limits::kBatchCommandsMax / 2;
}  // namespace

// Keeps the state before the first change, so that coming and going cancel out.
Presence::Change& Presence::change(const UserId& user, bool online_before) {
  const auto [it, fresh] = changes_.try_emplace(user);
  if (fresh) {
    order_.push_back(user);
    it->second.was_online = it->second.online_now = online_before;
  }
  return it->second;
}

PresenceMode Presence::mode_in_force() const {
  if (mode_ == PresenceMode::all && conns_.users() > limits::kPresenceAllMax)
    return PresenceMode::shared;
  return mode_;
}

UserStatus Presence::status_of(const Account& a, const UserId& asker) const {
  const bool hidden = mode_ == PresenceMode::off && a.id != asker;
  if (hidden || !conns_.online(a.id)) return UserStatus::offline;
  return a.away ? UserStatus::away : UserStatus::online;
}

void Presence::seen(const UserId& of, std::span<const ConnId> by) {
  const auto pending = changes_.find(of);
  if (pending == changes_.end()) return;
  pending->second.seen = true;
  seers_.insert(by.begin(), by.end());
}

bool Presence::visible(const UserId& about, const UserId& to) const {
  return mode_ != PresenceMode::shared || about == to || channels_.share_channel(to, about);
}

namespace {
// What an entry of USR_LST takes but for id, name and keys.
constexpr std::size_t kUserEntryOctets = 48;
constexpr std::size_t kUserEntryNodes = 1 + 2 * 4;
}  // namespace

void Presence::list(const Step& step, Conn& to, const c::LstUsr& cmd,
                    std::uint32_t frame_bytes_max) {
  std::vector<UserEntry> page;
  PageBudget room = page_budget(frame_bytes_max);
  bool more = false;
  const auto& all = accounts_.all();
  auto it = cmd.after ? all.upper_bound(*cmd.after) : all.begin();
  for (; it != all.end(); ++it) {
    const Account& a = it->second;
    if (a.state == AccountState::removed) continue;
    if (!visible(a.id, to.user)) continue;
    const bool fits = room.take(
        kUserEntryOctets + a.id.str().size() + a.name.size() + a.keys.size(), kUserEntryNodes);
    if (page.size() == limits::kUsersPerPage || (!fits && !page.empty())) {
      more = true;
      break;
    }
    UserEntry e{.id = a.id, .status = status_of(a, to.user), .name = {a.name}};
    if (!a.keys.empty()) e.keys = Bytes(a.keys);
    page.push_back(e);
    seen(a.id, std::array{to.id});
  }
  step.send_bulk(to, s::UsrLst{page, more});
}

std::optional<Tick> Presence::next_deadline() const {
  if (order_.empty() && drained_.empty()) return std::nullopt;
  return next_burst_;
}

void Presence::tick(const Step& step) {
  if (!next_deadline() || step.now.tick < next_burst_) return;
  bool told = !drained_.empty();
  for (std::size_t room = kUsersPerBurst; room > 0 && !order_.empty(); --room) {
    const UserId user = order_.front();
    order_.pop_front();
    const Change c = changes_.at(user);
    changes_.erase(user);
    const bool toggled = c.was_online != c.online_now && mode_ != PresenceMode::off;
    if (c.account || c.removed || toggled) {
      tell(step, user, c);
    } else if (c.seen && mode_ != PresenceMode::off) {
      correct(step, user, c);
    } else {
      continue;
    }
    told = true;
  }
  if (order_.empty()) seers_.clear();
  // Behind the others, which for these connections have joined what waits.
  for (const ConnId conn : std::exchange(drained_, {})) {
    const auto past = past_.find(conn);
    tell_held(step, conn, kUsersPerBurst - (past != past_.end() ? past->second : 0));
  }
  past_.clear();
  if (told) next_burst_ = step.now.tick + limits::kPresenceBurst;
}

// Whoever saw it otherwise would believe that for as long as the connection holds.
void Presence::correct(const Step& step, const UserId& about, const Change& c) {
  std::vector<ConnId> misled;
  for (const ConnId id : seers_) {
    const Conn* seer = conns_.find(id);
    if (seer != nullptr && seer->user != about && visible(about, seer->user)) misled.push_back(id);
  }
  const Change shown{.was_online = !c.online_now, .online_now = c.online_now};
  hold_back(misled, about, shown);
  say(step, misled, {}, about, shown);
}

void Presence::tell(const Step& step, const UserId& about, const Change& c) {
  const PresenceMode mode = mode_in_force();
  std::vector<ConnId> others;
  if (mode == PresenceMode::shared && !c.removed) {
    for (const UserId& peer : channels_.peers(about)) {
      const auto conns = conns_.of(peer);
      if (peer != about) others.insert(others.end(), conns.begin(), conns.end());
    }
  } else {
    conns_.for_each_user([&](const UserId& user, std::span<const ConnId> conns) {
      if (user != about) others.insert(others.end(), conns.begin(), conns.end());
    });
  }
  std::vector<ConnId> own;
  if (c.account) {
    const auto conns = conns_.of(about);
    own.assign(conns.begin(), conns.end());
  }
  hold_back(others, about, c);
  hold_back(own, about, c);
  say(step, others, own, about, c);
}

void Presence::hold_back(std::vector<ConnId>& to, const UserId& about, const Change& c) {
  std::erase_if(to, [&](const ConnId id) {
    if (!conns_.find(id)->behind && !held_.contains(id)) return false;
    auto& waits = held_[id];
    if (waits.size() >= limits::kPresenceHeld && !waits.contains(about)) {
      ++past_[id];
      return false;
    }
    Change& all = waits.try_emplace(about, c).first->second;
    // Coming and going do not cancel out: something else may have shown it in between.
    if (c.was_online != c.online_now) all.was_online = c.was_online;
    all.online_now = c.online_now;
    all.account = all.account || c.account;
    all.removed = all.removed || c.removed;
    return true;
  });
}

void Presence::drained(ConnId conn) {
  if (held_.contains(conn)) drained_.insert(conn);
}

void Presence::tell_held(const Step& step, ConnId id, std::size_t users_max) {
  const auto it = held_.find(id);
  // Gone, or behind again: then it is told another time.
  if (it == held_.end() || conns_.find(id)->behind) return;
  std::map<UserId, Change> waits;
  while (!it->second.empty() && waits.size() < users_max) {
    waits.insert(it->second.extract(it->second.begin()));
  }
  if (it->second.empty()) {
    held_.erase(it);
  } else {
    drained_.insert(id);  // the rest has the next bursts
  }
  const UserId& user = conns_.find(id)->user;
  for (const auto& [about, c] : waits) {
    const bool own = about == user;
    if (!c.removed && !visible(about, user)) continue;
    say(step, own ? std::vector<ConnId>{} : std::vector{id},
        own ? std::vector{id} : std::vector<ConnId>{}, about, c);
  }
}

void Presence::say(const Step& step, const std::vector<ConnId>& others,
                   const std::vector<ConnId>& own, const UserId& about, const Change& c) const {
  if (c.removed) {
    step.send(others, s::UsrRmd{.id = about});
    return;
  }
  const Account* a = accounts_.present(about);
  if (a == nullptr) return;
  if (c.account) {
    step.send(others, s::UsrAdd{.id = about, .status = status_of(*a, {}), .name = {a->name}});
    step.send(own, s::UsrAdd{.id = about, .status = status_of(*a, about), .name = {a->name}});
  }
  if (mode_in_force() == PresenceMode::off || c.was_online == c.online_now) return;
  if (c.online_now) {
    step.send(others, s::Ucnn{.id = about, .name = {a->name}});
  } else {
    step.send(others, s::Udcnn{.id = about, .name = {a->name}});
  }
}

}  // namespace moot::server
