#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/result.h"
#include "model/store_ops.h"
#include "seal/vault.h"
#include "store/db.h"

// The records of the channels that a server keeps, as they lie in its store: sealed.
namespace moot::store {

class KeptRows {
 public:
  KeptRows(Db& db, const seal::Vault& vault) : db_(db), vault_(vault) {}

  void put(const KeptRecord& record);
  // As RecordReader::keys.
  void keys(const ChannelId& channel, const RecordKey& from, const std::optional<RecordKey>& to,
            std::size_t max, std::vector<RecordKey>& out);
  // An error: it does not open in its place, or the Db failed.
  Result<std::optional<StoredRecord>> record(const ChannelId& channel, const RecordKey& key);

 private:
  Db& db_;
  const seal::Vault& vault_;
};

// The keys of one channel alone, for looking after its leaves.
class KeptKeys : public RecordReader {
 public:
  KeptKeys(KeptRows& rows, const ChannelId& channel) : rows_(rows), channel_(channel) {}
  void keys(const RecordKey& from, const std::optional<RecordKey>& to, std::size_t max,
            std::vector<RecordKey>& out) const override {
    rows_.keys(channel_, from, to, max, out);
  }
  std::optional<StoredRecord> record(const RecordKey&) const override { return std::nullopt; }

 private:
  KeptRows& rows_;
  ChannelId channel_;
};

}  // namespace moot::store
