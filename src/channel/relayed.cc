#include "channel/relayed.h"

#include "channel/mutants.h"
#include "model/limits.h"

namespace moot {

s::ChMsg relayed(const Turn& turn, const StoredRecord& record) {
  const std::uint64_t sent =
      mutant(Mutant::m17_restamp_on_retry) ? turn.clock.ms : record.id.time().ms;
  s::ChMsg msg{.id = turn.id(),
               .msg_id = record.id,
               .msg = record.msg,
               .from = record.from,
               .sent = sent,
               .stamp = record.stamp};
  if (!record.cert.empty()) msg.cert = record.cert;
  return msg;
}

bool sees(const Turn& turn, const UserId& user, const StoredRecord& record) {
  if (mutant(Mutant::m23_late_see_all)) return true;
  return record.from == user || turn.roster.sees(user, record.id);
}

std::vector<ConnId> who_sees(const Turn& turn, const StoredRecord& record) {
  if (turn.roster.state.history == History::all || mutant(Mutant::m23_late_see_all)) {
    return turn.here.conns();
  }
  std::vector<ConnId> conns;
  for (const auto& [conn, session] : turn.here.sessions()) {
    if (sees(turn, session.user, record)) conns.push_back(conn);
  }
  return conns;
}

bool admit_stamp_and_time(const Turn& turn, ConnId conn, const UserId& user, const c::ChMsg& cmd,
                          UserId& author) {
  author = cmd.from.value_or(user);
  const ErrDetail about{.id = cmd.msg_id};
  if (cmd.stamp) {
    // A stamped record was let through once: its time is not looked at again (hole 32).
    if (mutant(Mutant::m10_no_stamp) || mutant(Mutant::m09_no_confirmation_no_stamp)) {
      return true;
    }
    if (moot::stamp_valid(turn.keys, *cmd.stamp, turn.id(), cmd.msg_id, author, cmd.msg)) {
      return true;
    }
    turn.err(conn, Errc::bad_stamp,
             "The stamp does not fit this message; pull the channel and propose what came back.",
             about);
    return false;
  }
  if (author != user) {
    turn.err(conn, Errc::bad_stamp,
             "A message of somebody else needs the stamp it was relayed with; send it along.",
             about);
    return false;
  }
  const std::uint64_t at = cmd.msg_id.time().ms;
  const std::uint64_t now = turn.clock.ms;
  const auto ms = [](auto d) { return static_cast<std::uint64_t>(Millis{d}.count()); };
  const bool retry = cmd.retry.value_or(false);
  ErrDetail timed = about;
  timed.now = turn.told.ms;
  if (at > now + ms(limits::kChannelIdAhead) || (!retry && at + ms(limits::kChannelIdAge) < now)) {
    turn.err(conn, Errc::bad_time,
             "The time in the message id is not the server's; set the clock by `now` and send the "
             "message under a new id.",
             timed);
    return false;
  }
  if (at + ms(limits::kIdAgeMax) < now) {
    turn.err(conn, Errc::expired,
             "The message was written more than 30 days ago; send its text as a new message.",
             timed);
    return false;
  }
  return true;
}

namespace {
bool record_ok(const Turn& turn, const Record& r) {
  return plausible(r) && r.msg.size() <= turn.msg_bytes_max &&
         r.acks.size() <= limits::kAcksListedMax && r.acks_n >= r.acks.size();
}
template <class Page>
bool page_ok(const Turn& turn, const Page& page) {
  if (page.size() > limits::kRecordsPerPage) return false;
  for (const auto& record : page) {
    if (!record_ok(turn, record)) return false;
  }
  return true;
}
}  // namespace

bool well_formed(const Turn& turn, AppendRecords page) { return page_ok(turn, page); }
bool well_formed(const Turn& turn, MergeRecords page) { return page_ok(turn, page); }

bool stamp_valid(const Turn& turn, const Record& record) {
  if (mutant(Mutant::m10_no_stamp) || mutant(Mutant::m09_no_confirmation_no_stamp)) {
    return true;
  }
  return record.stamp &&
         moot::stamp_valid(turn.keys, *record.stamp, turn.id(), record.id, record.from, record.msg);
}

StoredRecord record_of(const Turn& turn, const c::ChMsg& cmd, const UserId& author) {
  StoredRecord record{.id = cmd.msg_id, .from = author};
  record.msg.assign(cmd.msg.begin(), cmd.msg.end());
  if (cmd.stamp) {
    record.stamp.assign(cmd.stamp->begin(), cmd.stamp->end());
  } else {
    const Stamp stamp = make_stamp(turn.keys.back(), turn.id(), cmd.msg_id, author, cmd.msg);
    record.stamp.assign(stamp.begin(), stamp.end());
  }
  record.digest = record_digest(turn.id(), record.id, record.from, record.msg);
  return record;
}

void ask_since(s::ChPull& pull, const std::optional<MsgId>& from) {
  if (from && (!pull.since || !*pull.since || **pull.since < *from)) {
    pull.since = OrNil<MsgId>(*from);
  }
}

s::ChPull routed(const Turn& turn, ConnId conn, const UserId& user, const c::ChPull& cmd) {
  s::ChPull pull{.id = cmd.id,
                 .anchor = cmd.anchor,
                 .req = cmd.req,
                 .count = cmd.count,
                 .fp = cmd.fp,
                 .ranges = cmd.ranges,
                 .want = cmd.want,
                 .since = cmd.since,
                 .user = user,
                 .sid = conn.n};
  // Whatever the puller says, he gets nothing from before his time (protocol.md 6.3 `since_join`).
  ask_since(pull, turn.roster.sees_from(user));
  return pull;
}

}  // namespace moot
