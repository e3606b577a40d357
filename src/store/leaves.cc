#include "store/leaves.h"

#include "store/record_rows.h"

namespace moot::store {
namespace {

bool sums_up(const RecordReader& reader, const LeafSummary& leaf,
             const std::optional<RecordKey>& end) {
  std::vector<RecordKey> keys;
  reader.keys(leaf.lower, end, kLeafRecordsMax + 1, keys);
  LeafSummary read{.lower = leaf.lower, .sum = {}, .count = 0};
  for (const RecordKey& key : keys) read.add(key.digest);
  return read == leaf;
}

}  // namespace

template <class Channel>
std::optional<std::vector<LeafSummary>> leaves_of(Db& db, const Channel& channel) {
  std::vector<LeafSummary> leaves;
  Query q = db.query("SELECT lower, sum, count FROM leaf WHERE channel=? ORDER BY lower");
  q.bind(channel);
  while (q.next()) {
    const auto lower = parse_key(q.blob(0));
    const Bytes sum = q.blob(1);
    const std::uint64_t count = q.u64(2);
    if (!lower || sum.size() != Digest::kSize || count == 0 || count > kLeafRecordsMax) {
      return std::nullopt;
    }
    if (leaves.empty() ? *lower != RecordKey{} : !(leaves.back().lower < *lower)) {
      return std::nullopt;
    }
    leaves.push_back({.lower = *lower, .sum = Digest::of(sum), .count = count});
  }
  return leaves;
}

template <class Channel>
void put_leaf(Db& db, const Channel& channel, const LeafSummary& leaf) {
  const KeyOctets lower = key_octets(leaf.lower);
  db.query("INSERT OR REPLACE INTO leaf VALUES(?,?,?,?)")
      .bind(channel, lower, leaf.sum, leaf.count)
      .run();
}

template <class Channel>
void make_leaves_anew(Db& db, const Channel& channel, const RecordReader& reader) {
  db.query("DELETE FROM leaf WHERE channel=?").bind(channel).run();
  for (const LeafSummary& leaf : build_leaves(reader)) put_leaf(db, channel, leaf);
}

template std::optional<std::vector<LeafSummary>> leaves_of(Db&, const std::int64_t&);
template std::optional<std::vector<LeafSummary>> leaves_of(Db&, const ChannelId&);
template void put_leaf(Db&, const std::int64_t&, const LeafSummary&);
template void put_leaf(Db&, const ChannelId&, const LeafSummary&);
template void make_leaves_anew(Db&, const std::int64_t&, const RecordReader&);
template void make_leaves_anew(Db&, const ChannelId&, const RecordReader&);

bool newest_leaf_fits(const RecordReader& reader, const std::vector<LeafSummary>& leaves) {
  return sums_up(reader, leaves.empty() ? LeafSummary{} : leaves.back(), std::nullopt);
}

bool leaves_fit(const RecordReader& reader, const std::vector<LeafSummary>& leaves) {
  for (std::size_t i = 0; i + 1 < leaves.size(); ++i) {
    if (!sums_up(reader, leaves[i], leaves[i + 1].lower)) return false;
  }
  return newest_leaf_fits(reader, leaves);
}

}  // namespace moot::store
