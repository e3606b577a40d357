#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/check.h"

// The msgpack profile of protocol.md 2: a strict validator, a reader for what passed it, a writer
// of minimal forms.
namespace moot::wire {

// Why a payload is outside the profile; `ok` when it is inside.
enum class ProfileError : std::uint8_t {
  ok,
  truncated,
  count_does_not_fit,
  too_deep,
  too_many_nodes,
  too_many_keys,
  key_is_not_a_string,
  duplicate_key,
  bad_utf8,
  nul_in_string,
  negative_integer,
  type_not_in_profile,
  top_level_is_not_a_map,
  trailing_bytes,
};
std::string_view text(ProfileError e);

// Non-recursive, allocates nothing, looks at every octet once.
ProfileError validate(Bytes payload);

// Whether `text` is well-formed UTF-8 without NUL.
ProfileError check_text(Bytes text);

enum class Type : std::uint8_t { nil, boolean, uint, str, bin, array, map };

namespace detail {
// What the first octet of a value announces.
enum class Kind : std::uint8_t {
  bad,
  nil,
  boolean,
  fixint,
  uint,
  sint,
  negative,
  str,
  bin,
  array,
  map
};
struct Head {
  Kind kind = Kind::bad;
  std::uint8_t extra = 0;  // octets of length or value that follow the tag
  Type type = Type::uint;  // what a reader sees of it
};

inline constexpr std::array<Head, 256> kHeads = [] {
  std::array<Head, 256> t{};
  const auto span = [&t](unsigned from, unsigned to, Head h) {
    for (unsigned i = from; i <= to; ++i) t[i] = h;
  };
  span(0x00, 0x7f, {Kind::fixint, 0, Type::uint});
  span(0x80, 0x8f, {Kind::map, 0, Type::map});
  span(0x90, 0x9f, {Kind::array, 0, Type::array});
  span(0xa0, 0xbf, {Kind::str, 0, Type::str});
  t[0xc0] = {Kind::nil, 0, Type::nil};
  span(0xc2, 0xc3, {Kind::boolean, 0, Type::boolean});
  for (std::uint8_t i = 0; i < 3; ++i) {
    const auto width = static_cast<std::uint8_t>(1 << i);
    t[0xc4u + i] = {Kind::bin, width, Type::bin};
    t[0xd9u + i] = {Kind::str, width, Type::str};
  }
  for (std::uint8_t i = 0; i < 4; ++i) {
    const auto width = static_cast<std::uint8_t>(1 << i);
    t[0xccu + i] = {Kind::uint, width, Type::uint};
    t[0xd0u + i] = {Kind::sint, width, Type::uint};
  }
  t[0xdc] = {Kind::array, 2, Type::array};
  t[0xdd] = {Kind::array, 4, Type::array};
  t[0xde] = {Kind::map, 2, Type::map};
  t[0xdf] = {Kind::map, 4, Type::map};
  span(0xe0, 0xff, {Kind::negative, 0, Type::uint});
  return t;
}();
}  // namespace detail

// Walks values that `validate` accepted. REQUIRES everywhere: the octets passed `validate` and the
// value at hand has the type asked for (see `type`).
class Reader {
 public:
  explicit Reader(Bytes valid) : p_(valid.data()), end_(valid.data() + valid.size()) {}

  bool done() const { return p_ == end_; }
  const std::uint8_t* at() const { return p_; }
  Bytes rest() const { return {p_, static_cast<std::size_t>(end_ - p_)}; }
  Type type() const {
    MOOT_CHECK(p_ != end_);
    return detail::kHeads[*p_].type;
  }

  void nil() { ++p_; }
  bool boolean() { return *p_++ == 0xc3; }
  std::uint64_t uint() {
    const std::uint8_t tag = *p_++;
    return tag < 0x80 ? tag : be(detail::kHeads[tag].extra);
  }
  std::string_view str() {
    const std::uint8_t tag = *p_++;
    // At most four octets of length: they fit everywhere.
    const unsigned extra = detail::kHeads[tag].extra;
    return as_text(take(static_cast<std::size_t>(extra == 0 ? tag & 0x1fu : be(extra))));
  }
  Bytes bin() {
    const std::uint8_t tag = *p_++;
    return take(static_cast<std::size_t>(be(detail::kHeads[tag].extra)));
  }
  // The number of values that follow.
  std::uint32_t array() {
    const std::uint8_t tag = *p_++;
    const unsigned extra = detail::kHeads[tag].extra;
    return extra == 0 ? tag & 0x0fu : static_cast<std::uint32_t>(be(extra));
  }
  std::uint32_t map() { return array(); }  // the number of pairs that follow
  void skip();                             // one whole value

