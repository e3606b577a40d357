#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "channel/replica.h"
#include "client/channel_state.h"
#include "client/context.h"
#include "model/kept_command.h"

namespace moot::client {

// One channel of this device: its replica, the texts that wait for it, what it holds back for
// company on the disk, and what is told of it (replication.md 2.4, 2.6).
// Invariant: what the replica persisted is handed to the store in its order and told back to it in
// that order; a text is in waiting_ or in the replica's P, never in both.
class LocalChannel final : private ReplicaEffects {
 public:
  LocalChannel(Context& cx, const RecordReader& reader, StoredChannel stored);

  const KnownChannel& known() const { return state_.known; }
  ChannelState state() const;
  const Replica& replica() const { return replica_; }
  bool here() const { return state_.status.has_value(); }  // told of on this connection
  bool attached() const { return attached_; }
  // Comparisons with a leader that ended equal, on any connection.
  std::uint64_t syncs() const { return syncs_; }

  // ---- the connection ----
  // Carry the replica as soon as this connection knows the channel.
  void want();
  bool wanted() const { return wanted_; }
  void on(const s::ChStatus& status);
  void give(const s::Any& cmd);  // of this channel
  void attach_refused(std::string_view why);
  // We are no member any more.
  void left(std::string_view reason);
  void lost();
  // The connection ended because another one carries this replica: from now on it is another.
  void renew();

  // ---- its questions that the server counts ----
  bool pull_waits() const { return pull_.has_value(); }
  // Which of two that wait goes first: the one that was used last, then the one with newer
  // messages.
  bool goes_before(const LocalChannel& other) const;
  // REQUIRES: pull_waits(), and that it may leave now.
  void send_pull();

  // ---- disk and time ----
  void load_waiting(WaitingText text) { waiting_.push_back(std::move(text)); }
  void stored();
  void tick();
  Tick next_tick() const;
  // Composes what may go, and hands the store what does not wait any longer; all of it with `now`.
  void end_step(bool now);

  // ---- the user ----
  // Refused at limits::kWaitingTexts.
  Status post(std::uint64_t n, ByteBuf msg);
  void mark_read(std::uint64_t upto);
  void sync_now();
  // Somebody looks at it or speaks there.
  void used() { used_ = ++cx_->uses; }
  // Calls back for each that is not committed, as it stands: P, then what waits.
  template <class F>
  void each_uncommitted(F f) const {
    for (const auto& [key, entry] : replica_.pending().all()) f(pending_post(entry));
    const std::string why = why_waiting();
    for (const WaitingText& w : waiting_) f(waiting_post(w, why));
  }
  std::size_t waiting() const { return waiting_.size(); }
  // Why nothing can be sent now; empty when it can.
  std::string why_waiting() const;
  void check_invariants() const;

 private:
  struct Untold {  // of ours, told when it is on disk
    Ticket ticket;
    std::uint64_t draft = 0;
    std::optional<RecordKey> key;  // none: it waits
  };
  struct HandedOver {
    Ticket ticket;   // of the store
    Ticket replica;  // of the replica
  };

  void send(const c::Any& cmd) override;
  bool counted(const c::ChPull& pull);
  void persist(std::span<const rop::Any> ops, Ticket ticket, bool urgent) override;
  void tell(const note::Any& what) override;
  void told(const note::Pending& n);
  void told(const note::Acked& n);
  void told(const note::Committed& n);
  void told(const note::MoreAcks& n);
  void told(const note::Conflict& n);
  void told(const note::Gap&) {}
  void told(const note::Leader& n);
  void told(const note::Standing& n);
  void told(const note::SyncProgress& n);
  void told(const note::Synced& n);
  void told(const note::Refused& n);

  ev::Post post_of(const StoredRecord& record, ev::Post::State state) const;
  ev::Post pending_post(const PendingEntry& entry) const;
  ev::Post waiting_post(const WaitingText& text, std::string_view why) const;
  std::uint64_t draft_of(const RecordKey& key) const;
  void forget_own(const RecordKey& key);
  void compose_waiting();
  void keep_known(const s::ChStatus& status);
  void changed();

  Context* cx_;
  ChannelState state_;
  Replica replica_;
  bool wanted_ = false;
  bool attached_ = false;
  std::uint64_t syncs_ = 0;
  std::uint64_t used_ = 0;
  std::optional<Kept<c::Any>> pull_;  // the last CH_PULL, until it may leave
  bool pull_unanswered_ = false;

  std::deque<WaitingText> waiting_;
  std::set<RecordKey> own_;  // in P and composed here
  std::map<RecordKey, std::uint64_t> drafts_;
  std::uint64_t composing_ = 0;  // its draft, during Replica::compose
  std::map<RecordKey, std::uint64_t> need_;
  std::set<RecordKey> late_;  // told, not handed over yet
  std::optional<MsgId> conflict_;
  std::deque<Untold> untold_;

  std::vector<cop::ReplicaOps::Op> held_;
  Ticket held_ticket_;  // of the replica
  bool held_urgent_ = false;
  std::optional<Tick> hold_until_;
  std::deque<HandedOver> handed_over_;
};

}  // namespace moot::client
