#pragma once

#include <cstddef>
#include <map>

#include "channel/memory_records.h"
#include "model/kept_records.h"
#include "model/store_ops.h"

namespace moot {

// What the server keeps of its channels' records, in memory: for tests and the simulator.
class MemoryKept : public KeptRecords {
 public:
  const RecordReader& of(const ChannelId& channel) const override { return channels_[channel]; }
  void put(const KeptRecord& record);
  std::size_t count(const ChannelId& channel) const {
    return channels_[channel].committed().size();
  }
  const std::map<RecordKey, StoredRecord>& all(const ChannelId& channel) const {
    return channels_[channel].committed();
  }

 private:
  mutable std::map<ChannelId, MemoryRecords> channels_;
};

// Does to a server's disk that is memory what Channels asks for. REQUIRES: an operation of theirs.
void apply_to(ServerSnapshot& disk, MemoryKept& records, const op::Any& op);

}  // namespace moot
