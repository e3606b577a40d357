#pragma once

#include "model/commands.h"
#include "tests/conformance/json.h"
#include "wire/commands.h"

// Whether a decoded command is what the vector's list of fields says, member by member.
namespace moot::vectors {

template <class T>
bool matches(const T& v, const Json& j);

inline bool matches_octets(Bytes v, const Json& j) {
  return j.is_object() && j.contains("bin") && equal(v, octets_of(j));
}

inline bool matches_range(const Range& v, const Json& j) {
  if (!j.is_array() || j.size() != 3 || !matches(v.upper, j[0])) return false;
  if (uint_of(j[1]) != static_cast<std::uint64_t>(v.mode)) return false;
  switch (v.mode) {
    case Range::Mode::skip:
      return j[2].is_null();
    case Range::Mode::fingerprint:
      return j[2].size() == 2 && matches_octets(v.fp.bytes(), j[2][0]) &&
             uint_of(j[2][1]) == v.count;
    case Range::Mode::list:
      return matches(v.list, j[2]);
  }
  return false;
}

// The elements of a BATCH, as octets.
inline bool matches_commands(const RawCommands& v, const Json& j) {
  Buffer out;
  wire::Writer w(out);
  for (const Json& each : j) put_value(w, each);
  return v.count == j.size() && equal(v.octets, out.bytes());
}

inline bool matches_roles(Roles v, const Json& j) {
  if (!j.is_object() || v.size() != j.size()) return false;
  std::size_t i = 0;
  for (const auto& [user, role] : j.items()) {
    if (v[i].user.str() != user || text(v[i].role) != text_of(role)) return false;
    ++i;
  }
  return true;
}

// A map of fields: every member that is there is in `j`, and `j` has nothing else.
template <Described T>
bool matches_map(const T& v, const Json& j) {
  std::size_t present = 0;
  bool same = true;
  for_each_field<T>([&](const auto& f) {
    const auto& member = v.*f.member;
    const auto it = j.find(std::string(f.key));
    if constexpr (kIsOptional<std::remove_cvref_t<decltype(member)>>) {
      if (!member.has_value()) {
        same = same && it == j.end();
        return;
      }
    }
    ++present;
    same = same && it != j.end() && matches(member, *it);
  });
  return same && present == j.size();
}

template <class T>
bool matches(const T& v, const Json& j) {
  if constexpr (kIsOptional<T>) {
    return matches(*v, j);
  } else if constexpr (kIsOrNil<T>) {
    return v ? matches(*v, j) : j.is_null();
  } else if constexpr (std::same_as<T, bool>) {
    return j.is_boolean() && j.get<bool>() == v;
  } else if constexpr (std::integral<T>) {
    return (j.is_number() || j.is_object()) && uint_of(j) == v;
  } else if constexpr (WireEnum<T>) {
    return text_of(j) == text(v);
  } else if constexpr (std::same_as<T, std::string_view>) {
    return text_of(j) == v;
  } else if constexpr (std::same_as<T, Name>) {
    return text_of(j) == v.text;
  } else if constexpr (std::same_as<T, UserId>) {
    return text_of(j) == v.str();
  } else if constexpr (std::same_as<T, Bytes>) {
    return matches_octets(v, j);
  } else if constexpr (std::same_as<T, MsgOrUser>) {
    return v.msg ? matches_octets(v.msg->bytes(), j) : text_of(j) == v.user.str();
  } else if constexpr (std::same_as<T, Range>) {
    return matches_range(v, j);
  } else if constexpr (std::same_as<T, RawCommands>) {
    return matches_commands(v, j);
  } else if constexpr (requires { T::kSize; }) {
    return matches_octets(v.bytes(), j);
  } else if constexpr (std::same_as<T, Roles>) {
    return matches_roles(v, j);
  } else if constexpr (kIsSpan<T>) {
    if (!j.is_array() || v.size() != j.size()) return false;
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (!matches(v[i], j[i])) return false;
    }
    return true;
  } else {
    return matches_map(v, j);
  }
}

}  // namespace moot::vectors
