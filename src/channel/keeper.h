#pragma once

#include <cstdint>
#include <optional>

#include "channel/history.h"
#include "channel/responder.h"
#include "channel/turn.h"
#include "model/commands.h"
#include "model/kept_records.h"

namespace moot {

// The server's side of one channel whose records the server keeps (replication.md 2.8): it is the
// whole quorum and leads for ever. A record is stamped, persisted, and leaves once it is on disk;
// so does every answer that could show it.
//
// Invariant: the index holds exactly what was persisted.
class ServerKeeper {
 public:
  // `kept` outlives the keeper; it is read when the channel is first used.
  ServerKeeper(std::uint64_t epoch, const ChannelId& id, const KeptRecords& kept)
      : epoch_(epoch), id_(id), kept_(kept) {}

  Leadership leadership() const;

  void attached(const Turn& turn, ConnId conn) const;

  // REQUIRES of all: the user is a member; of those marked *, that the connection is attached.
  void message(const Turn& turn, ConnId conn, const UserId& user, const c::ChMsg& cmd);
  void ack(const Turn& turn, ConnId conn, const UserId& user, const c::AckChMsg& cmd);  // *
  void pull(const Turn& turn, ConnId conn, const UserId& user, const c::ChPull& cmd);
  void merge(const Turn& turn, ConnId conn, const c::ChMerge& cmd);  // *

  // Everything up to `upto` is on disk.
  void committed(Ticket upto) {
    if (history_) history_->durable(upto);
  }
  std::uint64_t records() const { return history().count(); }
  void check_invariants(const Roster& roster) const;

 private:
  HistoryIndex& history() const;
  void keep(const Turn& turn, const StoredRecord& record);
  static void tell(const Turn& turn, const StoredRecord& record, bool merged, ConnId sender);
  static void tell_again(const Turn& turn, ConnId conn, const StoredRecord& record);

  std::uint64_t epoch_;
  ChannelId id_;
  const KeptRecords& kept_;
  mutable std::optional<HistoryIndex> history_;  // made when first needed
  PullResponder responder_;
};

}  // namespace moot
