#pragma once

#include <vector>

#include "model/ids.h"
#include "model/replica_ops.h"

namespace moot {

// Where the records lie that the server keeps (replication.md 2.8): a reader per channel, empty
// where nothing was ever put. It shows every record once Channels was told that it is on disk, and
// may show more of what was persisted. Reads answer at once.
class KeptRecords {
 public:
  virtual ~KeptRecords() = default;
  // Lives as long as this object.
  virtual const RecordReader& of(const ChannelId& channel) const = 0;
  // The leaves that sum them up, as they were persisted with them; by reading every key where
  // nothing persists leaves. REQUIRES: nothing of the channel is on its way to the disk.
  virtual std::vector<LeafSummary> leaves(const ChannelId& channel) const {
    return build_leaves(of(channel));
  }
};

}  // namespace moot
