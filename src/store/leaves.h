#pragma once

#include <optional>
#include <vector>

#include "model/replica_ops.h"
#include "store/db.h"

// The leaves of channels' indexes: one table in either store. `Channel` is what names a channel
// there: its number in a client's, its id in a server's.
namespace moot::store {

// Nothing: a row is damaged, or they do not ascend from the zero key with 1 to kLeafRecordsMax
// records each.
template <class Channel>
std::optional<std::vector<LeafSummary>> leaves_of(Db& db, const Channel& channel);
template <class Channel>
void put_leaf(Db& db, const Channel& channel, const LeafSummary& leaf);
// From the keys alone.
template <class Channel>
void make_leaves_anew(Db& db, const Channel& channel, const RecordReader& reader);

// Does the newest leaf sum up its records? For every start: it reads the keys of one leaf.
bool newest_leaf_fits(const RecordReader& reader, const std::vector<LeafSummary>& leaves);
bool leaves_fit(const RecordReader& reader, const std::vector<LeafSummary>& leaves);

}  // namespace moot::store
