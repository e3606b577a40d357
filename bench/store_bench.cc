// What a member's store costs by the length of a history: bringing it in pages as a sync does,
// opening it, and reading keys and records. Prints a table; see docs/testing.md.
//   store_bench [--json] [RECORDS...]      default: 10000 1000000; --json: points of a curve
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/report.h"
#include "channel/history.h"
#include "channel/record.h"
#include "channel/rng.h"
#include "store/client_store.h"
#include "store/replica_reader.h"
#include "store/temp_dir.h"

namespace moot {
namespace {

using Clock = std::chrono::steady_clock;
const ChannelId kChannel = ChannelId::of(as_bytes("a channel of 16."));
constexpr std::size_t kPage = 256;
constexpr int kReads = 2'000;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}
double peak_mib() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_maxrss) / 1024;
}

StoredRecord make_record(std::uint64_t n, Rng& rng) {
  std::array<std::uint8_t, 10> random;
  rng.fill(random);
  StoredRecord r;
  r.id = MsgId::make({1'700'000'000'000 + n * 3'000}, random);
  r.from = *UserId::parse("user" + std::to_string(n % 20));
  r.msg.assign(120, static_cast<std::uint8_t>('a' + n % 26));
  r.stamp.assign(20, 7);
  r.acks = Acks::of(std::vector{r.from, *UserId::parse("ada")}, 3);
  r.digest = record_digest(kChannel, r.id, r.from, r.msg);
  return r;
}

// The store with what it told.
class Disk {
 public:
  explicit Disk(const std::string& dir) {
    auto opened = store::ClientStore::open(
        {.dir = dir, .bounds = {}, .vfs = nullptr},
        {.on_commit = [this](Ticket t) { told(t); }, .on_error = [](const Error& e) { die(e); }});
    if (!opened) die(opened.error());
    store_ = std::move(*opened);
  }
  [[noreturn]] static void die(const Error& e) {
    std::fprintf(stderr, "%s\n", e.message.c_str());
    std::exit(1);
  }
  store::ClientStore& store() { return *store_; }
  void commit(std::vector<cop::Any> ops) {
    store_->submit(Ticket{++ticket_}, std::move(ops));
    std::unique_lock lock(mutex_);
    signal_.wait(lock, [&] { return durable_.n >= ticket_; });
  }
  Ticket ticket() const { return {ticket_}; }

 private:
  void told(Ticket t) {
    const std::scoped_lock lock(mutex_);
    durable_ = t;
    signal_.notify_one();
  }
  std::mutex mutex_;
  std::condition_variable signal_;
  Ticket durable_;
  std::uint64_t ticket_ = 0;
  std::unique_ptr<store::ClientStore> store_;
};

std::unique_ptr<store::ReplicaReaders> readers_of(const std::string& dir) {
  auto readers = store::ReplicaReaders::open(dir);
  if (!readers) Disk::die(readers.error());
  return std::move(*readers);
}

// Page by page, each on disk before the next, as a new member brings a history.
void bring(const std::string& dir, std::uint64_t records, bool json) {
  Disk disk(dir);
  const auto readers = readers_of(dir);
  disk.commit({cop::PutChannel{{.id = kChannel, .name = "log", .folded = "log"}}});
  HistoryIndex history(readers->of(kChannel), {});
  Rng rng(1);
  const auto start = Clock::now();
  for (std::uint64_t n = 0; n < records;) {
    cop::ReplicaOps page{.channel = kChannel, .ops = {}};
    for (std::size_t i = 0; i < kPage && n < records; ++i, ++n) {
      StoredRecord r = make_record(n, rng);
      history.insert(r, Ticket{disk.ticket().n + 1});
      page.ops.push_back(
          {.op = rop::PutCommitted{std::move(r)}, .folded = std::string(120, 'a'), .late = false});
    }
    for (const LeafSummary& leaf : history.take_changed_leaves()) {
      page.ops.push_back({.op = rop::PutLeaf{leaf}, .folded = "", .late = false});
    }
    disk.commit({std::move(page)});
    history.durable(disk.ticket());
  }
  const double ms = ms_since(start);
  if (json) return;
  std::printf("%9llu records: brought in pages of %zu, %.0f records/s, peak %.0f MiB\n",
              static_cast<unsigned long long>(records), kPage,
              static_cast<double>(records) * 1'000 / ms, peak_mib());
}

void read(const std::string& dir, std::uint64_t records, bool json) {
  const auto start = Clock::now();
  Disk disk(dir);
  const auto s = disk.store().load();
  if (!s) Disk::die(s.error());
  const auto readers = readers_of(dir);
  const HistoryIndex history(readers->of(kChannel), s->channels[0].replica.leaves);
  if (history.count() != records || !history.newest()) std::abort();
  const double opened_ms = ms_since(start);
  if (json) {
    return print(json, bench::Point{.id = "S.open",
                                    .title = "Opening a member's store by records",
                                    .unit = "ms",
                                    .x_name = "records",
                                    .x = static_cast<double>(records),
                                    .values = {opened_ms}});
  }
  std::printf("%9llu records: opened in %.1f ms", static_cast<unsigned long long>(records),
              opened_ms);
  Rng rng(2);
  std::vector<RecordKey> some;
  const auto leaves = Clock::now();
  for (int i = 0; i < kReads; ++i) some.push_back(history.nth(rng.below(records)));
  const double leaf_us = ms_since(leaves) * 1'000 / kReads;
  const auto singles = Clock::now();
  for (const RecordKey& key : some) {
    if (!readers->of(kChannel).record(key)) std::abort();
  }
  const double record_us = ms_since(singles) * 1'000 / kReads;
  const auto unread = Clock::now();
  if (!disk.store().channel_unread(*UserId::parse("ada"))) std::abort();
  const double unread_ms = ms_since(unread);
  const auto newest = Clock::now();
  if (!disk.store().channel_history({.channel = kChannel})) std::abort();
  std::printf(
      "; a leaf of keys %.1f us, a record %.1f us; counting what is unread %.1f ms, the newest 200 "
      "%.1f ms; peak %.0f MiB\n",
      leaf_us, record_us, unread_ms, ms_since(newest), peak_mib());
}

}  // namespace
}  // namespace moot

int main(int argc, char** argv) {
  std::vector<std::uint64_t> sizes{10'000, 1'000'000};
  const bool json = argc > 1 && std::string_view(argv[1]) == "--json";
  const int first = json ? 2 : 1;
  if (argc > first) sizes.clear();
  for (int i = first; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
  for (const std::uint64_t records : sizes) {
    const moot::store::TempDir dir;
    moot::bring(dir.path(), records, json);
    if (!json) moot::read(dir.path(), records, json);
    moot::read(dir.path(), records, json);  // its pages are in the system's memory now
  }
  return 0;
}
