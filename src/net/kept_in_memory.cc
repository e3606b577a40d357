#include "net/kept_in_memory.h"

#include <future>

namespace moot::net {
namespace {

StoredRecord stored(const KeptRecord& r) {
  return {.id = r.id,
          .from = r.from,
          .msg = r.msg,
          .stamp = r.stamp,
          .acks = Acks::of(r.acks, r.acks_n),
          .cert = r.cert,
          .digest = r.digest};
}

}  // namespace

void KeptInMemory::Reader::keys(const RecordKey& from, const std::optional<RecordKey>& to,
                                std::size_t max, std::vector<RecordKey>& out) const {
  for (auto it = records.lower_bound(from); it != records.end() && max > 0; ++it, --max) {
    if (to && it->first >= *to) break;
    out.push_back(it->first);
  }
}

std::optional<StoredRecord> KeptInMemory::Reader::record(const RecordKey& key) const {
  const auto it = records.find(key);
  if (it == records.end()) return std::nullopt;
  return it->second;
}

KeptInMemory::Reader& KeptInMemory::reader(const ChannelId& channel) const {
  auto& r = channels_[channel];
  if (!r) r = std::make_unique<Reader>();
  return *r;
}

const RecordReader& KeptInMemory::of(const ChannelId& channel) const { return reader(channel); }

void KeptInMemory::apply(const op::PutRecord& o) {
  reader(o.record.channel)
      .records.insert_or_assign({o.record.id, o.record.digest}, stored(o.record));
}

Status KeptInMemory::load(store::ServerStore& store, const ServerSnapshot& snapshot) {
  for (const ChannelSnapshot& channel : snapshot.channels) {
    if (channel.channel.keeper != Keeper::server) continue;
    std::optional<RecordKey> after;
    for (bool more = true; more;) {
      std::promise<Result<store::RecordPage>> promise;
      auto page = promise.get_future();
      store.fetch_records(channel.channel.id, after, {}, [&promise](Result<store::RecordPage> p) {
        promise.set_value(std::move(p));
      });
      auto got = page.get();
      if (!got) return std::unexpected(got.error());
      for (const KeptRecord& r : got->records) {
        apply(op::PutRecord{r});
        after = RecordKey{r.id, r.digest};
      }
      more = got->more && !got->records.empty();
    }
  }
  return {};
}

}  // namespace moot::net
