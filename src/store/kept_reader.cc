#include "store/kept_reader.h"

#include <utility>

#include "store/damage_note.h"
#include "store/leaves.h"
#include "store/schema.h"

namespace moot::store {

class KeptReaders::Reader : public RecordReader {
 public:
  Reader(const KeptReaders& all, const ChannelId& id) : all_(all), id_(id) {}

  void keys(const RecordKey& from, const std::optional<RecordKey>& to, std::size_t max,
            std::vector<RecordKey>& out) const override {
    all_.rows_.keys(id_, from, to, max, out);
    all_.check();
  }
  std::optional<StoredRecord> record(const RecordKey& key) const override {
    auto found = all_.rows_.record(id_, key);
    if (!found) throw ReadFailed(found.error());
    all_.check();
    return std::move(*found);
  }
  [[noreturn]] void damaged() const override { all_.damaged(); }

 private:
  const KeptReaders& all_;
  const ChannelId id_;
};

Result<std::unique_ptr<KeptReaders>> KeptReaders::open(const std::string& dir,
                                                       const seal::Vault& vault, const char* vfs) {
  auto db = open_reader(dir, kServerSchema, vfs);
  if (!db) return std::unexpected(db.error());
  return std::unique_ptr<KeptReaders>(new KeptReaders(std::move(*db), vault, dir));
}

KeptReaders::KeptReaders(std::unique_ptr<Db> db, const seal::Vault& vault, std::string dir)
    : dir_(std::move(dir)), db_(std::move(db)), rows_(*db_, vault) {}
KeptReaders::~KeptReaders() = default;

const RecordReader& KeptReaders::of(const ChannelId& channel) const {
  auto& reader = readers_[channel];
  if (!reader) reader = std::make_unique<Reader>(*this, channel);
  return *reader;
}

std::vector<LeafSummary> KeptReaders::leaves(const ChannelId& channel) const {
  auto leaves = leaves_of(*db_, channel);
  check();
  if (!leaves) damaged();
  return std::move(*leaves);
}

void KeptReaders::check() const {
  if (!db_->ok()) throw ReadFailed(db_->status().error());
}

void KeptReaders::damaged() const {
  const std::string what = "The store " + db_->path() +
                           " holds other messages of a channel than its index says: start again, "
                           "and the index is made anew; if it comes back, restore the last backup.";
  const Status noted = note_damage(dir_, what);
  throw ReadFailed(noted ? Error{what} : noted.error());
}

}  // namespace moot::store
