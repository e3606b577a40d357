#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "channel/record.h"
#include "model/ids.h"
#include "model/store_ops.h"

namespace moot {

// Reading what the server keeps (replication.md 2.8). Only what was told as on disk by
// Channels::committed is asked for, so a store may answer from disk alone.
class KeptRecords {
 public:
  virtual ~KeptRecords() = default;

  // The keys after `after` (nothing: from the first) in order, at most `max`.
  virtual std::vector<RecordKey> keys(const ChannelId& channel,
                                      const std::optional<RecordKey>& after,
                                      std::size_t max) const = 0;
  // Those of `keys` that are there, in the order asked for.
  virtual std::vector<StoredRecord> read(const ChannelId& channel,
                                         std::span<const RecordKey> keys) const = 0;
};

}  // namespace moot
