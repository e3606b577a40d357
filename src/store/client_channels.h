#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "model/client_ops.h"
#include "store/client_store.h"
#include "store/db.h"

namespace moot::store {

// The client's tables of channels: their records, what is in doubt, the leaves of their index, and
// what waits to be sent. Thread rule: the store's thread. Failures stick to the Db.
class ChannelTables {
 public:
  explicit ChannelTables(Db& db) : db_(db) {}

  // Before the first operation.
  void open();

  void on(const cop::PutChannel& o);
  void on(const cop::MarkChannelRead& o);
  void on(const cop::ReplicaOps& o);
  void on(const cop::PutWaiting& o);
  void on(const cop::DropWaiting& o);

  void load(ClientSnapshot& s);
  std::vector<CommittedMessage> history(const ChannelQuery& query);
  std::vector<ChannelUnread> unread(const UserId& self);

 private:
  void on(std::int64_t channel, const rop::PutPending& o, const cop::ReplicaOps::Op& op);
  void on(std::int64_t channel, const rop::DropPending& o, const cop::ReplicaOps::Op& op);
  void on(std::int64_t channel, const rop::PutCommitted& o, const cop::ReplicaOps::Op& op);
  void on(std::int64_t channel, const rop::PutLeaf& o, const cop::ReplicaOps::Op& op);
  void on(std::int64_t channel, const rop::PutElectionSeen& o, const cop::ReplicaOps::Op& op);

  Db& db_;
  std::map<ChannelId, std::int64_t> numbers_;  // of every channel
};

}  // namespace moot::store
