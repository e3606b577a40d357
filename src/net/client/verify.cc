#include "net/client/verify.h"

#include <vector>

#include "base/hex.h"
#include "channel/history.h"

namespace moot::net {
namespace {

constexpr std::size_t kPage = 1'024;
// Records that a merge puts among those that are being read make the sums differ, honestly.
constexpr int kTries = 5;

struct Wanted {
  Bound end;
  Fingerprint set;
  bool known = false;
};

Wanted wanted(ClientRuntime& runtime, const ChannelId& channel, const Bound* end) {
  return runtime.ask([&] {
    Wanted w;
    runtime.engine().flush_store(runtime.now());
    for (const client::LocalChannel* c : runtime.engine().core().channels().all()) {
      if (c->known().id != channel) continue;
      const HistoryIndex& history = c->replica().history();
      const auto newest = history.newest_id();
      w.end = end != nullptr ? *end : newest ? after_id(*newest) : Bound(RecordKey{});
      w.set = history.below(w.end);
      w.known = true;
    }
    return w;
  });
}

RecordKey behind(RecordKey key) {
  for (std::size_t i = key.digest.octets.size(); i-- > 0 && ++key.digest.octets[i] == 0;) {
  }
  return key;
}

}  // namespace

Result<Client::Verified> verify_channel(ClientRuntime& runtime, const ChannelId& channel,
                                        const Client::Progress& progress) {
  const auto alive = [&] { return !progress || progress(0, 0); };
  if (const Status pages = runtime.store().check(alive); !pages)
    return std::unexpected(pages.error());
  Wanted index = wanted(runtime, channel, nullptr);
  if (!index.known) return fail("There is nothing of this channel here.");
  // All that the index speaks of is on disk once a read behind it was answered.
  for (int tries = 1;; ++tries) {
    if (const auto barrier = runtime.store().channel_unread(runtime.key().account); !barrier)
      return std::unexpected(barrier.error());
    auto readers = store::ReplicaReaders::open(runtime.dir());
    if (!readers) return std::unexpected(readers.error());
    Fingerprint found;
    try {
      const RecordReader& reader = (*readers)->of(channel);
      std::vector<RecordKey> keys;
      for (RecordKey from{};; from = behind(keys.back())) {
        keys.clear();
        reader.keys(from, index.end, kPage, keys);
        for (const RecordKey& key : keys) {
          const auto record = reader.record(key);
          if (!record || record->id != key.id ||
              record_digest(channel, record->id, record->from, record->msg) != key.digest) {
            return fail("The record " + text(key.id) +
                        " is not what its digest says; move the store away, start with a new one, "
                        "and pull.");
          }
          found.add(key.digest);
        }
        if (keys.size() < kPage) break;
        if (progress && !progress(found.count(), index.set.count()))
          return fail("It was ended before all was read.");
      }
    } catch (const store::ReadFailed& failed) {
      return std::unexpected(failed.error());
    }
    if (found == index.set) return Client::Verified{found.count(), hex(found.fp().octets)};
    const Wanted again = wanted(runtime, channel, &index.end);
    if (again.set == index.set || tries == kTries) {
      return fail(
          "The records and the index of this channel do not fit: " + std::to_string(found.count()) +
          " are here, " + std::to_string(index.set.count()) +
          " are expected; move the store away, start with a new one, and pull.");
    }
    index = again;
  }
}

}  // namespace moot::net
