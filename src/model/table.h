#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "base/bytes.h"
#include "model/codes.h"
#include "model/ids.h"

// The language in which commands are described. A struct and its `kTable` stand together in
// commands.h; encoder, decoder, printer, equality and the reference table of docs/protocol.md
// are all derived from the pair.
namespace moot {

// A field that may hold nil: "none", or "before the first" (protocol.md 2). Unlike
// std::optional it is always present on the wire.
template <class T>
struct OrNil {
  std::optional<T> value;
  OrNil() = default;
  OrNil(std::nullopt_t) {}         // NOLINT: a value of the field
  OrNil(const T& v) : value(v) {}  // NOLINT
  explicit operator bool() const { return value.has_value(); }
  const T& operator*() const { return *value; }
  const T* operator->() const { return &*value; }
  friend bool operator==(const OrNil&, const OrNil&) = default;
};

// A nickname or channel name as it came: 1..64 code points, no control characters. Whether it
// is NFC is src/text's verdict.
struct Name {
  std::string_view text;
  friend bool operator==(Name, Name) = default;
};

// The elements of BATCH, still encoded: `count` msgpack maps in a row.
struct RawCommands {
  Bytes octets;
  std::size_t count = 0;
  friend bool operator==(const RawCommands& a, const RawCommands& b) {
    return a.count == b.count && equal(a.octets, b.octets);
  }
};

// ERR's `id`: of a message or of a user.
struct MsgOrUser {
  std::optional<MsgId> msg;
  UserId user;
  MsgOrUser() = default;
  MsgOrUser(const MsgId& m) : msg(m) {}    // NOLINT: either converts
  MsgOrUser(const UserId& u) : user(u) {}  // NOLINT
  friend bool operator==(const MsgOrUser&, const MsgOrUser&) = default;
};

// A map on the wire from user to role.
struct RoleOf {
  UserId user;
  Role role = Role::none;
  friend bool operator==(const RoleOf&, const RoleOf&) = default;
};

// One range of a reconciliation (replication.md 3.2).
struct Range {
  enum class Mode : std::uint8_t { skip = 0, fingerprint = 1, list = 2 };
  OrNil<Bytes> upper;  // exclusive; 1..24 octets; nil: to the end
  Mode mode = Mode::skip;
  Fp fp;                          // mode fingerprint
  std::uint64_t count = 0;        // mode fingerprint
  std::span<const Element> list;  // mode list
};
bool operator==(const Range& a, const Range& b);

// Octets (str, bin) or entries (arrays) a field may have. Outside: bad_payload.
struct Bounds {
  std::size_t min = 0;
  std::size_t max = std::numeric_limits<std::size_t>::max();
};

template <class C, class T>
struct Field {
  using Class = C;
  using Type = T;
  std::string_view key;
  T C::* member;
  Bounds bounds;
};
template <class C, class T>
consteval Field<C, T> field(std::string_view key, T C::* member, Bounds bounds = {}) {
  return {key, member, bounds};
}

template <class... F>
struct Table {
  std::string_view name;
  Dir dir = Dir::client;
  std::tuple<F...> fields;
  static constexpr std::size_t kFields = sizeof...(F);
};
// A command: its name on the wire and who sends it.
template <class... F>
consteval Table<F...> command(std::string_view name, Dir dir, F... fields) {
  return {name, dir, {fields...}};
}
// A map inside a command.
template <class... F>
consteval Table<F...> entry(F... fields) {
  return {{}, Dir::client, {fields...}};
}

template <class T>
concept Described = requires { T::kTable.fields; };

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsOrNil = false;
template <class T>
inline constexpr bool kIsOrNil<OrNil<T>> = true;
template <class T>
inline constexpr bool kIsSpan = false;
template <class T>
inline constexpr bool kIsSpan<std::span<const T>> = true;

// Calls `f(field)` for every field of a described struct, in wire order.
template <Described T, class F>
constexpr void for_each_field(F&& f) {
  std::apply([&](const auto&... each) { (f(each), ...); }, T::kTable.fields);
}

namespace detail {
template <class T>
bool same(const T& a, const T& b) {
  if constexpr (std::same_as<T, Bytes>) {
    return equal(a, b);
  } else if constexpr (kIsSpan<T>) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!same(a[i], b[i])) return false;
    }
    return true;
  } else if constexpr (kIsOptional<T>) {
    return a.has_value() == b.has_value() && (!a.has_value() || same(*a, *b));
  } else if constexpr (kIsOrNil<T>) {
    return same(a.value, b.value);
  } else {
    return a == b;
  }
}
}  // namespace detail

// By content: views are equal when what they show is.
template <Described T>
bool operator==(const T& a, const T& b) {
  bool equal = true;
  for_each_field<T>(
      [&](const auto& f) { equal = equal && detail::same(a.*f.member, b.*f.member); });
  return equal;
}

inline bool operator==(const Range& a, const Range& b) {
  return detail::same(a.upper, b.upper) && a.mode == b.mode && a.fp == b.fp && a.count == b.count &&
         detail::same(a.list, b.list);
}

}  // namespace moot
