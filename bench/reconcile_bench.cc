// What finding the differences of two histories costs (replication.md 3.3): octets and round trips
// by number of records and of differences. Prints a table.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/report.h"
#include "channel/memory_records.h"
#include "channel/replica.h"
#include "channel/rng.h"
#include "model/kept_command.h"
#include "wire/commands.h"

namespace moot {
namespace {

const ChannelId kChannel = ChannelId::of(as_bytes("a channel of 16."));
const UserId kAuthor = UserId::parse("ada").value();

StoredRecord content(const MsgId& id) {
  StoredRecord r;
  r.id = id;
  r.from = kAuthor;
  r.msg.assign(id.octets.begin() + 6, id.octets.end());
  r.stamp.assign(20, 7);
  r.digest = record_digest(kChannel, r.id, r.from, r.msg);
  return r;
}

// A message about every 3 seconds.
std::vector<RecordKey> make_keys(std::size_t n) {
  Rng rng(1);
  std::uint64_t ms = 1'700'000'000'000;
  std::vector<RecordKey> keys;
  keys.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    ms += 1 + rng.below(6'000);
    std::array<std::uint8_t, 10> random;
    rng.fill(random);
    keys.push_back(content(MsgId::make({ms}, random)).key());
  }
  return keys;
}

// Keys in one sorted vector, what comes later in a map; contents follow from the ids.
class Disk : public RecordReader {
 public:
  explicit Disk(std::vector<RecordKey> keys) : keys_(std::move(keys)) {}
  void keys(const RecordKey& from, const std::optional<RecordKey>& to, std::size_t max,
            std::vector<RecordKey>& out) const override {
    const std::size_t first = out.size();
    for (auto it = std::lower_bound(keys_.begin(), keys_.end(), from);
         it != keys_.end() && (!to || *it < *to) && out.size() < first + max; ++it) {
      out.push_back(*it);
    }
    const std::size_t old = out.size();
    later_.keys(from, to, max, out);
    const auto at = [&](std::size_t i) { return out.begin() + static_cast<std::ptrdiff_t>(i); };
    std::inplace_merge(at(first), at(old), out.end());
    if (out.size() > first + max) out.resize(first + max);
  }
  std::optional<StoredRecord> record(const RecordKey& key) const override {
    return content(key.id);
  }
  void apply(std::span<const rop::Any> ops) { later_.apply(ops); }

 private:
  std::vector<RecordKey> keys_;
  MemoryRecords later_;
};

struct Traffic {
  std::uint64_t questions = 0;  // round trips until nothing is missing here
  std::uint64_t compare = 0;    // octets of fingerprints and lists, both ways
  std::uint64_t want = 0;       // octets that name what is wanted
  std::uint64_t records = 0;    // octets of the records themselves
};

class Side : public ReplicaEffects {
 public:
  Side(const char* name, std::uint64_t seed, std::vector<RecordKey> keys) : disk_(std::move(keys)) {
    ReplicaConfig config;
    config.channel = kChannel;
    config.self = UserId::parse(name).value();
    config.seed = seed;
    ReplicaSnapshot stored;
    stored.leaves = build_leaves(disk_);
    const auto start = std::chrono::steady_clock::now();
    replica_ = std::make_unique<Replica>(config, disk_, stored);
    const auto took = std::chrono::steady_clock::now() - start;
    open_us = std::chrono::duration<double, std::micro>(took).count();
  }

  void attach(const UserId& leader) {
    replica_->connected(now_, *this);
    s::ChStatus status;
    status.id = kChannel;
    status.name = {"bench"};
    status.leader = leader;
    status.status = ChannelStatus::healthy;
    status.now = now_.wall.ms;
    give(status);
    s::ChElected elected{1, leader, kChannel, std::nullopt};
    if (leader == replica_->config().self) elected.you = true;
    give(elected);
  }
  void give(const s::Any& cmd) {
    replica_->step(now_, cmd, *this);
    if (durable_ < last_) replica_->durable(now_, durable_ = last_, *this);
  }
  const Replica& replica() const { return *replica_; }

  std::deque<Kept<c::Any>> out;
  double open_us = 0;

 private:
  void send(const c::Any& cmd) override { out.emplace_back(cmd); }
  void persist(std::span<const rop::Any> ops, Ticket ticket, bool) override {
    disk_.apply(ops);
    last_ = ticket;
  }
  void tell(const note::Any&) override {}

