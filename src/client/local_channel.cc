#include "client/local_channel.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/counted.h"
#include "client/content.h"

namespace moot::client {
namespace {

ReplicaConfig config_of(Context& cx, const KnownChannel& known) {
  return {.channel = known.id,
          .self = cx.self,
          .replica = known.replica,
          .seed = cx.rng.next(),
          .since = {}};
}

ReplicaId new_replica_id(Rng& rng) {
  ReplicaId id;
  rng.fill(id.octets);
  return id;
}

}  // namespace

LocalChannel::LocalChannel(Context& cx, const RecordReader& reader, StoredChannel stored)
    : cx_(&cx),
      state_{.known = std::move(stored.channel)},
      replica_(config_of(cx, state_.known), reader, std::move(stored.replica)) {
  for (const auto& [key, entry] : replica_.pending().all()) {
    if (entry.own) own_.insert(key);
  }
}

ChannelState LocalChannel::state() const {
  ChannelState s = state_;
  s.attached = attached_;
  s.leading = attached_ && replica_.leading();
  s.synced = attached_ && replica_.synced();
  return s;
}

void LocalChannel::changed() { cx_->fx->event(ev::ChannelChanged{state()}); }

// ---- the connection ---------------------------------------------------------------------------

void LocalChannel::want() {
  wanted_ = true;
  if (attached_ || !cx_->open || !here()) return;
  attached_ = true;
  replica_.connected(cx_->now, cx_->max_frame, *this);
  changed();
}

void LocalChannel::keep_known(const s::ChStatus& status) {
  KnownChannel known = state_.known;
  known.name = status.name.text;
  known.folded = cx_->fold(known.name);
  known.keeper = status.keeper;
  known.topic = status.topic;
  known.member = true;
  if (known == state_.known) return;
  state_.known = std::move(known);
  cx_->put(cop::PutChannel{state_.known});
}

void LocalChannel::on(const s::ChStatus& status) {
  keep_known(status);
  state_.status = status.status;
  state_.leader = status.leader ? std::optional(*status.leader) : std::nullopt;
  state_.election = status.election;
  state_.min = status.min;
  state_.members.clear();
  state_.online.clear();
  state_.roles.clear();
  if (status.members) state_.members.assign(status.members->begin(), status.members->end());
  if (status.online) state_.online.assign(status.online->begin(), status.online->end());
  for (const auto& r : status.roles) state_.roles.emplace_back(r.user, r.role);
  state_.members_n = status.members_n.value_or(state_.members.size());
  state_.online_n = status.online_n.value_or(state_.online.size());
  state_.invited = false;
  replica_.step(cx_->now, status, *this);
  changed();
  // What is ours goes as soon as it can, whoever asked for it then.
  if (wanted_ || !waiting_.empty() || !own_.empty()) want();
}

void LocalChannel::give(const s::Any& cmd) {
  if (std::holds_alternative<s::ChAppend>(cmd) || std::holds_alternative<s::Err>(cmd)) {
    pull_unanswered_ = false;
  }
  if (attached_) replica_.step(cx_->now, cmd, *this);
}

void LocalChannel::attach_refused(std::string_view why) {
  lost();
  cx_->fx->event(ev::Notice{why});
}

void LocalChannel::left(std::string_view reason) {
  lost();
  wanted_ = false;
  if (!state_.known.member) return;
  state_.known.member = false;
  cx_->put(cop::PutChannel{state_.known});
  cx_->fx->event(ev::ChannelLeft{state(), reason});
}

void LocalChannel::lost() {
  state_.status.reset();
  state_.leader.reset();
  state_.online.clear();
  state_.online_n = 0;
  if (!std::exchange(attached_, false)) return;
  need_.clear();
  pull_.reset();
  pull_unanswered_ = false;
  replica_.disconnected(cx_->now, *this);
}

void LocalChannel::renew() {
  state_.known.replica = new_replica_id(cx_->rng);
  cx_->put(cop::PutChannel{state_.known});
}

// ---- disk and time ----------------------------------------------------------------------------

void LocalChannel::stored() {
  while (!handed_over_.empty() && handed_over_.front().ticket <= cx_->on_disk()) {
    const Ticket durable = handed_over_.front().replica;
    handed_over_.pop_front();
    replica_.durable(cx_->now, durable, *this);
  }
  while (!untold_.empty() && untold_.front().ticket <= cx_->on_disk()) {
    const Untold u = untold_.front();
    untold_.pop_front();
    if (u.key) {
      // Committed or renumbered by now: told as that already.
      if (const PendingEntry* entry = replica_.pending().find(*u.key))
        cx_->fx->event(pending_post(*entry));
      continue;
    }
    const auto still = std::ranges::find(waiting_, u.draft, &WaitingText::n);
    if (still != waiting_.end()) cx_->fx->event(waiting_post(*still, why_waiting()));
  }
}

void LocalChannel::tick() {
  if (pull_) replica_.pull_left(cx_->now);  // it has not: no answer is late
  const auto due = replica_.next_deadline();
  if (due && *due <= cx_->now.tick) replica_.tick(cx_->now, *this);
}

Tick LocalChannel::next_tick() const {
  Tick next{std::numeric_limits<std::int64_t>::max()};
  if (const auto due = replica_.next_deadline()) next = *due;
  if (hold_until_) next = std::min(next, *hold_until_);
  return next;
}

void LocalChannel::end_step(bool now) {
  compose_waiting();
  if (held_.empty()) return;
  const bool due = now || held_urgent_ || held_.size() >= limits::kHeldOps ||
                   (hold_until_ && *hold_until_ <= cx_->now.tick);
  if (!due) {
    if (!hold_until_) hold_until_ = cx_->now.tick + limits::kCommitMarkDelay;
    return;
  }
  cx_->put(cop::ReplicaOps{state_.known.id, std::exchange(held_, {})});
  handed_over_.push_back({cx_->step_ticket(), held_ticket_});
  held_urgent_ = false;
  hold_until_.reset();
}

void LocalChannel::send(const c::Any& cmd) {
  if (!cx_->open) return;
  if (const auto* pull = std::get_if<c::ChPull>(&cmd)) {
    pull_.reset();  // only the last question is in flight
    if (counted(*pull)) {
      pull_.emplace(cmd);
      return;
    }
    pull_unanswered_ = true;
  }
  cx_->send(cmd);
}

// The server's rule (protocol.md 10), and never less: the following pages of a synchronisation are
// free, as long as each comes after an answer.
bool LocalChannel::counted(const c::ChPull& pull) {
  return pull.fp.has_value() || pull_unanswered_;
}

bool LocalChannel::goes_before(const LocalChannel& other) const {
  if (used_ != other.used_) return used_ > other.used_;
  return replica_.history().newest_id() > other.replica_.history().newest_id();
}

void LocalChannel::send_pull() {
  const Kept<c::Any> pull = *std::exchange(pull_, std::nullopt);
  if (!replica_.sync().running()) return;  // nobody leads any more
  pull_unanswered_ = true;
  cx_->lists.spend(cx_->now.tick);
  cx_->send(pull.any());
  replica_.pull_left(cx_->now);
}

void LocalChannel::persist(std::span<const rop::Any> ops, Ticket ticket, bool urgent) {
  for (const rop::Any& op : ops) {
    cop::ReplicaOps::Op o{op, {}, false};
    if (const auto* put = std::get_if<rop::PutCommitted>(&op)) {
      const Content content = read_content(put->record.msg);
      if (content.kind == Content::Kind::text) o.folded = cx_->fold(content.text);
      o.late = late_.erase(put->record.key()) > 0;
    }
    held_.push_back(std::move(o));
  }
  held_ticket_ = ticket;
  held_urgent_ = held_urgent_ || urgent;
}

// ---- the user ---------------------------------------------------------------------------------

Status LocalChannel::post(std::uint64_t n, ByteBuf msg) {
  used();
  if (waiting_.size() >= limits::kWaitingTexts)
    return moot::fail("Too many messages wait for #" + state_.known.name + "; " + why_waiting());
  waiting_.push_back({n, state_.known.id, std::move(msg)});
  compose_waiting();
  if (waiting_.empty() || waiting_.back().n != n) return {};
  cx_->put(cop::PutWaiting{waiting_.back()});
  untold_.push_back({cx_->step_ticket(), n, std::nullopt});
  return {};
}

void LocalChannel::compose_waiting() {
  while (!waiting_.empty() && own_.size() < limits::kOwnInFlight && replica_.can_send()) {
    const WaitingText& first = waiting_.front();
    composing_ = first.n;
    const auto key = replica_.compose(cx_->now, first.msg, *this);
    composing_ = 0;
    if (!key) return;
    // Gone from here in the same transaction that puts it into P.
    cx_->put(cop::DropWaiting{first.n});
    held_urgent_ = true;
    untold_.push_back({cx_->step_ticket(), first.n, *key});
    waiting_.pop_front();
  }
}

void LocalChannel::mark_read(std::uint64_t upto) {
  used();
  state_.known.read_seq = std::max(state_.known.read_seq, upto);
  cx_->put(cop::MarkChannelRead{state_.known.id, upto});
}

void LocalChannel::sync_now() { replica_.sync_now(cx_->now, *this); }

std::string LocalChannel::why_waiting() const {
  if (!state_.known.member) return "You are no member of #" + state_.known.name + " any more.";
  if (!cx_->open) return "There is no connection to the server; it goes with the next one.";
  if (!here() || !attached_) return "#" + state_.known.name + " is not open here yet.";
  if (replica_.can_send()) return {};
  if (state_.status == ChannelStatus::few && state_.online_n < state_.min) {
    return moot::counted(state_.min - state_.online_n, "more person", "more people") +
           " must be online in #" + state_.known.name + ": " + std::to_string(state_.online_n) +
           " of " + std::to_string(state_.min) + " are.";
  }
  return "The members of #" + state_.known.name + " are electing a leader.";
}

// ---- what is told -----------------------------------------------------------------------------

void LocalChannel::tell(const note::Any& what) {
  std::visit([this](const auto& n) { told(n); }, what);
}

std::uint64_t LocalChannel::draft_of(const RecordKey& key) const {
  const auto it = drafts_.find(key);
  return it == drafts_.end() ? 0 : it->second;
}

ev::Post LocalChannel::post_of(const StoredRecord& record, ev::Post::State state) const {
  return {.channel = state_.known,
          .state = state,
          .key = record.key(),
          .draft = draft_of(record.key()),
          .from = record.from,
          .msg = record.msg,
          .at = record.id.time(),
          .acks = record.acks.list,
          .acks_n = record.acks.n,
          .conflict = conflict_ == record.id};
}

ev::Post LocalChannel::pending_post(const PendingEntry& entry) const {
  ev::Post post = post_of(entry.record, ev::Post::State::pending);
  const auto need = need_.find(entry.record.key());
  if (need != need_.end()) post.need = need->second;
  return post;
}

ev::Post LocalChannel::waiting_post(const WaitingText& text, std::string_view why) const {
  return {.channel = state_.known,
          .state = ev::Post::State::waiting,
          .key = {},
          .draft = text.n,
          .from = cx_->self,
          .msg = text.msg,
          .at = cx_->server_now(),
          .acks = {},
          .why = why};
}

void LocalChannel::told(const note::Pending& n) {
  const RecordKey key = n.record.key();
  if (n.own) {
    own_.insert(key);
    if (composing_ != 0) drafts_[key] = composing_;
    return;  // told when it is on disk, or with the id it has got instead
  }
  cx_->fx->event(post_of(n.record, ev::Post::State::pending));
}

void LocalChannel::told(const note::Acked& n) {
  const PendingEntry* entry = replica_.pending().find(n.key);
  if (entry == nullptr) return;
  need_[n.key] = n.need;
  cx_->fx->event(pending_post(*entry));
}

void LocalChannel::told(const note::Committed& n) {
  const RecordKey key = n.record.key();
  if (n.late) late_.insert(key);
  if (n.way != note::Way::pulled || own_.contains(key)) {
    ev::Post post = post_of(n.record, ev::Post::State::committed);
    post.late = n.late;
    cx_->fx->event(post);
  }
  forget_own(key);
}

void LocalChannel::told(const note::MoreAcks& n) {
  ev::Post post = post_of(n.record, ev::Post::State::committed);
  post.again = true;
  cx_->fx->event(post);
}

void LocalChannel::told(const note::Conflict& n) { conflict_ = n.id; }

void LocalChannel::told(const note::Leader& n) {
  state_.leader = n.leader ? std::optional(*n.leader) : std::nullopt;
  state_.election = n.election;
  cx_->fx->event(ev::LeaderChanged{state()});
}

void LocalChannel::told(const note::Standing& n) {
  state_.election = n.election;
  cx_->fx->event(ev::Standing{state(), n.candidate});
}

void LocalChannel::told(const note::SyncProgress& n) {
  // While pages follow one another, nobody says how many there are.
  const std::uint64_t all = n.at ? 0 : n.records + n.differences;
  cx_->fx->event(ev::SyncProgress{state_.known, n.records, all});
}

void LocalChannel::told(const note::Synced&) {
  ++syncs_;
  cx_->fx->event(ev::Synced{state_.known});
}

void LocalChannel::told(const note::Refused& n) {
  const PendingEntry* entry = replica_.pending().find(n.now_as.value_or(n.key));
  if (n.now_as) {
    const std::uint64_t draft = draft_of(n.key);
    forget_own(n.key);
    own_.insert(*n.now_as);
    if (draft != 0) drafts_[*n.now_as] = draft;
    if (entry != nullptr) untold_.push_back({cx_->step_ticket(), draft, *n.now_as});
    return;
  }
  if (n.gone) {
    ev::Post post{.channel = state_.known,
                  .state = ev::Post::State::failed,
                  .key = n.key,
                  .draft = draft_of(n.key),
                  .from = cx_->self,
                  .msg = {},
                  .at = n.key.id.time(),
                  .acks = {},
                  .why = "The server takes no message as long as this one; send it in parts."};
    cx_->fx->event(post);
    return forget_own(n.key);
  }
  if (entry == nullptr) return;
  ev::Post post = pending_post(*entry);
  const std::string why = "The server did not take it yet (" + std::string(text(n.code)) +
                          "); it is sent again by itself.";
  post.why = why;
  cx_->fx->event(post);
}

void LocalChannel::forget_own(const RecordKey& key) {
  own_.erase(key);
  drafts_.erase(key);
  need_.erase(key);
}

void LocalChannel::check_invariants() const {
  replica_.check_invariants();
  for (const RecordKey& key : own_) {
    const PendingEntry* entry = replica_.pending().find(key);
    MOOT_CHECK(entry != nullptr && entry->own);
  }
  for (std::size_t i = 1; i < waiting_.size(); ++i) {
    MOOT_CHECK(waiting_[i - 1].n < waiting_[i].n);
  }
}

}  // namespace moot::client
