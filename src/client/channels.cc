#include "client/channels.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "client/content.h"

namespace moot::client {
namespace {

// The channel that a command speaks of; none: of no channel.
struct ChannelOf {
  template <class C>
  std::optional<ChannelId> operator()(const C& cmd) const {
    if constexpr (requires { cmd.channel; }) {
      if constexpr (std::same_as<std::remove_cvref_t<decltype(cmd.channel)>, ChannelId>) {
        return cmd.channel;
      } else {
        return std::nullopt;
      }
    } else if constexpr (requires { cmd.id; }) {
      if constexpr (std::same_as<std::remove_cvref_t<decltype(cmd.id)>, ChannelId>) {
        return cmd.id;
      } else {
        return std::nullopt;
      }
    } else {
      return std::nullopt;
    }
  }
};

std::string none_of_yours(std::string_view name) {
  return "You are in no channel #" + std::string(name) + "; `moot channels` lists them.";
}

}  // namespace

Channels::Channels(Context& cx, Asks& asks, const ReplicaRecords& records)
    : cx_(&cx), asks_(&asks), records_(&records), lists_(cx) {}

void Channels::load(std::vector<StoredChannel> stored, std::vector<WaitingText> waiting) {
  for (StoredChannel& s : stored) {
    const ChannelId id = s.channel.id;
    channels_.emplace(id, std::make_unique<LocalChannel>(*cx_, records_->of(id), std::move(s)));
  }
  for (WaitingText& w : waiting) {
    last_draft_ = std::max(last_draft_, w.n);
    const auto it = channels_.find(w.channel);
    if (it == channels_.end()) continue;
    it->second->load_waiting(std::move(w));
  }
}

// ---- the connection ---------------------------------------------------------------------------

void Channels::opened() {
  cx_->lists.restart();
  lists_.opened();
}

void Channels::lost() {
  lists_.lost();
  invitations_.clear();
  for (const auto& [id, channel] : channels_) channel->lost();
  for (const Pull& pull : std::exchange(pulls_, {})) {
    cx_->fx->event(
        ev::Done{pull.request, "The connection to the server ended before all was here."});
  }
}

LocalChannel& Channels::add(const s::ChStatus& status) {
  StoredChannel stored;
  stored.channel.id = status.id;
  cx_->rng.fill(stored.channel.replica.octets);
  auto& slot = channels_[status.id];
  slot = std::make_unique<LocalChannel>(*cx_, records_->of(status.id), std::move(stored));
  return *slot;
}

void Channels::on(const s::ChStatus& status) {
  invitations_.erase(status.id);
  const auto known = channels_.find(status.id);
  LocalChannel& channel = known == channels_.end() ? add(status) : *known->second;
  channel.on(status);
  if (all_wanted_) channel.want();
}

void Channels::on(const s::ChUleave& gone) {
  if (gone.user != cx_->self) return;
  invitations_.erase(gone.channel);
  const auto known = channels_.find(gone.channel);
  if (known != channels_.end()) known->second->left(gone.reason.value_or("left"));
}

ChannelState Channels::describe(const ChannelEntry& entry) const {
  ChannelState state;
  const auto known = channels_.find(entry.id);
  if (known != channels_.end()) {
    state = known->second->state();
  } else {
    state.known.member = false;
  }
  state.known.id = entry.id;
  state.known.name = entry.name.text;
  state.known.folded = cx_->fold(entry.name.text);
  state.known.keeper = entry.keeper;
  state.status = entry.status;
  state.leader = entry.leader ? std::optional(*entry.leader) : std::nullopt;
  state.members_n = entry.members;
  state.online_n = entry.online;
  state.invited = entry.invited.value_or(false) || invitations_.contains(entry.id);
  return state;
}

void Channels::on(const s::LstCh& page) {
  if (ChannelLists::is_invitation(page)) {
    const ChannelState state = describe(page.channels[0]);
    if (!state.known.member) {
      invitations_[state.known.id] = {state.known.name, state.known.folded};
      cx_->fx->event(ev::ChannelChanged{state});
    }
  }
  lists_.on(page, [this](const ChannelEntry& entry) { return describe(entry); });
}

bool Channels::deliver(const s::Any& cmd) {
  if (const auto* status = std::get_if<s::ChStatus>(&cmd)) {
    on(*status);
  } else if (const auto* page = std::get_if<s::LstCh>(&cmd)) {
    on(*page);
  } else if (const auto* members = std::get_if<s::ChMembers>(&cmd)) {
    lists_.on(*members);
  } else if (const auto* gone = std::get_if<s::ChUleave>(&cmd)) {
    on(*gone);
  } else if (std::holds_alternative<s::ChUjoin>(cmd)) {
    return true;  // CH_STATUS follows where it matters
  } else {
    const auto id = std::visit(ChannelOf{}, cmd);
    if (!id) return false;
    const auto known = channels_.find(*id);
    if (known != channels_.end()) known->second->give(cmd);
  }
  return true;
}

bool Channels::refused(const s::Err& err) {
  if (lists_.refused(err)) return true;
  if (!err.channel) return false;
  const auto known = channels_.find(*err.channel);
  if (known == channels_.end() || !known->second->attached()) return false;
  LocalChannel& channel = *known->second;
  if (err.ref_cmd == c::ChAttach::kTable.name) {
    channel.attach_refused(err.message);
    return true;
  }
  for (const std::string_view ours :
       {c::ChMsg::kTable.name, c::ChLead::kTable.name, c::ChPull::kTable.name,
        c::ChMerge::kTable.name, c::ChCommit::kTable.name, c::ChVote::kTable.name,
        c::AckChMsg::kTable.name, c::ChAppend::kTable.name, c::ChAckReq::kTable.name}) {
    if (err.ref_cmd != ours) continue;
    channel.give(err);
    return true;
  }
  return false;
}

void Channels::caught_up() {
  for (const auto& [id, channel] : channels_) {
    if (channel->known().member && !channel->here()) channel->left("removed");
  }
}

void Channels::replaced() {
  for (const auto& [id, channel] : channels_) {
    if (channel->wanted()) channel->renew();
  }
}

// ---- disk and time ----------------------------------------------------------------------------

void Channels::stored() {
  for (const auto& [id, channel] : channels_) channel->stored();
}

void Channels::tick() {
  for (const auto& [id, channel] : channels_) channel->tick();
}

Tick Channels::next_tick() const {
  Tick next{std::numeric_limits<std::int64_t>::max()};
  for (const auto& [id, channel] : channels_) next = std::min(next, channel->next_tick());
  for (const Pull& pull : pulls_) next = std::min(next, pull.until);
  if (next_pull() != nullptr) next = std::min(next, cx_->lists.next());
  return next;
}

void Channels::end_step(bool flush) {
  look_after_pulls();
  for (const auto& [id, channel] : channels_) channel->end_step(flush);
  send_pulls();
}

LocalChannel* Channels::next_pull() const {
  LocalChannel* next = nullptr;
  for (const auto& [id, channel] : channels_) {
    if (!channel->pull_waits()) continue;
    if (next == nullptr || channel->goes_before(*next)) next = channel.get();
  }
  return next;
}

void Channels::send_pulls() {
  while (cx_->open && cx_->lists.next() <= cx_->now.tick) {
    LocalChannel* channel = next_pull();
    if (channel == nullptr) return;
    channel->send_pull();
  }
}

// ---- the user ---------------------------------------------------------------------------------

const LocalChannel* Channels::find(std::string_view name) const {
  if (const auto id = parse_ulid<ChannelId>(name)) {
    const auto known = channels_.find(*id);
    if (known != channels_.end()) return known->second.get();
  }
  const std::string folded = cx_->fold(name);
  const LocalChannel* past = nullptr;
  for (const auto& [id, channel] : channels_) {
    if (channel->known().folded != folded) continue;
    if (channel->known().member) return channel.get();
    past = channel.get();
  }
  return past;
}
LocalChannel* Channels::find(std::string_view name) {
  return const_cast<LocalChannel*>(std::as_const(*this).find(name));
}

std::vector<const LocalChannel*> Channels::all() const {
  std::vector<const LocalChannel*> out;
  for (const auto& [id, channel] : channels_) out.push_back(channel.get());
  return out;
}

std::size_t Channels::unsent() const {
  std::size_t n = 0;
  for (const auto& [id, channel] : channels_) {
    n += channel->waiting();
    for (const auto& [key, entry] : channel->replica().pending().all()) n += entry.own ? 1 : 0;
  }
  return n;
}

LocalChannel* Channels::mine(RequestId request, std::string_view name) {
  LocalChannel* channel = find(name);
  if (channel != nullptr && channel->known().member) return channel;
  cx_->fx->event(ev::Done{request, none_of_yours(name)});
  return nullptr;
}

Status Channels::attach(std::string_view name) {
  LocalChannel* channel = find(name);
  if (channel == nullptr || !channel->known().member) return moot::fail(none_of_yours(name));
  channel->used();
  channel->want();
  return {};
}

void Channels::attach_all() {
  all_wanted_ = true;
  for (const auto& [id, channel] : channels_) {
    if (channel->known().member) channel->want();
  }
}

Result<std::uint64_t> Channels::post(std::string_view name, std::string_view body) {
  LocalChannel* channel = find(name);
  if (channel == nullptr || !channel->known().member) return moot::fail(none_of_yours(name));
  auto msg = write_text(body, std::nullopt);
  if (!msg) return std::unexpected(msg.error());
  if (msg->size() > cx_->max_msg) {
    return moot::fail("The message has " + std::to_string(msg->size()) +
                      " octets and the server takes " + std::to_string(cx_->max_msg) +
                      "; send it in parts.");
  }
  // Of one process and of the next: never the same.
  const std::uint64_t draft = std::max(last_draft_ + 1, cx_->now.wall.ms << 8);
  channel->want();
  const Status taken = channel->post(draft, std::move(*msg));
  if (!taken) return std::unexpected(taken.error());
  last_draft_ = draft;
  return draft;
}

void Channels::create(RequestId request, const New& channel) {
  const std::optional<Keeper> keeper = channel.keeper ? channel.keeper : cx_->default_keeper;
  // It can never be changed, so it is not guessed.
  if (!keeper) {
    cx_->fx->event(ev::Done{request,
                            "Say who keeps the channel, \"members\" or \"server\": what the server "
                            "is configured for is not known before the first connection."});
    return;
  }
  std::array<std::uint8_t, 10> random;
  cx_->rng.fill(random);
  asks_->add(request, c::ChCreate{.id = ChannelId::make(cx_->server_now(), random),
                                  .name = Name{channel.name},
                                  .keeper = *keeper,
                                  .visibility = channel.visibility,
                                  .history = channel.history});
}

void Channels::join(RequestId request, const ChannelId& id) {
  asks_->add(request, c::ChJoin{.id = id});
}

void Channels::enter(RequestId request, std::string_view name) {
  const std::string folded = cx_->fold(name);
  for (const auto& [id, invitation] : invitations_) {
    if (invitation.folded == folded) return join(request, id);
  }
  if (const LocalChannel* channel = find(name); channel != nullptr && channel->known().member)
    return join(request, channel->known().id);
  lists_.find(
      request, folded, [this, request, shown = std::string(name)](std::optional<ChannelId> id) {
        if (id) return join(request, *id);
        // A private one that we were invited to again.
        if (const LocalChannel* channel = find(shown)) return join(request, channel->known().id);
        cx_->fx->event(
            ev::Done{request, "The server has no open channel #" + shown +
                                  "; `moot channels` lists them, `moot create` makes one."});
      });
}

void Channels::leave(RequestId request, std::string_view name) {
  for (const auto& [id, invitation] : invitations_) {
    if (invitation.folded == cx_->fold(name)) return asks_->add(request, c::ChLeave{.id = id});
  }
  if (const LocalChannel* channel = mine(request, name))
    asks_->add(request, c::ChLeave{.id = channel->known().id});
}

void Channels::invite(RequestId request, std::string_view name, const UserId& user) {
  if (const LocalChannel* channel = mine(request, name))
    asks_->add(request, c::ChInvite{.id = channel->known().id, .user = user});
}

void Channels::kick(RequestId request, std::string_view name, const UserId& user) {
  if (const LocalChannel* channel = mine(request, name))
    asks_->add(request, c::ChKick{.id = channel->known().id, .user = user});
}

void Channels::set(RequestId request, std::string_view name,
                   const std::optional<std::string>& new_name,
                   const std::optional<std::string>& topic, const std::vector<RoleOf>& roles) {
  const LocalChannel* channel = mine(request, name);
  if (channel == nullptr) return;
  c::ChSet set{.id = channel->known().id};
  if (new_name) set.name = Name{*new_name};
  if (topic) set.topic = *topic;
  if (!roles.empty()) set.roles = roles;
  asks_->add(request, set);
}

void Channels::members(RequestId request, std::string_view name) {
  if (const LocalChannel* channel = mine(request, name))
    lists_.members(request, channel->known().id);
}

void Channels::mark_read(std::string_view name, std::uint64_t upto) {
  if (LocalChannel* channel = find(name)) channel->mark_read(upto);
}

// ---- pulls ------------------------------------------------------------------------------------

void Channels::pull(RequestId request, std::string_view name) {
  LocalChannel* channel = mine(request, name);
  if (channel == nullptr || !cx_->takes_question(pulls_.size(), request)) return;
  pulls_.push_back(
      {request, channel->known().id, channel->syncs(), cx_->now.tick + limits::kLeaderPatience});
  channel->used();
  channel->want();
  // What it finds on attaching by itself is the same question.
  if (channel->attached() && !channel->replica().sync().running()) channel->sync_now();
}

void Channels::look_after_pulls() {
  // Who is compared with leads: the patience begins when that is over, however long it takes.
  for (Pull& pull : pulls_) {
    if (channels_.at(pull.channel)->replica().sync().running())
      pull.until = cx_->now.tick + limits::kLeaderPatience;
  }
  std::erase_if(pulls_, [this](const Pull& pull) {
    const LocalChannel& channel = *channels_.at(pull.channel);
    std::string error;
    if (!channel.known().member) {
      error = none_of_yours(channel.known().name);
    } else if (channel.syncs() == pull.syncs &&
               !(channel.attached() && channel.replica().leading())) {
      if (cx_->now.tick < pull.until) return false;
      const std::string why = channel.why_waiting();
      error = "Nobody leads #" + channel.known().name + ". " + why;
    }
    cx_->fx->event(ev::Done{pull.request, error});
    return true;
  });
}

void Channels::check_invariants() const {
  for (const auto& [id, channel] : channels_) channel->check_invariants();
}

}  // namespace moot::client
