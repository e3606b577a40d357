#pragma once

#include <map>
#include <memory>

#include "base/result.h"
#include "channel/kept_records.h"
#include "model/store_ops.h"
#include "store/server_store.h"

namespace moot::net {

// The records of server-kept channels, all of them in memory: read from the store at the start,
// then kept up by what is persisted. Thread rule: the hub's.
class KeptInMemory : public KeptRecords {
 public:
  Status load(store::ServerStore& store, const ServerSnapshot& snapshot);
  void apply(const op::PutRecord& o);
  void apply(const op::RemoveChannel& o) { reader(o.id).records.clear(); }

  const RecordReader& of(const ChannelId& channel) const override;

 private:
  struct Reader : RecordReader {
    std::map<RecordKey, StoredRecord> records;
    void keys(const RecordKey& from, const std::optional<RecordKey>& to, std::size_t max,
              std::vector<RecordKey>& out) const override;
    std::optional<StoredRecord> record(const RecordKey& key) const override;
  };
  // Readers live as long as this object, of removed channels too: then they are empty.
  mutable std::map<ChannelId, std::unique_ptr<Reader>> channels_;
  Reader& reader(const ChannelId& channel) const;
};

}  // namespace moot::net
