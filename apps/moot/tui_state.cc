#include "apps/moot/tui_state.h"

#include "apps/moot/show.h"

namespace moot::app::tui {

std::uint64_t missing(const Client::Channel& channel) {
  return channel.status == "few" && channel.min > channel.online_n ? channel.min - channel.online_n
                                                                   : 0;
}

std::vector<Entry> entries(const State& state) {
  std::vector<Entry> out;
  for (const auto& [target, room] : state.rooms) {
    if (!target.empty()) out.push_back({target, true});
  }
  if (state.people.size() > kPeopleListedMax) return out;
  for (const auto& [user, person] : state.people) {
    const std::string target = '@' + user;
    if (user != state.self && !state.rooms.contains(target)) out.push_back({target, false});
  }
  return out;
}

std::string shown_name(const State& state, const std::string& user) {
  const auto known = state.people.find(user);
  if (known == state.people.end() || known->second.name.empty() || known->second.name == user)
    return '@' + safe(user);
  return safe(known->second.name) + " (@" + safe(user) + ')';
}

}  // namespace moot::app::tui
