#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "channel/channels_test_world.h"
#include "channel/record.h"

namespace moot::test {

// A record as a member gives it away: his own copy, to be changed as anybody likes.
struct Given {
  MsgId id;
  UserId from;
  ByteBuf msg;
  ByteBuf stamp;
  std::uint64_t timestamp = 0;
  friend bool operator==(const Given&, const Given&) = default;
};

// What can be done to a record, by `kind` and two numbers. The result may be the same record.
inline constexpr unsigned kChanges = 11;
inline Given changed(Given g, unsigned kind, std::uint64_t a, std::uint64_t b, const Given& other) {
  const auto flip = [&](auto& octets) {
    if (octets.size() > 0) octets[a % octets.size()] ^= static_cast<std::uint8_t>(1u << b % 8);
  };
  switch (kind % kChanges) {
    case 0:
      flip(g.msg);
      break;
    case 1:
      if (g.msg.size() > 1) g.msg.pop_back();
      break;
    case 2:
      g.msg.push_back(static_cast<std::uint8_t>(a));
      break;
    case 3:
      g.from = *UserId::parse(a % 3 == 0 ? "ada" : a % 3 == 1 ? "ben" : "eve");
      break;
    case 4:  // another place in the history, told truly
      flip(g.id.octets);
      g.timestamp = g.id.time().ms;
      break;
    case 5:
      flip(g.stamp);
      break;
    case 6:
      a % 2 == 0 ? g.stamp.resize(g.stamp.size() / 2) : g.stamp.push_back(0);
      break;
    case 7:
      g.msg = other.msg;
      break;
    case 8:
      g.stamp = other.stamp;
      break;
    case 9:
      g.stamp.clear();
      break;
    default:
      g.timestamp += 1 + a % 1000;
      break;
  }
  return g;
}

// A channel with records that were relayed, and ben, who merges what he likes.
class MergedWorld {
 public:
  static constexpr std::size_t kRecords = 12;

  explicit MergedWorld(Keeper keeper) {
    world_.all("users ada ben cyd eve\nconnect ada ben cyd");
    world_.run(keeper == Keeper::members ? "ada create #log members" : "ada create #log");
    world_.all("ben join #log\ncyd join #log\nada attach #log\nben attach #log\ncyd attach #log");
    if (keeper == Keeper::members) world_.all("ada lead #log\nben vote #log ada");
    world_.run("wait 100");
    channel_ = world_.channel("#log");
    for (std::size_t i = 0; i < kRecords; ++i) genuine_.push_back(relayed(i));
  }

  const std::vector<Given>& genuine() const { return genuine_; }
  World& world() { return world_; }
  bool is_genuine(const Given& g) const { return std::ranges::find(genuine_, g) != genuine_.end(); }

  // The ERR codes of ben's page; what it made the server say is in world().fx().lines.
  std::vector<Errc> merge(const std::vector<Given>& page) {
    std::vector<MergeRecord> records;
    for (const Given& g : page) {
      MergeRecord r;
      r.id = g.id;
      r.from = g.from;
      r.msg = g.msg;
      r.timestamp = g.timestamp;
      if (!g.stamp.empty()) r.stamp = g.stamp;
      records.push_back(r);
    }
    world_.run("wait 0");  // nothing of before is counted
    world_.channels().step(world_.now(), ben(), c::ChMerge{.msg = records, .id = channel_},
                           world_.fx());
    const std::vector<Errc> errors = world_.fx().errors;
    world_.channels().check_invariants();
    return errors;
  }
  // What the server keeps, once all is on its disk.
  std::vector<Given> kept() {
    world_.run("wait 0");
    std::vector<Given> all;
    for (const auto& [key, r] : world_.fx().records.all(channel_)) {
      all.push_back({r.id, r.from, r.msg, r.stamp, r.id.time().ms});
    }
    return all;
  }

 private:
  std::span<const StampKey> keys() const { return world_.fx().disk.stamp_keys; }
  Given relayed(std::size_t i) {
    static constexpr const char* kAuthors[] = {"ada", "ben", "cyd"};
    std::array<std::uint8_t, 10> random{};
    random[0] = static_cast<std::uint8_t>(i);
    Given g;
    g.from = *UserId::parse(kAuthors[i % 3]);
    g.id = MsgId::make(UnixMs{world_.now().wall.ms - 1000 * (kRecords - i)}, random);
    g.msg = ByteBuf(1 + i, static_cast<std::uint8_t>('a' + i));
    g.timestamp = g.id.time().ms;
    const Stamp stamp = make_stamp(keys().front(), channel_, g.id, g.from, g.msg);
    g.stamp.assign(stamp.begin(), stamp.end());
    return g;
  }
  ConnId ben() {
    for (const auto& [id, name] : world_.fx().conns) {
      if (name == "ben") return id;
    }
    MOOT_CHECK(false && "ben is connected");
    return {};
  }

  mutable World world_;
  ChannelId channel_;
  std::vector<Given> genuine_;
};

}  // namespace moot::test