  Now now_{Tick{0}, UnixMs{1'800'000'000'000}};
  Disk disk_;
  std::unique_ptr<Replica> replica_;
  Ticket last_;
  Ticket durable_;
};

std::size_t octets(const c::Any& cmd) {
  Buffer fields;
  wire::encode_fields(fields, cmd);
  return fields.size();
}

// The puller's sync to its end; merges are committed as they arrive.
Traffic sync(Side& puller, Side& leader) {
  Traffic t;
  leader.attach(leader.replica().config().self);
  puller.attach(leader.replica().config().self);
  leader.out.clear();
  bool whole = false;
  while (!puller.out.empty()) {
    const auto asked = std::move(puller.out.front());
    puller.out.pop_front();
    if (const auto* merge = asked.get<c::ChMerge>()) {
      for (const MergeRecord& m : merge->msg) {
        const StoredRecord r = stored_record(kChannel, m);
        s::ChMsg msg{kChannel, r.id, r.msg, r.from, r.id.time().ms, r.stamp, true, {}, {}};
        const s::ChMsgCommit commit{r.id, {}, kChannel, 1, r.digest, 0, {}};
        for (Side* side : {&leader, &puller}) {
          side->give(msg);
          side->give(commit);
        }
      }
    }
    const auto* pull = asked.get<c::ChPull>();
    if (pull == nullptr) continue;
    (pull->want ? t.want : t.compare) += octets(asked.any());
    if (!whole) ++t.questions;
    leader.give(s::ChPull{pull->id, pull->anchor, pull->req, pull->count, pull->fp, pull->ranges,
                          pull->want, pull->since, puller.replica().config().self, 7});
    while (!leader.out.empty()) {
      const auto answer = std::move(leader.out.front());
      leader.out.pop_front();
      const auto* append = answer.get<c::ChAppend>();
      if (append == nullptr) continue;
      (append->ranges ? t.compare : t.records) += octets(answer.any());
      puller.give(s::ChAppend{append->id,
                              append->anchor,
                              append->messages,
                              append->req,
                              append->upto,
                              append->more,
                              append->ranges,
                              {}});
      whole = whole || puller.replica().synced();
    }
  }
  return t;
}

enum class Where { tail, anywhere, gap };

void measure(const std::vector<RecordKey>& keys, std::size_t d, Where where, bool json) {
  Rng rng(d + 17);
  std::vector<bool> only_puller(keys.size());
  std::vector<bool> only_leader(keys.size());
  const std::size_t n = keys.size();
  const std::size_t tail = std::min(n, std::max<std::size_t>(4 * d, 32));
  for (std::size_t i = 0; i < d;) {
    std::size_t at = where == Where::tail ? n - 1 - rng.below(tail) : rng.below(n);
    if (where == Where::gap) at = n / 3 + i;
    if (only_puller[at] || only_leader[at]) continue;
    // Half on each side, a gap on one; a single difference is the puller's lack.
    (where == Where::gap || i % 2 == 0 ? only_leader : only_puller)[at] = true;
    ++i;
  }
  std::vector<RecordKey> mine;
  std::vector<RecordKey> theirs;
  for (std::size_t i = 0; i < n; ++i) {
    if (!only_leader[i]) mine.push_back(keys[i]);
    if (!only_puller[i]) theirs.push_back(keys[i]);
  }
  Side puller("bob", 1, std::move(mine));
  Side leader("ada", 2, std::move(theirs));
  const Traffic t = sync(puller, leader);
  const bool equal = puller.replica().history().below(std::nullopt) ==
                         leader.replica().history().below(std::nullopt) &&
                     puller.replica().history().count() == n;
  if (json && !equal) {
    std::fprintf(stderr, "reconcile_bench: %zu differences of %zu: NOT EQUAL\n", d, n);
    std::exit(1);
  }
  if (json) {
    const std::string n_text = std::to_string(n);
    bench::Point point{.id = "S.differences." + n_text,
                       .title = "Finding differences in a history of " + n_text,
                       .unit = "octets",
                       .x_name = "differences",
                       .x = static_cast<double>(d),
                       .values = {static_cast<double>(t.compare + t.want)}};
    return print(json, point);
  }
  const char* place = where == Where::tail ? "tail" : where == Where::gap ? "gap" : "anywhere";
  std::printf("%9zu %6zu %-9s %11llu %12llu %9llu %11llu %9.0f %s\n", n, d, place,
              static_cast<unsigned long long>(t.questions),
              static_cast<unsigned long long>(t.compare), static_cast<unsigned long long>(t.want),
              static_cast<unsigned long long>(t.records), puller.open_us,
              equal ? "equal" : "NOT EQUAL");
}

}  // namespace
}  // namespace moot

// With `--json`: points of a curve, differences anywhere.
int main(int argc, char** argv) {
  using namespace moot;
  const bool json = argc == 2 && std::string_view(argv[1]) == "--json";
  if (!json) {
    std::printf("%9s %6s %-9s %11s %12s %9s %11s %9s\n", "records", "d", "where", "round trips",
                "compare B", "want B", "records B", "open us");
  }
  for (const std::size_t n : {std::size_t{10'000}, std::size_t{1'000'000}}) {
    const auto keys = make_keys(n);
    if (json) {
      for (const std::size_t d : {1, 3, 10, 30, 100, 300, 1'000, 3'000})
        measure(keys, d, Where::anywhere, json);
      continue;
    }
    measure(keys, 0, Where::tail, json);
    for (const std::size_t d : {1, 10, 1'000}) {
      measure(keys, d, Where::tail, json);
      measure(keys, d, Where::anywhere, json);
    }
    measure(keys, 1'000, Where::gap, json);
  }
}
