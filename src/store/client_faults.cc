#include "store/client_faults.h"

#include <utility>
#include <vector>

#include "model/replica_ops.h"
#include "store/leaves.h"
#include "store/record_rows.h"

namespace moot::store {
namespace {

// The keys of one channel, read on the store's thread.
class Keys : public RecordReader {
 public:
  Keys(Db& db, std::int64_t channel) : db_(db), channel_(channel) {}
  void keys(const RecordKey& from, const std::optional<RecordKey>& to, std::size_t max,
            std::vector<RecordKey>& out) const override {
    const KeyOctets first = key_octets(from);
    const KeyOctets end = key_octets(to.value_or(RecordKey{}));
    Query q = db_.query(
        "SELECT key FROM record WHERE channel=? AND key>=? AND key<? ORDER BY key LIMIT ?");
    q.bind(channel_, first, to ? Bytes(end) : Bytes(kBehindAllKeys),
           static_cast<std::uint64_t>(max));
    while (q.next()) {
      if (const auto key = parse_key(q.blob(0))) out.push_back(*key);
    }
  }
  std::optional<StoredRecord> record(const RecordKey&) const override { return std::nullopt; }

 private:
  Db& db_;
  std::int64_t channel_;
};

std::vector<std::int64_t> channels(Db& db) {
  std::vector<std::int64_t> numbers;
  Query q = db.query("SELECT n FROM channel");
  while (q.next()) numbers.push_back(q.i64(0));
  return numbers;
}

ChannelFaults look(Db& db, bool mend) {
  std::vector<std::int64_t> records;
  {
    Query q = db.query("SELECT seq, " MOOT_STORED_RECORD_COLUMNS " FROM record ORDER BY seq");
    while (q.next()) {
      if (!read_record(q, 1)) records.push_back(q.i64(0));
    }
  }
  std::vector<std::pair<std::int64_t, ByteBuf>> pending;
  {
    Query q = db.query("SELECT channel, " MOOT_STORED_RECORD_COLUMNS " FROM pending");
    while (q.next()) {
      if (!read_record(q, 1)) pending.emplace_back(q.i64(0), q.bytes(1));
    }
  }
  ChannelFaults faults{.records = records.size(), .pending = pending.size(), .channels = 0};
  if (mend) {
    for (const std::int64_t seq : records) {
      db.query("DELETE FROM record WHERE seq=?").bind(seq).run();
    }
    for (const auto& [channel, key] : pending) {
      db.query("DELETE FROM pending WHERE channel=? AND key=?").bind(channel, key).run();
    }
  }
  for (const std::int64_t channel : channels(db)) {
    const auto leaves = leaves_of(db, channel);
    if (leaves && leaves_fit(Keys(db, channel), *leaves)) continue;
    ++faults.channels;
    if (mend) make_leaves_anew(db, channel, Keys(db, channel));
  }
  return faults;
}

}  // namespace

bool newest_leaves_fit(Db& db) {
  for (const std::int64_t channel : channels(db)) {
    const auto leaves = leaves_of(db, channel);
    if (!leaves || !newest_leaf_fits(Keys(db, channel), *leaves)) return false;
  }
  return true;
}

ChannelFaults find_faults(Db& db) { return look(db, false); }
ChannelFaults mend_faults(Db& db) { return look(db, true); }

}  // namespace moot::store
