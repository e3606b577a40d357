#include "channel/channels.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "channel/channels_impl.h"
#include "crypto/sha3.h"

namespace moot {

Channels::Impl::Impl(const ChannelsConfig& config_in, const TextRules& text_in,
                     const ServerSnapshot& stored, const KeptRecords& records_in)
    : config(config_in),
      text(text_in),
      records(records_in),
      stamp_keys(stored.stamp_keys),
      membership(stored.channels),
      clock(stored.clock_mark) {
  for (const Account& account : stored.accounts) {
    if (account.state != AccountState::removed) users.insert(account.id);
  }
}

Channels::Channels(const ChannelsConfig& config, const TextRules& text,
                   const ServerSnapshot& stored, const KeptRecords& records)
    : impl_(std::make_unique<Impl>(config, text, stored, records)) {}

Channels::~Channels() = default;

void Channels::start(Now now, ChannelEffects& fx) {
  Impl& d = *impl_;
  MOOT_CHECK(d.live.empty());
  Ticket keyed;
  if (d.stamp_keys.empty()) {
    // Named by itself, so that a server that lost its key does not give the next one its name.
    const Digest256 name = sha3_256(d.config.stamp_key.bytes());
    d.stamp_keys.push_back({.id = get_be32(name.data()), .key = d.config.stamp_key});
    keyed = fx.persist(op::PutStampKey{d.stamp_keys.back()});
  }
  std::vector<ChannelId> ids;
  for (const auto& [id, roster] : d.membership.all()) ids.push_back(id);
  for (const ChannelId& id : ids) {
    const Ticket raised = d.membership.raise_epoch(id, fx);
    d.open(*d.membership.find(id)).gate = std::max(keyed, raised);
  }
  d.make_lobby(now, fx);
}

void Channels::configure(Now now, const ChannelsConfig& config, ChannelEffects& fx) {
  Impl& d = *impl_;
  const ChannelsConfig before = d.config;
  d.config = config;
  d.config.lobby_id = before.lobby_id;
  d.config.stamp_key = before.stamp_key;
  if (!before.lobby) d.make_lobby(now, fx);
}

// ---- steps on one channel --------------------------------------------------------------------

std::optional<Channels::Impl::Admitted> Channels::Impl::admit(ConnId conn, const ChannelId& channel,
                                                              Needs needs,
                                                              std::optional<MsgOrUser> about,
                                                              ChannelEffects& fx) {
  const UserId& user = user_of(conn);
  const ErrDetail detail{.channel = channel, .id = about};
  const Roster* roster = membership.find(channel);
  if (roster == nullptr) {
    fx.err(conn, Errc::not_found,
           "There is no such channel; the list of channels (CH_LST) has all.", detail);
    return std::nullopt;
  }
  if (roster->member(user) == nullptr) {
    fx.err(conn, Errc::not_member, "You are not a member of this channel; join it first (CH_JOIN).",
           detail);
    return std::nullopt;
  }
  LiveChannel& found = live.at(channel);
  if (needs == Needs::attachment && !found.here.has(conn)) {
    fx.err(conn, Errc::not_attached,
           "This connection carries no replica of the channel; attach one with CH_ATTACH.", detail);
    return std::nullopt;
  }
  return Admitted{found, *roster, user};
}

Turn Channels::Impl::turn(Now now, const ChannelId& channel, ChannelEffects& fx) {
  const Roster* roster = membership.find(channel);
  MOOT_CHECK(roster != nullptr);
  LiveChannel& l = live.at(channel);
  if (l.gate <= durable) l.gate = Ticket{};
  const UnixMs at = clock.read(now.wall, fx);
  Turn t{.now = now,
         .clock = at,
         .told = clock.told(now.wall),
         .fx = fx,
         .gate = l.gate,
         .roster = *roster,
         .here = l.here,
         .status = l.status,
         .recents = recents,
         .keys = stamp_keys,
         .msg_bytes_max = config.msg_bytes_max,
         .frame_bytes_max = config.frame_bytes_max};
  if (const Ticket marked = clock.gate(); marked > durable) t.after(marked);
  return t;
}

void Channels::Impl::settle(const Turn& t) {
  LiveChannel& l = live.at(t.id());
  if (l.keeper() && l.gate > durable) unsynced.insert(t.id());
  if (const auto due = l.status.due(); due && *due <= t.now.tick) flush_status(t);
  std::optional<Tick> at = l.status.due();
  if (const Coordinator* c = l.coordinator()) {
    if (const auto due = c->deadline(); due && (!at || *due < *at)) at = due;
  }
  if (at == l.due) return;
  if (l.due) deadlines.erase({*l.due, t.id()});
  if (at) deadlines.insert({*at, t.id()});
  l.due = at;
}

void Channels::Impl::tell_status(const Turn& t, ConnId conn) {
  const StatusText status(t.roster, t.here, live.at(t.id()).leadership(), t.told,
                          t.frame_bytes_max);
  t.send(conn, status.command());
  if (Attached* session = t.here.find(conn)) session->told_status = t.status.revision();
}

void Channels::Impl::flush_status(const Turn& t) {
  std::vector<ConnId> to;
  for (const ConnId conn : t.here.conns()) {
    Attached& session = *t.here.find(conn);
    if (session.told_status == t.status.revision()) continue;
    session.told_status = t.status.revision();
    to.push_back(conn);
  }
  if (t.status.to_members()) {
    for (const ConnId conn : conns_of_members(t.roster)) {
      if (!t.here.has(conn)) to.push_back(conn);
    }
    std::ranges::sort(to);
  }
  t.status.told(t.now.tick);
  if (to.empty()) return;
  const StatusText status(t.roster, t.here, live.at(t.id()).leadership(), t.told,
                          t.frame_bytes_max);
  t.send(to, status.command());
}

// ---- connections -----------------------------------------------------------------------------

const Connection& Channels::Impl::connection(ConnId conn) const {
  const auto* at = conns.find(conn);
  MOOT_CHECK(at != nullptr);
  return at->value;
}

Connection& Channels::Impl::connection(ConnId conn) {
  auto* at = conns.find(conn);
  MOOT_CHECK(at != nullptr);
  return at->value;
}

std::span<const ConnId> Channels::Impl::conns_of(const UserId& user) const {
  return conns_by_user.of(conns, user);
}

std::vector<ConnId> Channels::Impl::conns_of_members(const Roster& roster) const {
  std::vector<ConnId> all;
  if (conns.size() < roster.members.size()) {
    conns.for_each([&](const auto& entry) {
      if (roster.member(entry.value.user)) all.push_back(entry.key);
    });
  } else {
    for (const auto& [user, member] : roster.members) {
      const auto of = conns_of(user);
      all.insert(all.end(), of.begin(), of.end());
    }
  }
  std::ranges::sort(all);
  return all;
}

std::size_t Channels::Impl::pulls_of(ConnId conn) const {
  std::size_t n = 0;
  for (const ChannelId& id : membership.of(user_of(conn))) {
    if (const auto* c = std::get_if<Coordinator>(&live.at(id).rules)) n += c->pulls_of(conn);
  }
  return n;
}

void Channels::connected(Now now, ConnId conn, const UserId& user, ChannelEffects& fx) {
  Impl& d = *impl_;
  MOOT_CHECK(!d.conns.contains(conn));
  auto& entry = d.conns.get(conn);
  entry.value.user = user;
  d.conns_by_user.add(d.conns, entry);
  for (const ChannelId& id : d.membership.of(user)) {
    const Turn t = d.turn(now, id, fx);
    d.tell_status(t, conn);
    d.settle(t);
  }
  for (const ChannelId& id : d.membership.invitations(user)) {
    d.tell_invited(d.turn(now, id, fx), Conns(&conn, 1));
  }
}

void Channels::disconnected(Now now, ConnId conn, ChannelEffects& fx) {
  Impl& d = *impl_;
  auto* const at = d.conns.find(conn);
  if (at == nullptr) return;
  d.detach_everywhere(now, conn, fx);
  const UserId user = at->value.user;
  for (const ChannelId& id : d.membership.of(user)) {
    if (Coordinator* c = d.live.at(id).coordinator()) c->gone(conn);
  }
  d.conns_by_user.remove(d.conns, *at);
  d.conns.erase(*at);
}

void Channels::Impl::detach(const Turn& t, ConnId conn) {
  Connection& c = connection(conn);
  const auto at = c.attached().find(t.id());
  MOOT_CHECK(at != c.attached().end());
  const ReplicaId replica = at->second;
  c.attached().erase(at);
  if (std::ranges::none_of(c.attached(), [&](const auto& a) { return a.second == replica; })) {
    replicas.erase(replica);
  }
  const UserId user = c.user;
  const bool offline = t.here.detach(conn);
  if (offline) t.status.touch();
  if (Coordinator* rules = live.at(t.id()).coordinator()) rules->detached(t, conn, user, offline);
}

void Channels::Impl::detach_everywhere(Now now, ConnId conn, ChannelEffects& fx) {
  std::vector<ChannelId> ids;
  for (const auto& [id, replica] : std::as_const(*this).connection(conn).attached())
    ids.push_back(id);
  for (const ChannelId& id : ids) {
    const Turn t = turn(now, id, fx);
    detach(t, conn);
    settle(t);
  }
}

void Channels::Impl::attach(Now now, ConnId conn, const c::ChAttach& cmd, ChannelEffects& fx) {
  const auto admitted = admit(conn, cmd.id, Needs::membership, std::nullopt, fx);
  if (!admitted) return;
  std::optional<ConnId> older;  // carries this replica
  if (const auto other = replicas.find(cmd.replica);
      other != replicas.end() && other->second != conn) {
    older = other->second;
    if (user_of(*older) != admitted->user) {
      return fx.err(conn, Errc::conflict,
                    "Somebody else's replica has this id; make a new one for your store.",
                    {.channel = cmd.id});
    }
  }
  const Turn t = turn(now, cmd.id, fx);
  LiveChannel& l = admitted->live;
  const Attached* session = l.here.find(conn);
  const bool repeated = session && session->replica == cmd.replica;
  if (session && !repeated) detach(t, conn);
  if (!repeated) {
    if (!l.here.online().contains(admitted->user)) l.status.touch();
    l.here.attach(conn, {.user = admitted->user, .replica = cmd.replica, .since = now.tick});
    connection(conn).attached().emplace(cmd.id, cmd.replica);
    if (older) {
      // After the new one came: who only changes his connection is online here all the time.
      if (l.here.has(*older)) detach(t, *older);
      detach_everywhere(now, *older, fx);
      fx.disconnect(*older, DcnnCode::replaced,
                    "Another connection carries this replica now; make a new replica id if the "
                    "store was copied.");
    }
    replicas.insert_or_assign(cmd.replica, conn);
  }
  tell_status(t, conn);
  if (Coordinator* c = l.coordinator()) c->attached(t, conn, repeated);
  if (const ServerKeeper* k = l.keeper()) k->attached(t, conn);
  settle(t);
}

std::size_t Channels::attached_channels(ConnId conn) const {
  const auto* at = std::as_const(impl_->conns).find(conn);
  return at == nullptr ? 0 : at->value.attached().size();
}

// ---- commands about messages -----------------------------------------------------------------

void Channels::step(Now now, ConnId conn, const c::ChAttach& cmd, ChannelEffects& fx) {
  impl_->attach(now, conn, cmd, fx);
}

void Channels::step(Now now, ConnId conn, const c::ChMsg& cmd, ChannelEffects& fx) {
  const auto a = impl_->admit(conn, cmd.id, Impl::Needs::membership, cmd.msg_id, fx);
  if (!a) return;
  if (cmd.msg.size() > impl_->config.msg_bytes_max) {
    return fx.err(conn, Errc::too_large,
                  "The message is greater than `max_msg` of SINFO; send less at a time.",
                  {.channel = cmd.id, .id = cmd.msg_id});
  }
  const Turn t = impl_->turn(now, cmd.id, fx);
  if (Coordinator* c = a->live.coordinator()) c->message(t, conn, a->user, cmd);
  if (ServerKeeper* k = a->live.keeper()) k->message(t, conn, a->user, cmd);
  impl_->settle(t);
}

void Channels::step(Now now, ConnId conn, const c::AckChMsg& cmd, ChannelEffects& fx) {
  const auto a = impl_->admit(conn, cmd.channel, Impl::Needs::attachment, cmd.id, fx);
  if (!a) return;
  const Turn t = impl_->turn(now, cmd.channel, fx);
  if (Coordinator* c = a->live.coordinator()) c->ack(t, conn, a->user, cmd);
  if (ServerKeeper* k = a->live.keeper()) k->ack(t, conn, a->user, cmd);
  impl_->settle(t);
}

namespace {
constexpr std::string_view kServerLeads =
    "The server keeps this channel and leads it for ever; "
    "pull from it.";
}  // namespace

void Channels::step(Now now, ConnId conn, const c::ChCommit& cmd, ChannelEffects& fx) {
  const auto a = impl_->admit(conn, cmd.channel, Impl::Needs::attachment, cmd.id, fx);
  if (!a) return;
  const Turn t = impl_->turn(now, cmd.channel, fx);
  if (Coordinator* c = a->live.coordinator()) {
    c->commit(t, conn, cmd);
  } else {
    t.err(conn, Errc::not_leader, kServerLeads, {.id = cmd.id});
  }
  impl_->settle(t);
}

void Channels::step(Now now, ConnId conn, const c::ChLead& cmd, ChannelEffects& fx) {
  const auto a = impl_->admit(conn, cmd.id, Impl::Needs::attachment, std::nullopt, fx);
  if (!a) return;
  const Turn t = impl_->turn(now, cmd.id, fx);
  if (Coordinator* c = a->live.coordinator()) {
    if (c->needs_epoch() && c->leadership().leader.empty() && !c->standing()) {
      t.after(impl_->membership.raise_epoch(cmd.id, fx));
      c->new_epoch(a->roster.state.epoch);
    }
    c->lead(t, conn, a->user, cmd);
  } else {
    t.err(conn, Errc::busy, kServerLeads);
  }
  impl_->settle(t);
}

void Channels::step(Now now, ConnId conn, const c::ChVote& cmd, ChannelEffects& fx) {
  const auto a = impl_->admit(conn, cmd.id, Impl::Needs::attachment, std::nullopt, fx);
  if (!a) return;
  const Turn t = impl_->turn(now, cmd.id, fx);
  if (Coordinator* c = a->live.coordinator()) c->vote(t, a->user, cmd);
  impl_->settle(t);
}

void Channels::step(Now now, ConnId conn, const c::ChPull& cmd, ChannelEffects& fx) {
  const auto a = impl_->admit(conn, cmd.id, Impl::Needs::membership, std::nullopt, fx);
  if (!a) return;
  const Turn t = impl_->turn(now, cmd.id, fx);
  if (Coordinator* c = a->live.coordinator()) {
    if (!c->has_routed(conn, cmd.req) && impl_->pulls_of(conn) >= limits::kPullsPerConn) {
      t.err(conn, Errc::busy, "Too many pulls of this connection wait; finish one first.",
            {.retry_ms = 1'000});
    } else {
      c->pull(t, conn, a->user, cmd);
    }
  }
  if (ServerKeeper* k = a->live.keeper()) k->pull(t, conn, a->user, cmd);
  impl_->settle(t);
}

void Channels::step(Now now, ConnId conn, const c::ChAppend& cmd, ChannelEffects& fx) {
  const auto a = impl_->admit(conn, cmd.id, Impl::Needs::attachment, std::nullopt, fx);
  if (!a) return;
  const Turn t = impl_->turn(now, cmd.id, fx);
  if (Coordinator* c = a->live.coordinator()) {
    c->append(t, conn, cmd);
  } else {
    t.err(conn, Errc::not_leader, kServerLeads);
  }
  impl_->settle(t);
}

void Channels::step(Now now, ConnId conn, const c::ChMerge& cmd, ChannelEffects& fx) {
  const auto a = impl_->admit(conn, cmd.id, Impl::Needs::attachment, std::nullopt, fx);
  if (!a) return;
  const Turn t = impl_->turn(now, cmd.id, fx);
  if (Coordinator* c = a->live.coordinator()) c->merge(t, conn, a->user, cmd);
  if (ServerKeeper* k = a->live.keeper()) k->merge(t, conn, cmd);
  impl_->settle(t);
}

void Channels::step(Now now, ConnId conn, const c::ChAckReq& cmd, ChannelEffects& fx) {
  const auto a = impl_->admit(conn, cmd.channel, Impl::Needs::attachment, cmd.id, fx);
  if (!a) return;
  const Turn t = impl_->turn(now, cmd.channel, fx);
  if (Coordinator* c = a->live.coordinator()) {
    c->ack_request(t, conn, cmd);
  } else {
    t.err(conn, Errc::not_leader, kServerLeads, {.id = cmd.id});
  }
  impl_->settle(t);
}

// ---- time and disk ---------------------------------------------------------------------------

void Channels::committed(Now, Ticket upto, ChannelEffects&) {
  Impl& d = *impl_;
  if (upto <= d.durable) return;
  d.durable = upto;
  d.clock.committed(upto);
  for (auto it = d.unsynced.begin(); it != d.unsynced.end();) {
    const auto found = d.live.find(*it);
    if (found == d.live.end()) {
      it = d.unsynced.erase(it);
      continue;
    }
    found->second.keeper()->committed(upto);
    it = found->second.gate <= upto ? d.unsynced.erase(it) : std::next(it);
  }
}

std::optional<Tick> Channels::next_deadline() const {
  if (impl_->deadlines.empty()) return std::nullopt;
  return impl_->deadlines.begin()->first;
}

void Channels::tick(Now now, ChannelEffects& fx) {
  Impl& d = *impl_;
  std::vector<ChannelId> due;
  for (const auto& [at, id] : d.deadlines) {
    if (at > now.tick) break;
    due.push_back(id);
  }
  for (const ChannelId& id : due) {
    const Turn t = d.turn(now, id, fx);
    if (Coordinator* c = d.live.at(id).coordinator()) c->tick(t);
    d.settle(t);
  }
}

// ---- looking ---------------------------------------------------------------------------------

std::size_t Channels::size() const { return impl_->live.size(); }

std::optional<ChannelId> Channels::find(std::string_view name) const {
  return impl_->membership.by_name(impl_->text.fold(name));
}

ChannelReport Channels::Impl::report(const Roster& roster) const {
  const LiveChannel& l = live.at(roster.state.id);
  const Leadership lead = l.leadership();
  ChannelReport r{.state = roster.state,
                  .online = l.here.online().list(),
                  .leader = lead.leader,
                  .status = status_of(roster, l.here, lead),
                  .election = lead.election};
  for (const auto& [user, member] : roster.members) r.members.push_back(member);
  if (const auto* c = std::get_if<Coordinator>(&l.rules)) r.in_flight = c->in_flight();
  if (const auto* k = std::get_if<ServerKeeper>(&l.rules)) r.records = k->records();
  return r;
}

ChannelCensus Channels::census() const {
  ChannelCensus n;
  for (const auto& [id, roster] : impl_->membership.all()) {
    const LiveChannel& l = impl_->live.at(id);
    const Leadership lead = l.leadership();
    ++n.by_status[static_cast<std::size_t>(status_of(roster, l.here, lead))];
    n.attached += l.here.sessions().size();
    if (const auto* c = std::get_if<Coordinator>(&l.rules)) {
      n.led += lead.leader.empty() ? 0 : 1;
      n.standing += c->standing() ? 1 : 0;
      n.in_flight += c->in_flight();
    }
  }
  return n;
}

std::vector<ChannelReport> Channels::report() const {
  std::vector<ChannelReport> all;
  for (const auto& [id, roster] : impl_->membership.all()) all.push_back(impl_->report(roster));
  return all;
}

std::optional<ChannelReport> Channels::report(const ChannelId& channel) const {
  const Roster* roster = impl_->membership.find(channel);
  if (!roster) return std::nullopt;
  return impl_->report(*roster);
}

std::vector<RecordKey> Channels::in_flight(const ChannelId& channel) const {
  std::vector<RecordKey> keys;
  const auto at = impl_->live.find(channel);
  const auto* c = at == impl_->live.end() ? nullptr : std::get_if<Coordinator>(&at->second.rules);
  if (c == nullptr) return keys;
  for (const auto& [id, message] : c->messages().all()) keys.push_back(message.record.key());
  return keys;
}

std::vector<UserId> Channels::asked(const ChannelId& channel, const RecordKey& key) const {
  const auto at = impl_->live.find(channel);
  const auto* c = at == impl_->live.end() ? nullptr : std::get_if<Coordinator>(&at->second.rules);
  const Inflight* message = c == nullptr ? nullptr : c->messages().find(key.id);
  if (message == nullptr || message->record.key() != key) return {};
  return message->asked.list();
}

std::vector<UserId> Channels::peers(const UserId& user) const {
  UserSet all;
  for (const ChannelId& id : impl_->membership.of(user)) {
    const Roster& roster = *impl_->membership.find(id);
    if (roster.is_lobby()) continue;
    for (const auto& [member, m] : roster.members) {
      if (member != user) all.insert(member);
    }
  }
  return all.list();
}

bool Channels::share_channel(const UserId& a, const UserId& b) const {
  return std::ranges::any_of(impl_->membership.of(a), [&](const ChannelId& id) {
    const Roster& roster = *impl_->membership.find(id);
    return !roster.is_lobby() && roster.member(b) != nullptr;
  });
}

void Channels::check_invariants() const {
  const Impl& d = *impl_;
  d.membership.check_invariants();
  d.recents.check_invariants();
  MOOT_CHECK(d.live.size() == d.membership.all().size());
  std::size_t sessions = 0;
  std::size_t due = 0;
  for (const auto& [id, l] : d.live) {
    const Roster* roster = d.membership.find(id);
    MOOT_CHECK(roster != nullptr);
    l.here.check_invariants();
    for (const auto& [conn, session] : l.here.sessions()) {
      const Connection& c = d.connection(conn);
      MOOT_CHECK(c.user == session.user);
      MOOT_CHECK(c.attached().at(id) == session.replica);
      MOOT_CHECK(d.replicas.at(session.replica) == conn);
      MOOT_CHECK(roster->member(session.user) != nullptr);
    }
    sessions += l.here.sessions().size();
    due += l.due.has_value();
    if (const auto* c = std::get_if<Coordinator>(&l.rules)) c->check_invariants(*roster, l.here);
    if (const auto* k = std::get_if<ServerKeeper>(&l.rules)) k->check_invariants(*roster);
  }
  d.conns.for_each([&](const auto& entry) {
    sessions -= entry.value.attached().size();
    const auto of = d.conns_of(entry.value.user);
    MOOT_CHECK(std::ranges::find(of, entry.key) != of.end());
  });
  MOOT_CHECK(sessions == 0 && due == d.deadlines.size());
}

}  // namespace moot
