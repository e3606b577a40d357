#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

// The words of the protocol that are one of a few.
namespace moot {

enum class Dir : std::uint8_t { client, server };

enum class Keeper : std::uint8_t { members, server };
enum class Visibility : std::uint8_t { public_, private_ };
enum class History : std::uint8_t { all, since_join };
enum class Role : std::uint8_t { owner, admin, none };
enum class UserStatus : std::uint8_t { online, away, offline };
enum class ChannelStatus : std::uint8_t { healthy, few, electing, server };

// ERR codes (protocol.md 8).
enum class Errc : std::uint8_t {
  bad_payload,
  unknown_command,
  unknown_user,
  not_connected,
  queue_full,
  not_found,
  not_member,
  not_allowed,
  not_attached,
  name_taken,
  not_healthy,
  not_leader,
  stale_election,
  busy,
  bad_time,
  expired,
  conflict,
  unknown_msg,
  no_quorum,
  bad_stamp,
  too_large,
  limit,
  rate,
  unsupported,
};

// DCNN codes (protocol.md 6.1).
enum class DcnnCode : std::uint8_t {
  timeout,
  replaced,
  revoked,
  clock,
  replay,
  chal,
  srv,
  limit,
  proto,
  sendq,
  stale,
  shutdown,
};

template <class E>
struct EnumTexts;
template <>
struct EnumTexts<Dir> {
  static constexpr std::array<std::string_view, 2> value{"c", "s"};
};
template <>
struct EnumTexts<Keeper> {
  static constexpr std::array<std::string_view, 2> value{"members", "server"};
};
template <>
struct EnumTexts<Visibility> {
  static constexpr std::array<std::string_view, 2> value{"public", "private"};
};
template <>
struct EnumTexts<History> {
  static constexpr std::array<std::string_view, 2> value{"all", "since_join"};
};
template <>
struct EnumTexts<Role> {
  static constexpr std::array<std::string_view, 3> value{"owner", "admin", "none"};
};
template <>
struct EnumTexts<UserStatus> {
  static constexpr std::array<std::string_view, 3> value{"online", "away", "offline"};
};
template <>
struct EnumTexts<ChannelStatus> {
  static constexpr std::array<std::string_view, 4> value{"healthy", "few", "electing", "server"};
};
template <>
struct EnumTexts<Errc> {
  static constexpr std::array<std::string_view, 24> value{
      "bad_payload", "unknown_command", "unknown_user",   "not_connected", "queue_full",
      "not_found",   "not_member",      "not_allowed",    "not_attached",  "name_taken",
      "not_healthy", "not_leader",      "stale_election", "busy",          "bad_time",
      "expired",     "conflict",        "unknown_msg",    "no_quorum",     "bad_stamp",
      "too_large",   "limit",           "rate",           "unsupported"};
};
template <>
struct EnumTexts<DcnnCode> {
  static constexpr std::array<std::string_view, 12> value{
      "timeout", "replaced", "revoked", "clock", "replay", "chal",
      "srv",     "limit",    "proto",   "sendq", "stale",  "shutdown"};
};

template <class E>
concept WireEnum = requires { EnumTexts<E>::value; };

template <WireEnum E>
constexpr std::string_view text(E e) {
  return EnumTexts<E>::value[static_cast<std::size_t>(e)];
}
template <WireEnum E>
constexpr std::optional<E> parse_enum(std::string_view word) {
  for (std::size_t i = 0; i < EnumTexts<E>::value.size(); ++i) {
    if (EnumTexts<E>::value[i] == word) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace moot