 private:
  std::uint64_t be(unsigned n) {
    MOOT_CHECK(static_cast<std::size_t>(end_ - p_) >= n);
    std::uint64_t v = 0;
    for (unsigned i = 0; i < n; ++i) v = v << 8 | p_[i];
    p_ += n;
    return v;
  }
  Bytes take(std::size_t n) {
    MOOT_CHECK(static_cast<std::size_t>(end_ - p_) >= n);
    const Bytes b{p_, n};
    p_ += n;
    return b;
  }

  const std::uint8_t* p_;
  const std::uint8_t* end_;
};

// How many octets the minimal form of `v` takes.
constexpr std::size_t uint_octets(std::uint64_t v) {
  return v < 0x80 ? 1 : v <= 0xff ? 2 : v <= 0xffff ? 3 : v <= 0xffffffff ? 5 : 9;
}

// Writes the minimal form of `v` where uint_octets(v) have room; returns what comes behind it.
inline std::uint8_t* put_uint(std::uint8_t* p, std::uint64_t v) {
  switch (const std::size_t n = uint_octets(v)) {
    case 1:
      *p = static_cast<std::uint8_t>(v);
      return p + n;
    case 9:
      *p = 0xcf;
      put_be64(p + 1, v);
      return p + n;
    case 5:
      *p = 0xce;
      put_be32(p + 1, static_cast<std::uint32_t>(v));
      return p + n;
    case 3:
      *p = 0xcd;
      p[1] = static_cast<std::uint8_t>(v >> 8);
      p[2] = static_cast<std::uint8_t>(v);
      return p + n;
    default:
      *p = 0xcc;
      p[1] = static_cast<std::uint8_t>(v);
      return p + n;
  }
}

// Appends minimal forms to a buffer.
class Writer {
 public:
  explicit Writer(Buffer& out) : out_(out) {}

  void nil() { out_.put(std::uint8_t{0xc0}); }
  void boolean(bool b) { out_.put(static_cast<std::uint8_t>(b ? 0xc3 : 0xc2)); }
  void uint(std::uint64_t v) { put_uint(out_.grow(uint_octets(v)), v); }
  void str(std::string_view s) {
    if (s.size() < 32) {
      std::uint8_t* p = out_.grow(1 + s.size());
      *p = static_cast<std::uint8_t>(0xa0 | s.size());
      if (!s.empty()) std::memcpy(p + 1, s.data(), s.size());
      return;
    }
    sized(0xd9, 0xda, 0xdb, s.size());
    out_.put(as_bytes(s));
  }
  void bin(Bytes b) {
    sized(0xc4, 0xc5, 0xc6, b.size());
    out_.put(b);
  }
  void raw(Bytes encoded) { out_.put(encoded); }
  void array(std::size_t n) { container(0x90, 0xdc, n); }
  void map(std::size_t n) { container(0x80, 0xde, n); }

 private:
  void head(std::uint8_t tag, std::uint64_t v, unsigned n) {
    std::uint8_t* p = out_.grow(1 + n);
    *p++ = tag;
    for (unsigned i = n; i-- > 0;) *p++ = static_cast<std::uint8_t>(v >> (8 * i));
  }
  void sized(std::uint8_t t8, std::uint8_t t16, std::uint8_t t32, std::size_t n) {
    n <= 0xff ? head(t8, n, 1) : n <= 0xffff ? head(t16, n, 2) : head(t32, n, 4);
  }
  void container(std::uint8_t fix, std::uint8_t t16, std::size_t n) {
    if (n < 16) {
      out_.put(static_cast<std::uint8_t>(fix | n));
    } else {
      n <= 0xffff ? head(t16, n, 2) : head(static_cast<std::uint8_t>(t16 + 1), n, 4);
    }
  }

  Buffer& out_;
};

}  // namespace moot::wire
