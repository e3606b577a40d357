#include "sim/ghost.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "channel/record.h"

namespace moot::sim {
namespace {
// The shortest pause between two proposals of one message: 5 s, 20 % less for luck.
constexpr std::int64_t kProposalPauseUs = 3'950'000;

std::string named(const RecordKey& key) { return text(key.id); }
}  // namespace

UserId user_id(unsigned number) { return UserId::parse("u" + std::to_string(number)).value(); }

unsigned user_number(const UserId& user) {
  const std::string_view t = user.str();
  unsigned n = 31;
  if (t.size() > 1 && t[0] == 'u') std::from_chars(t.data() + 1, t.data() + t.size(), n);
  return std::min(n, 31u);
}

void Ghost::fail(std::string_view invariant, std::string what) {
  if (!failure_) failure_ = Failure{std::string(invariant), std::move(what)};
}

Ghost::Mask Ghost::users_of(Conns to) const {
  Mask mask = 0;
  for (const ConnId conn : to) mask |= Mask{1} << conn_users_.at(conn.n);
  return mask;
}

RecordKey Ghost::key_of(const MsgId& id, const UserId& from, Bytes msg) const {
  return {id, record_digest(channel_, id, from, msg)};
}

bool Ghost::committed(const RecordKey& key) const {
  const auto at = facts_.find(key);
  return at != facts_.end() && at->second.committed;
}

void Ghost::preload(const StoredRecord& record) {
  Fact& fact = facts_[record.key()];
  fact.sent = true;
  fact.author = user_number(record.from);
  fact.committed = true;
  fact.stamp = record.stamp;
  fact.shown_ms = record.id.time().ms;
}

// ---- the server --------------------------------------------------------------------------------

void Ghost::begins(const ServerSnapshot& disk) {
  joined_.clear();
  for (const ChannelSnapshot& c : disk.channels) {
    since_join_ = c.channel.history == History::since_join;
    for (const ChannelMember& m : c.members) joined_[user_number(m.user)] = m.joined;
  }
}

void Ghost::persists(const op::Any& op) {
  if (const auto* put = std::get_if<op::PutMember>(&op)) {
    joined_[user_number(put->member.user)] = put->member.joined;
  } else if (const auto* gone = std::get_if<op::RemoveMember>(&op)) {
    joined_.erase(user_number(gone->user));
  }
}

MsgId Ghost::sees_from(unsigned user) const {
  constexpr std::uint64_t kBeforeMs = 120'000;
  const auto at = joined_.find(user);
  if (!since_join_ || at == joined_.end() || at->second.ms <= kBeforeMs) return {};
  return MsgId::make({at->second.ms - kBeforeMs}, std::array<std::uint8_t, 10>{});
}

bool Ghost::may_see(unsigned user, const MsgId& id, unsigned author) const {
  return joined_.contains(user) && (user == author || sees_from(user) <= id);
}

// S9: nobody is sent what he may not see, but what he brings himself (protocol.md 6.3).
void Ghost::check_sight(const Handling& now, Conns to, const s::Any& cmd) {
  const bool brings = now.cmd == c::ChMsg::kTable.name || now.cmd == c::ChMerge::kTable.name;
  const auto shown = [&](const RecordKey& key, unsigned author) {
    for (const ConnId conn : to) {
      const unsigned user = conn_users_.at(conn.n);
      if (may_see(user, key.id, author)) continue;
      if (brings && conn == now.conn && std::ranges::count(in_hand_, key) > 0) continue;
      fail("S9", "u" + std::to_string(user) + " is sent what he may not see: " + named(key));
    }
  };
  const auto named_only = [&](const RecordKey& key) {
    const auto fact = facts_.find(key);
    if (fact != facts_.end() && fact->second.sent) shown(key, fact->second.author);
  };
  const auto page = [&](const auto& records) {
    for (const auto& r : records) shown({r.id, {}}, user_number(r.from));
  };
  if (const auto* msg = std::get_if<s::ChMsg>(&cmd)) {
    shown(key_of(msg->msg_id, msg->from, msg->msg), user_number(msg->from));
  } else if (const auto* commit = std::get_if<s::ChMsgCommit>(&cmd)) {
    named_only({commit->id, commit->digest});
  } else if (const auto* ask = std::get_if<s::ChMsgConfirm>(&cmd)) {
    named_only({ask->message, ask->digest});
  } else if (const auto* append = std::get_if<s::ChAppend>(&cmd)) {
    page(append->messages);
  } else if (const auto* merge = std::get_if<s::ChMerge>(&cmd)) {
    page(merge->msg);
  }
}

void Ghost::handles(std::int64_t, ConnId conn, const c::ChMsg& cmd) {
  const UserId user = user_id(conn_users_.at(conn.n));
  in_hand_.assign(1, key_of(cmd.msg_id, cmd.from.value_or(user), cmd.msg));
  if (cmd.from && *cmd.from != user) return;
  Fact& fact = facts_[in_hand_.front()];
  fact.sent = true;
  fact.author = user_number(user);
}

void Ghost::handles(std::int64_t, ConnId conn, const c::ChMerge& cmd) {
  in_hand_.clear();
  for (const MergeRecord& record : cmd.msg) {
    in_hand_.push_back(key_of(record.id, record.from, record.msg));
    claims_[in_hand_.back()].claimants |= Mask{1} << conn_users_.at(conn.n);
  }
}

void Ghost::handles(std::int64_t, ConnId conn, const c::AckChMsg& cmd) {
  const auto claim = claims_.find({cmd.id, cmd.digest});
  if (claim == claims_.end()) return;
  if (claim->second.claimants != Mask{1} << conn_users_.at(conn.n)) claim->second.confirmed = true;
}

void Ghost::asked(const RecordKey& key, Users users) {
  const auto at = facts_.find(key);
  if (at == facts_.end()) return;
  at->second.counted_on = 0;
  for (const UserId& user : users) at->second.counted_on |= Mask{1} << user_number(user);
}

// Any other reason to wait ends with the election under way.
void Ghost::told_to_wait(std::int64_t us, ConnId conn, std::uint64_t ms) {
  constexpr std::int64_t kElectionMs = Millis(limits::kElectionTimeout).count();
  constexpr std::int64_t kRefusedUs = Millis(limits::kRefusedFor).count() * 1'000;
  const auto wait = static_cast<std::int64_t>(ms);
  if (wait <= kElectionMs) return;
  const auto at = refused_at_.find(conn);
  if (at == refused_at_.end() || us + wait * 1'000 > at->second + kRefusedUs + 1'000) {
    fail("L1", "c" + std::to_string(conn.n) + " is refused for another " + std::to_string(wait) +
                   " ms" +
                   (at == refused_at_.end()
                        ? " and never lost"
                        : ", " + std::to_string((us - at->second) / 1'000) + " ms after it lost"));
  }
}

void Ghost::decides(std::int64_t us, const Handling& now, Conns to, const s::Any& cmd) {
  check_sight(now, to, cmd);
  if (const auto* msg = std::get_if<s::ChMsg>(&cmd)) {
    relayed(us, now, to, *msg);
  } else if (const auto* commit = std::get_if<s::ChMsgCommit>(&cmd)) {
    commits(us, now, *commit);
  } else if (const auto* ack = std::get_if<s::ChMsgAck>(&cmd)) {
    Fact& fact = facts_[{ack->id, ack->digest}];
    fact.acked |= Mask{1} << user_number(ack->user);
    if (ack->need == 0 && fact.in_flight && !fact.quorum) {
      fact.quorum = true;
      ++quorums_;
    }
  } else if (const auto* elected = std::get_if<s::ChElected>(&cmd)) {
    if (!elected->you.value_or(false)) return;
    if (leader_election_ != elected->election) claims_.clear();
    leader_conn_ = to.front();
    leader_election_ = elected->election;
  } else if (const auto* gone = std::get_if<s::ChUleave>(&cmd)) {
    left(user_number(gone->user));
  } else if (const auto* status = std::get_if<s::ChStatus>(&cmd)) {
    if (status->leader || leader_conn_.n == 0 || now.cmd == "CH_LEAVE" || now.cmd == "CH_KICK") {
      return;
    }
    leader_conn_ = {};
  }
}

void Ghost::relayed(std::int64_t us, const Handling& now, Conns to, const s::ChMsg& cmd) {
  const RecordKey key = key_of(cmd.msg_id, cmd.from, cmd.msg);
  Fact& fact = facts_[key];
  if (!fact.sent) {
    return fail("S1", "the server relays what " + std::string(cmd.from.str()) +
                          " never sent: " + named(key));
  }
  if (fact.stamp.empty()) {
    fact.stamp.assign(cmd.stamp.begin(), cmd.stamp.end());
    fact.shown_ms = cmd.sent;
  } else if (!equal(fact.stamp, cmd.stamp) || fact.shown_ms != cmd.sent) {
    return fail("S2", "two stamps or two times of one message: " + named(key));
  }
  const bool hidden = std::ranges::any_of(
      joined_, [&](const auto& m) { return !may_see(m.first, cmd.msg_id, fact.author); });
  if (hidden) counters_.hit(Sometimes::hidden_from_late);
  if (cmd.committed.value_or(false)) return;
  if (cmd.merged.value_or(false)) {
    fact.merged_step = now.step;
    if (fact.decided && now.cmd != "CH_COMMIT") counters_.hit(Sometimes::told_again);
    return;
  }
  if (!fact.in_flight) {
    fact.in_flight = true;
    ++in_flight_;
    fact.acked = 0;
    fact.asked = users_of(to);
    fact.reached = fact.asked;
    fact.asked_again = false;
    fact.quorum = false;
    fact.relayed_at = us;
    return;
  }
  fact.reached |= users_of(to);
  const bool replay = now.cmd == "CH_ATTACH" && to.size() == 1 && to.front() == now.conn &&
                      fact.replayed_step != now.step;
  if (replay) {
    fact.replayed_step = now.step;
  } else {
    fact.asked_again = true;
    counters_.hit(Sometimes::asked_again);
  }
}

void Ghost::commits(std::int64_t us, const Handling& now, const s::ChMsgCommit& cmd) {
  const RecordKey key{cmd.id, cmd.digest};
  Fact& fact = facts_[key];
  if (now.cmd != "CH_COMMIT") {
    if (!fact.decided) fail("S7", "a commit that no leader asked for: " + named(key));
    return;
  }
  if (now.conn != leader_conn_ || cmd.election != leader_election_) {
    return fail("S7", "a commit of " + std::to_string(cmd.election) + " while " +
                          std::to_string(leader_election_) + " runs: " + named(key));
  }
  if (!fact.sent) return fail("S1", "commit of what nobody sent: " + named(key));
  if (fact.merged_step == now.step) {
    const auto claim = claims_.find(key);
    if (claim == claims_.end() || !claim->second.confirmed) {
      return fail("S3",
                  "merged without a confirmation of another than who claims it: " + named(key));
    }
    claims_.erase(claim);
    counters_.hit(Sometimes::merge_confirmed);
  } else {
    check_quorum(us, key, fact, cmd.acks);
    counters_.hit(Sometimes::committed);
  }
  if (fact.quorum) --quorums_;
  if (fact.in_flight) --in_flight_;
  fact.in_flight = false;
  fact.quorum = false;
  fact.decided = true;
  ++commits_;
}

void Ghost::check_quorum(std::int64_t us, const RecordKey& key, const Fact& fact, Users acks) {
  Mask acked = 0;
  for (const UserId& user : acks) acked |= Mask{1} << user_number(user);
  // Whom a second round asks is the server's choice among those who are here and answer: of members
  // to whom it sent the message, or who have it.
  constexpr std::int64_t kAskedAgainUs = Millis(limits::kInflightTimeout).count() * 1'000;
  const bool again = fact.asked_again || us - fact.relayed_at >= kAskedAgainUs;
  Mask members = 0;
  for (const auto& [user, since] : joined_) members |= Mask{1} << user;
  const Mask asked = again ? fact.counted_on & members : fact.asked;
  if ((asked & ~(fact.reached | fact.acked)) != 0) {
    return fail("S3", "counts on members whom it was never sent: " + named(key));
  }
  const int need = static_cast<int>(quorum(static_cast<unsigned>(std::popcount(asked))));
  if (std::popcount(acked & asked) < need) {
    return fail("S3", "committed with " + std::to_string(std::popcount(acked & asked)) +
                          " acknowledgements of those asked, " + std::to_string(need) +
                          " are a quorum: " + named(key));
  }
  for (unsigned user = 0; user < 31; ++user) {
    if ((acked >> user & 1) == 0 || on_disk_of(user, key)) continue;
    return fail("S3", "u" + std::to_string(user) + " counts and has it on no disk: " + named(key));
  }
}

bool Ghost::on_disk_of(unsigned user, const RecordKey& key) const {
  return std::ranges::any_of(devices_, [&](const auto& d) {
    return d->user == user && (d->forger || d->liar || d->lost.contains(key) || d->holds(key));
  });
}

void Ghost::leaves(Conns to, const s::Any& cmd) {
  if (const auto* elect = std::get_if<s::ChElected>(&cmd)) {
    elected(to, *elect);
  } else if (const auto* commit = std::get_if<s::ChMsgCommit>(&cmd)) {
    facts_[{commit->id, commit->digest}].committed = true;
  } else if (const auto* msg = std::get_if<s::ChMsg>(&cmd)) {
    if (!msg->committed.value_or(false)) return;
    const RecordKey key = key_of(msg->msg_id, msg->from, msg->msg);
    if (!kept_.all(channel_).contains(key)) {
      return fail("S3", "the server shows what is not on its disk: " + named(key));
    }
    Fact& fact = facts_[key];
    if (!fact.committed) ++commits_;
    fact.committed = true;
  }
}

void Ghost::elected(Conns to, const s::ChElected& cmd) {
  const bool fresh = !terms_.contains(cmd.election);
  if (fresh && !terms_.empty() && cmd.election < terms_.rbegin()->first) {
    return fail("S5", "election " + std::to_string(cmd.election) + " after " +
                          std::to_string(terms_.rbegin()->first));
  }
  Term& term = terms_[cmd.election];
  if (fresh) {
    term.leader = cmd.leader;
    counters_.hit(terms_.size() == 1 ? Sometimes::elected : Sometimes::another_led);
    const MsgId from = sees_from(user_number(cmd.leader));
    const auto earlier = [&](const auto& m) { return sees_from(m.first) < from; };
    if (std::ranges::any_of(joined_, earlier)) counters_.hit(Sometimes::leader_joined_late);
  }
  if (term.leader != cmd.leader) {
    return fail("S5", "two leaders of election " + std::to_string(cmd.election));
  }
  if (!cmd.you.value_or(false)) return;
  if (term.conn.n != 0 && (to.size() != 1 || term.conn != to.front())) {
    return fail("S5", "two leading sessions of election " + std::to_string(cmd.election));
  }
  term.conn = to.front();
}

void Ghost::detached(ConnId conn) {
  if (conn != leader_conn_) return;
  if (quorums_ > 0) counters_.hit(Sometimes::leader_lost_with_quorum);
  leader_conn_ = {};
}

void Ghost::left(unsigned user) {
  for (auto& [key, fact] : facts_) {
    if (fact.in_flight) fact.asked &= ~(Mask{1} << user);
  }
}

// A message that those who are here can give no quorum is asked of others.
void Ghost::online(const std::vector<UserId>& users) {
  Mask here = 0;
  for (const UserId& user : users) here |= Mask{1} << user_number(user);
  for (auto& [key, fact] : facts_) {
    if (!fact.in_flight || fact.asked_again) continue;
    const auto asked = static_cast<unsigned>(std::popcount(fact.asked));
    const auto able = static_cast<unsigned>(std::popcount((fact.acked | here) & fact.asked));
    if (able >= quorum(asked)) continue;
    fact.asked_again = true;
    counters_.hit(Sometimes::asked_again);
  }
}

void Ghost::server_stopped() {
  for (auto& [key, fact] : facts_) {
    fact.in_flight = false;
    fact.quorum = false;
    fact.decided = false;
  }
  claims_.clear();
  refused_at_.clear();
  in_flight_ = 0;
  quorums_ = 0;
  leader_conn_ = {};
}

// ---- devices -----------------------------------------------------------------------------------

void Ghost::sends(std::int64_t us, Device& device, const c::Any& cmd) {
  const auto* msg = std::get_if<c::ChMsg>(&cmd);
  if (msg == nullptr) return;
  ++device.proposals;
  const RecordKey key = key_of(msg->msg_id, msg->from.value_or(device.config.self), msg->msg);
  const auto [at, first] = device.proposed.try_emplace(key, us);
  if (!first) {
    if (us - at->second < kProposalPauseUs) {
      return fail("L5", "proposed again after " + std::to_string((us - at->second) / 1'000) +
                            " ms: " + named(key));
    }
    at->second = us;
  }
  if (msg->retry.value_or(false) || msg->from) counters_.hit(Sometimes::proposed_again);
}

void Ghost::tells(Device& device, const note::Any& what) {
  if (const auto* now = std::get_if<note::Committed>(&what)) {
    const RecordKey key = now->record.key();
    device.records.add(key.digest);
    const auto fact = facts_.find(key);
    if (fact == facts_.end() || !fact->second.sent) {
      return fail("S1", "device " + std::to_string(device.index) +
                            " holds what was never sent: " + named(key));
    }
    if (key_of(now->record.id, now->record.from, now->record.msg) != key) {
      return fail("S2", "content and digest differ: " + named(key));
    }
    if (now->way == note::Way::pulled && device.replica->leading()) {
      return fail("S8", "a leader's history grew by a pull: " + named(key));
    }
    if (now->late) counters_.hit(Sometimes::arrived_late);
  } else if (const auto* lead = std::get_if<note::Leader>(&what)) {
    device.proposed.clear();
    if (!lead->here) return;
    const auto [at, fresh] = leading_.emplace(lead->election, device.index);
    if (!fresh && at->second != device.index) {
      fail("S5", "two devices lead under " + std::to_string(lead->election));
    }
  } else if (const auto* refused = std::get_if<note::Refused>(&what)) {
    if (refused->now_as) {
      renamed_[refused->key] = *refused->now_as;
      counters_.hit(Sometimes::new_id);
    }
    if (refused->gone) given_up_[refused->key] = true;
  } else if (std::holds_alternative<note::Gap>(what)) {
    counters_.hit(Sometimes::gap);
  } else if (std::holds_alternative<note::Synced>(what)) {
    counters_.hit(Sometimes::pulled);
  }
}

void Ghost::stepped(Device& device) {
  const std::uint64_t records = device.replica->history().count();
  if (records < device.records_before) {
    fail("S4", "the history of device " + std::to_string(device.index) + " shrank");
  }
  device.records_before = records;
}

void Ghost::looked_through(Device& device) {
  const HistoryIndex& history = device.replica->history();
  if (history.below(std::nullopt) != device.records) {
    fail("S4", "the history of device " + std::to_string(device.index) +
                   " is not what it was plus what came");
  }
  // What was shown keeps its order, whatever came between.
  std::optional<std::uint64_t> last;
  for (const RecordKey& key : device.shown) {
    const std::uint64_t at = history.rank(key);
    if (at >= history.count() || history.nth(at) != key || (last && at <= *last)) {
      return fail("S4", "device " + std::to_string(device.index) + " shows " + named(key) +
                            " at another place among those it has shown");
    }
    last = at;
  }
  if (history.empty()) return;
  constexpr std::size_t kShown = 8;
  std::vector<std::uint64_t> places;
  for (std::size_t i = 0; i < kShown; ++i)
    places.push_back((history.count() - 1) * i / (kShown - 1));
  const auto [from, to] = std::ranges::unique(places);
  places.erase(from, to);
  device.shown.clear();
  for (const std::uint64_t at : places) device.shown.push_back(history.nth(at));
}

void Ghost::ordered(const Device& device) {
  const HistoryIndex& history = device.replica->history();
  std::vector<RecordKey> keys;
  history.keys({}, std::nullopt, history.count(), keys);
  const std::string who = "device " + std::to_string(device.index);
  if (keys.size() != history.count() ||
      std::ranges::adjacent_find(keys, std::ranges::greater_equal{}) != keys.end()) {
    return fail("S6", who + " shows its history out of order");
  }
  const auto [at, first] = sequences_.try_emplace(history.below(std::nullopt).sum(), keys);
  if (!first && at->second != keys) fail("S6", who + " shows the same records in another order");
}

void Ghost::asked_to_confirm(const Device& device, const RecordKey& key, bool acknowledged) {
  if (acknowledged) return;
  fail("L2",
       "device " + std::to_string(device.index) + " holds what it does not confirm: " + named(key));
}

}  // namespace moot::sim
