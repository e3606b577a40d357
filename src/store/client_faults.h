#pragma once

#include <cstdint>

#include "store/db.h"

// What the disk may have changed in a client's channels, and how it is mended: what is damaged
// goes, leaves are made anew, and a sync fetches what is missing (replication.md, hole 30).
namespace moot::store {

struct ChannelFaults {
  std::uint64_t records = 0;   // rows that are not what was written
  std::uint64_t pending = 0;   // the same of messages in doubt
  std::uint64_t channels = 0;  // whose leaves do not sum up their records
  bool none() const { return records == 0 && pending == 0 && channels == 0; }
};

// Do leaves follow each other, and does the newest one of every channel sum up its records? A look
// for every start: its time does not grow with the histories but for reading the leaves.
bool newest_leaves_fit(Db& db);

// A look at every row.
ChannelFaults find_faults(Db& db);
// And mends. REQUIRES: inside a transaction; the pages of the file fit together.
ChannelFaults mend_faults(Db& db);

}  // namespace moot::store
