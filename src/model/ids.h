#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"
#include "model/limits.h"

namespace moot {

// A fixed number of octets with a meaning of its own; ordered as unsigned octets.
template <std::size_t N, class Tag>
struct Octets {
  static constexpr std::size_t kSize = N;
  std::array<std::uint8_t, N> octets{};

  // The first N octets of `from`. REQUIRES: from.size() >= N.
  static Octets of(Bytes from) {
    Octets o;
    std::memcpy(o.octets.data(), from.data(), N);
    return o;
  }
  Bytes bytes() const { return octets; }
  friend constexpr bool operator==(const Octets& a, const Octets& b) {
    return equal_octets(a.octets, b.octets);
  }
  friend constexpr std::strong_ordering operator<=>(const Octets& a, const Octets& b) {
    return order_octets(a.octets, b.octets);
  }
};

// ULID: 48 bits of unix milliseconds, 80 bits that tell equal times apart (protocol.md 4).
template <class Tag>
struct Ulid : Octets<16, Tag> {
  using Base = Octets<16, Tag>;
  static Ulid of(Bytes from) { return {Base::of(from)}; }
  UnixMs time() const {
    std::uint64_t ms = 0;
    for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | this->octets[i];
    return {ms};
  }
  static Ulid make(UnixMs at, std::span<const std::uint8_t, 10> random) {
    Ulid u;
    for (std::size_t i = 0; i < 6; ++i)
      u.octets[i] = static_cast<std::uint8_t>(at.ms >> (40 - 8 * i));
    std::memcpy(u.octets.data() + 6, random.data(), 10);
    return u;
  }
  // This id plus one as a 128-bit number; the greatest one stays.
  Ulid next() const {
    Ulid u = *this;
    for (std::size_t i = 16; i-- > 0;) {
      if (++u.octets[i] != 0) return u;
    }
    return *this;
  }
  friend constexpr auto operator<=>(const Ulid&, const Ulid&) = default;
};

using ChannelId = Ulid<struct ChannelTag>;
using MsgId = Ulid<struct MsgTag>;
using Kid = Octets<8, struct KidTag>;         // a credential: one a device
using Digest = Octets<32, struct DigestTag>;  // of a channel record (replication.md 2.1)
using Challenge = Octets<16, struct ChalTag>;
using Binding = Octets<32, struct BindingTag>;  // TLS exporter value
using KeyBytes = Octets<32, struct KeyTag>;     // an account key: secret, wipe what holds one
using ReplicaId = Octets<16, struct ReplicaTag>;
using Fp = Octets<16, struct FpTag>;            // fingerprint of a set of records
using Element = Octets<24, struct ElementTag>;  // msg id, first 8 octets of the digest

// 26 characters of Crockford base 32, upper case (protocol.md 4).
std::string ulid_text(Bytes sixteen);
std::optional<std::array<std::uint8_t, 16>> ulid_parse(std::string_view text);

template <class Tag>
std::string text(const Ulid<Tag>& id) {
  return ulid_text(id.bytes());
}
template <class Id>
std::optional<Id> parse_ulid(std::string_view t) {
  const auto octets = ulid_parse(t);
  if (!octets) return std::nullopt;
  return Id::of(*octets);
}
std::string text(const Kid& kid);
std::optional<Kid> parse_kid(std::string_view hex16);

// A user id: ^[a-z0-9][a-z0-9._-]{0,31}$, held in place. The empty one means "none".
class UserId {
 public:
  constexpr UserId() = default;
  static std::optional<UserId> parse(std::string_view text);
  std::string_view str() const { return {text_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  // `server` and `invite` are names of the protocol, never of a person.
  bool reserved() const { return str() == "server" || str() == "invite"; }
  // What the text is padded to: always as many octets, for whoever hashes it.
  Bytes padded() const { return as_bytes(std::string_view(text_.data(), text_.size())); }
  friend constexpr bool operator==(const UserId& a, const UserId& b) {
    return equal_octets(a.text_, b.text_);
  }
  friend constexpr std::strong_ordering operator<=>(const UserId& a, const UserId& b) {
    return order_octets(a.text_, b.text_);
  }

 private:
  // Padded with zeros, which no id holds, so comparing whole arrays compares the texts.
  std::array<char, limits::kUserIdBytesMax> text_{};
  std::uint8_t size_ = 0;
};

const UserId& server_user();
const UserId& invite_user();

// Names a connection inside one process; never used again in its life.
struct ConnId {
  std::uint64_t n = 0;
  friend constexpr auto operator<=>(ConnId, ConnId) = default;
};

}  // namespace moot

template <std::size_t N, class Tag>
struct std::hash<moot::Octets<N, Tag>> {
  std::size_t operator()(const moot::Octets<N, Tag>& o) const noexcept {
    return std::hash<std::string_view>{}(moot::as_text(o.bytes()));
  }
};
template <class Tag>
struct std::hash<moot::Ulid<Tag>> : std::hash<moot::Octets<16, Tag>> {};
template <>
struct std::hash<moot::UserId> {
  std::size_t operator()(const moot::UserId& u) const noexcept {
    return std::hash<std::string_view>{}(u.str());
  }
};
template <>
struct std::hash<moot::ConnId> {
  std::size_t operator()(moot::ConnId c) const noexcept { return std::hash<std::uint64_t>{}(c.n); }
};
