#include "store/replica_reader.h"

#include <utility>

#include "store/client_repair.h"
#include "store/record_rows.h"
#include "store/schema.h"

namespace moot::store {

class ReplicaReaders::Reader : public RecordReader {
 public:
  Reader(const ReplicaReaders& all, const ChannelId& id) : all_(all), id_(id) {}

  void keys(const RecordKey& from, const std::optional<RecordKey>& to, std::size_t max,
            std::vector<RecordKey>& out) const override {
    if (!known()) return;
    const KeyOctets first = key_octets(from);
    const KeyOctets end = key_octets(to.value_or(RecordKey{}));
    {
      Query q = all_.db_->query(
          "SELECT key FROM record WHERE channel=? AND key>=? AND key<? ORDER BY key LIMIT ?");
      q.bind(n_, first, to ? Bytes(end) : Bytes(kBehindAllKeys), static_cast<std::uint64_t>(max));
      while (q.next()) {
        const auto key = parse_key(q.blob(0));
        if (!key) all_.db_->fail_row("a record without a key");
        if (key) out.push_back(*key);
      }
    }
    all_.check();
  }

  std::optional<StoredRecord> record(const RecordKey& key) const override {
    if (!known()) return std::nullopt;
    const KeyOctets octets = key_octets(key);
    std::optional<StoredRecord> found;
    {
      Query q = all_.db_->query("SELECT " MOOT_STORED_RECORD_COLUMNS
                                " FROM record WHERE channel=? AND key=?");
      q.bind(n_, octets);
      if (q.next()) {
        found = read_record(q, 0);
        if (!found) all_.db_->fail_row("a message that the disk changed");
      }
    }
    all_.check();
    return found;
  }

  [[noreturn]] void damaged() const override {
    all_.db_->fail_row("other messages than its index says");
    all_.stop();
  }

 private:
  // A channel's number never changes.
  bool known() const {
    if (n_ != 0) return true;
    {
      Query q = all_.db_->query("SELECT n FROM channel WHERE id=?");
      if (q.bind(id_).next()) n_ = q.i64(0);
    }
    all_.check();
    return n_ != 0;
  }

  const ReplicaReaders& all_;
  const ChannelId id_;
  mutable std::int64_t n_ = 0;
};

Result<std::unique_ptr<ReplicaReaders>> ReplicaReaders::open(const std::string& dir,
                                                             const char* vfs) {
  auto db = open_reader(dir, kClientSchema, vfs);
  if (!db) return std::unexpected(db.error());
  return std::unique_ptr<ReplicaReaders>(new ReplicaReaders(std::move(*db), dir));
}

ReplicaReaders::ReplicaReaders(std::unique_ptr<Db> db, std::string dir)
    : db_(std::move(db)), dir_(std::move(dir)) {}
ReplicaReaders::~ReplicaReaders() = default;

const RecordReader& ReplicaReaders::of(const ChannelId& channel) const {
  auto& reader = readers_[channel];
  if (!reader) reader = std::make_unique<Reader>(*this, channel);
  return *reader;
}

void ReplicaReaders::check() const {
  if (!db_->ok()) stop();
}

void ReplicaReaders::stop() const { throw ReadFailed(failure_of(*db_, dir_)); }

}  // namespace moot::store
