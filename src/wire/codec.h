#pragma once

#include <array>
#include <expected>
#include <string_view>

#include "base/arena.h"
#include "base/buffer.h"
#include "model/commands.h"
#include "wire/msgpack.h"

// Bytes to commands and back, derived from the tables of model/commands.h. Nothing here knows a
// command by name.
namespace moot::wire {

// Why a well-formed map is not the command it claims to be (protocol.md 8).
struct DecodeError {
  Errc code = Errc::bad_payload;  // or unknown_command
  std::string_view field;         // of bad_payload
  std::string_view what;          // "is missing", "must be str", ...
  friend bool operator==(const DecodeError&, const DecodeError&) = default;
};

// What the octets of a field of type T are called in docs/protocol.md and in errors.
template <class T>
constexpr std::string_view wire_type() {
  if constexpr (std::same_as<T, bool>) {
    return "bool";
  } else if constexpr (std::integral<T>) {
    return "uint";
  } else if constexpr (WireEnum<T>) {
    return "one of its words";
  } else if constexpr (std::same_as<T, std::string_view>) {
    return "str";
  } else if constexpr (std::same_as<T, Name>) {
    return "a name";
  } else if constexpr (std::same_as<T, UserId>) {
    return "a user id";
  } else if constexpr (std::same_as<T, Bytes>) {
    return "bin";
  } else if constexpr (std::same_as<T, MsgId> || std::same_as<T, ChannelId>) {
    return "an id of 16 octets";
  } else if constexpr (std::same_as<T, MsgOrUser>) {
    return "an id";
  } else if constexpr (std::same_as<T, Range>) {
    return "a range";
  } else if constexpr (std::same_as<T, RawCommands>) {
    return "1..512 commands";
  } else if constexpr (requires { T::kSize; }) {
    return "bin of its length";
  } else if constexpr (kIsOptional<T>) {
    return wire_type<typename T::value_type>();
  } else if constexpr (kIsOrNil<T>) {
    return wire_type<typename decltype(T::value)::value_type>();
  } else if constexpr (std::same_as<T, Roles>) {
    return "a map of roles";
  } else if constexpr (kIsSpan<T>) {
    return "an array";
  } else {
    return "a map";
  }
}

// UTF-8 of 1..64 code points, none of category Cc.
bool is_name(std::string_view text);

// ---- values -------------------------------------------------------------------------------

template <class T>
void encode_value(Writer& w, const T& v);
template <class T>
bool decode_value(Reader& r, T& v, const Bounds& bounds, Arena& arena);
bool decode_value(Reader& r, Range& v, Arena& arena);
void encode_value(Writer& w, const Range& v);

// A map of the fields of T; true when every required field was there and right. `error` says
// which was not. Unknown keys are skipped.
template <Described T>
bool decode_map(Reader& r, std::uint32_t pairs, T& v, Arena& arena, DecodeError& error);

// The pairs of `v` without the header of their map; returns how many.
template <Described T>
std::uint32_t encode_pairs(Writer& w, const T& v) {
  std::uint32_t pairs = 0;
  for_each_field<T>([&](const auto& f) {
    const auto& member = v.*f.member;
    if constexpr (kIsOptional<std::remove_cvref_t<decltype(member)>>) {
      if (!member.has_value()) return;
      w.str(f.key);
      encode_value(w, *member);
    } else {
      w.str(f.key);
      encode_value(w, member);
    }
    ++pairs;
  });
  return pairs;
}

template <Described T>
std::uint32_t count_pairs(const T& v) {
  std::uint32_t pairs = 0;
  for_each_field<T>([&](const auto& f) {
    const auto& member = v.*f.member;
    if constexpr (kIsOptional<std::remove_cvref_t<decltype(member)>>) {
      pairs += member.has_value() ? 1u : 0u;
    } else {
      ++pairs;
    }
  });
  return pairs;
}

template <class T>
void encode_value(Writer& w, const T& v) {
  if constexpr (std::same_as<T, bool>) {
    w.boolean(v);
  } else if constexpr (std::integral<T>) {
    w.uint(v);
  } else if constexpr (WireEnum<T>) {
    w.str(text(v));
  } else if constexpr (std::same_as<T, std::string_view>) {
    w.str(v);
  } else if constexpr (std::same_as<T, Name>) {
    w.str(v.text);
  } else if constexpr (std::same_as<T, UserId>) {
    w.str(v.str());
  } else if constexpr (std::same_as<T, Bytes>) {
    w.bin(v);
  } else if constexpr (std::same_as<T, MsgOrUser>) {
    v.msg ? w.bin(v.msg->bytes()) : w.str(v.user.str());
  } else if constexpr (std::same_as<T, RawCommands>) {
    w.array(v.count);
    w.raw(v.octets);
  } else if constexpr (requires { T::kSize; }) {
    w.bin(v.bytes());
  } else if constexpr (kIsOrNil<T>) {
    v ? encode_value(w, *v) : w.nil();
  } else if constexpr (std::same_as<T, Roles>) {
    w.map(v.size());
    for (const RoleOf& role : v) {
      w.str(role.user.str());
      w.str(text(role.role));
    }
  } else if constexpr (kIsSpan<T>) {
    w.array(v.size());
    for (const auto& each : v) encode_value(w, each);
  } else {
    w.map(count_pairs(v));
    encode_pairs(w, v);
  }
}

template <class T>
bool decode_value(Reader& r, T& v, const Bounds& bounds, Arena& arena) {
  if constexpr (kIsOptional<T>) {
    return decode_value(r, v.emplace(), bounds, arena);
  } else if constexpr (kIsOrNil<T>) {
    if (r.type() == Type::nil) {
      r.nil();
      v.value.reset();
      return true;
    }
    return decode_value(r, v.value.emplace(), bounds, arena);
  } else if constexpr (std::same_as<T, bool>) {
    if (r.type() != Type::boolean) return false;
    v = r.boolean();
    return true;
  } else if constexpr (std::integral<T>) {
    if (r.type() != Type::uint) return false;
    v = r.uint();
    return true;
  } else if constexpr (WireEnum<T>) {
    if (r.type() != Type::str) return false;
    const auto word = parse_enum<T>(r.str());
    if (word) v = *word;
    return word.has_value();
  } else if constexpr (std::same_as<T, std::string_view>) {
    if (r.type() != Type::str) return false;
    v = r.str();
    return v.size() >= bounds.min && v.size() <= bounds.max;
  } else if constexpr (std::same_as<T, Name>) {
    if (r.type() != Type::str) return false;
    v.text = r.str();
    return is_name(v.text);
  } else if constexpr (std::same_as<T, UserId>) {
    if (r.type() != Type::str) return false;
    const auto id = UserId::parse(r.str());
    if (id) v = *id;
    return id.has_value();
  } else if constexpr (std::same_as<T, Bytes>) {
    if (r.type() != Type::bin) return false;
    v = r.bin();
    return v.size() >= bounds.min && v.size() <= bounds.max;
  } else if constexpr (std::same_as<T, MsgOrUser>) {
    if (r.type() == Type::str) return decode_value(r, v.user, bounds, arena);
    return decode_value(r, v.msg.emplace(), bounds, arena);
  } else if constexpr (std::same_as<T, RawCommands>) {
    if (r.type() != Type::array) return false;
    v.count = r.array();
    if (v.count < 1 || v.count > limits::kBatchCommandsMax) return false;
    const std::uint8_t* begin = r.at();
    for (std::size_t i = 0; i < v.count; ++i) {
      if (r.type() != Type::map) return false;
      r.skip();
    }
    v.octets = {begin, r.at()};
    return true;
  } else if constexpr (requires { T::kSize; }) {
    if (r.type() != Type::bin) return false;
    const Bytes b = r.bin();
    if (b.size() != T::kSize) return false;
    v = T::of(b);
    return true;
  } else if constexpr (std::same_as<T, Roles>) {
    if (r.type() != Type::map) return false;
    const std::uint32_t n = r.map();
    if (n > bounds.max) return false;
    const auto list = arena.make<RoleOf>(n);
    for (RoleOf& role : list) {
      const auto user = UserId::parse(r.str());
      if (!user || !decode_value(r, role.role, {}, arena)) return false;
      role.user = *user;
    }
    v = list;
    return true;
  } else if constexpr (kIsSpan<T>) {
    if (r.type() != Type::array) return false;
    const std::uint32_t n = r.array();
    if (n < bounds.min || n > bounds.max) return false;
    const auto list = arena.make<std::remove_const_t<typename T::element_type>>(n);
    for (auto& each : list) {
      if constexpr (std::same_as<std::remove_cvref_t<decltype(each)>, Range>) {
        if (!decode_value(r, each, arena)) return false;
      } else {
        if (!decode_value(r, each, {}, arena)) return false;
      }
    }
    v = list;
    return true;
  } else {
    if (r.type() != Type::map) return false;
    DecodeError inner;
    return decode_map(r, r.map(), v, arena, inner);
  }
}

namespace detail {
template <class T>
struct FieldDecoder {
  std::string_view key;
  std::string_view type;
  bool required;
  bool (*decode)(Reader&, T&, Arena&);
};

template <Described T, std::size_t I>
bool decode_field(Reader& r, T& v, Arena& arena) {
  constexpr auto f = std::get<I>(T::kTable.fields);
  return decode_value(r, v.*f.member, f.bounds, arena);
}

template <Described T>
constexpr auto field_decoders() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<FieldDecoder<T>, sizeof...(I)>{FieldDecoder<T>{
        std::get<I>(T::kTable.fields).key,
        wire_type<typename std::remove_cvref_t<decltype(std::get<I>(T::kTable.fields))>::Type>(),
        !kIsOptional<typename std::remove_cvref_t<decltype(std::get<I>(T::kTable.fields))>::Type>,
        &decode_field<T, I>}...};
  }(std::make_index_sequence<T::kTable.kFields>{});
}
template <Described T>
inline constexpr auto kFieldDecoders = field_decoders<T>();
}  // namespace detail

template <Described T>
bool decode_map(Reader& r, std::uint32_t pairs, T& v, Arena& arena, DecodeError& error) {
  constexpr const auto& fields = detail::kFieldDecoders<T>;
  std::uint32_t seen = 0;
  std::size_t hint = 0;  // writers keep the order of the table, so the next field is the likely one
  static_assert(T::kTable.kFields <= 32);
  for (; pairs > 0; --pairs) {
    const std::string_view key = r.str();
    std::size_t i = hint;
    if (i >= fields.size() || fields[i].key != key) {
      for (i = 0; i < fields.size() && fields[i].key != key; ++i) {
      }
    }
    if (i == fields.size()) {
      r.skip();
      continue;
    }
    if (!fields[i].decode(r, v, arena)) {
      error = {Errc::bad_payload, fields[i].key, fields[i].type};
      return false;
    }
    seen |= 1u << i;
    hint = i + 1;
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].required && (seen >> i & 1u) == 0) {
      error = {Errc::bad_payload, fields[i].key, {}};
      return false;
    }
  }
  return true;
}

}  // namespace moot::wire
