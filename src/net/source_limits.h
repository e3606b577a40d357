#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/limits.h"
#include "net/recent_table.h"

// Who may connect before anybody has said who he is (protocol.md 10, security.md 5.1). Pure.
namespace moot::net {

// An address: 4 octets, or 16. What counts as one source is an IPv4 address or an IPv6 /64.
struct Address {
  std::array<std::uint8_t, 16> octets{};
  bool v6 = false;
  friend bool operator==(const Address&, const Address&) = default;
  bool loopback() const;
};
// An IPv4 address written as IPv6 (::ffff:a.b.c.d) is the IPv4 one.
Address plain_v4(Address a);
// What is the same for all addresses of one source, within its family.
std::uint64_t source_of(const Address& a);

std::string text(const Address& a);

// "127.0.0.0/8", "::1": addresses without counts, early drop and penalties.
struct Network {
  Address address;
  unsigned prefix = 0;
  bool holds(const Address& a) const;
  friend bool operator==(const Network&, const Network&) = default;
};
Result<Network> parse_network(std::string_view text);
std::string text(const Network& network);

class SourceLimits {
 public:
  struct Config {
    std::uint64_t live_max = limits::kConnsPerIp;             // before CNN; 0: off
    std::uint64_t new_per_10min = limits::kConnsNewPer10Min;  // 0: off
    std::vector<Network> exempt;
  };
  // What a connection that ended before CNN did.
  enum class Fault : std::uint8_t { none, no_cnn, auth_failure, protocol_error };
  static constexpr std::size_t kSourcesMax = 65'536;  // of each family

  // `seed` is random.
  SourceLimits(Config config, std::uint64_t seed)
      : config_(std::move(config)), v4_(kSourcesMax, seed), v6_(kSourcesMax, seed) {}
  void configure(Config config) { config_ = std::move(config); }

  // Whether the connection may live; it then counts until `settled`. `random` decides the early
  // drop: 30 % of newcomers at 64 unknown connections, rising to all at 256.
  bool admit(const Address& from, Tick now, std::uint32_t random);
  // It came through CNN (fault none), or ended before.
  void settled(const Address& from, Tick now, Fault fault);

  // Whether its addresses are left alone by everything that counts sources.
  bool exempt(const Address& a) const;

  std::size_t unknown() const { return unknown_; }
  std::size_t sources() const { return v4_.size() + v6_.size(); }

 private:
  struct Source {
    std::uint32_t live = 0;
    std::uint32_t fresh = 0;  // new connections in the ten minutes from `begun`
    std::optional<Tick> begun;
    Tick barred_until;  // penalties add up here; they bite from 15 s on
  };
  // The least recently seen goes when a table is full, one with live connections last.
  using Table = RecentTable<std::uint64_t, Source>;
  Source& source(const Address& from, Tick now);

  Config config_;
  Table v4_;
  Table v6_;
  std::size_t unknown_ = 0;  // connections before CNN that are not exempt
};

}  // namespace moot::net
