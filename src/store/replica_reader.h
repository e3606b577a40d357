#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/replica_ops.h"
#include "store/db.h"
#include "store/read_failed.h"

namespace moot::store {

// The committed records of a client's store, read through a connection of its own while the store's
// thread writes: at once, and at least what the store told to be on disk. Every record is checked
// against what was written. A damage is noted in the directory, and the store mends it when it is
// opened the next time (docs/store.md).
// Ends before its ClientStore, which empties its log when it is the last. Thread rule: one thread.
class ReplicaReaders final : public ReplicaRecords {
 public:
  // REQUIRES: a ClientStore of the directory is open.
  static Result<std::unique_ptr<ReplicaReaders>> open(const std::string& dir,
                                                      const char* vfs = nullptr);
  ~ReplicaReaders() override;

  // Empty while the channel is not in the store. Lives as long as this object; it throws
  // ReadFailed.
  const RecordReader& of(const ChannelId& channel) const override;

 private:
  class Reader;
  ReplicaReaders(std::unique_ptr<Db> db, std::string dir);
  void check() const;
  [[noreturn]] void stop() const;

  std::unique_ptr<Db> db_;
  const std::string dir_;
  mutable std::map<ChannelId, std::unique_ptr<Reader>> readers_;
};

}  // namespace moot::store
