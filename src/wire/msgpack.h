#pragma once

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

// Walks values that `validate` accepted. REQUIRES everywhere: the octets passed `validate` and the
// value at hand has the type asked for (see `type`).
class Reader {
 public:
  explicit Reader(Bytes valid) : p_(valid.data()), end_(valid.data() + valid.size()) {}

  bool done() const { return p_ == end_; }
  const std::uint8_t* at() const { return p_; }
  Bytes rest() const { return {p_, static_cast<std::size_t>(end_ - p_)}; }
  Type type() const;

  void nil() { ++p_; }
  bool boolean() { return *p_++ == 0xc3; }
  std::uint64_t uint();
  std::string_view str();
  Bytes bin();
  std::uint32_t array();  // the number of values that follow
  std::uint32_t map();    // the number of pairs that follow
  void skip();            // one whole value

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

// Appends minimal forms to a buffer.
class Writer {
 public:
  explicit Writer(Buffer& out) : out_(out) {}

  void nil() { out_.put(std::uint8_t{0xc0}); }
  void boolean(bool b) { out_.put(static_cast<std::uint8_t>(b ? 0xc3 : 0xc2)); }
  void uint(std::uint64_t v) {
    if (v < 0x80) {
      out_.put(static_cast<std::uint8_t>(v));
    } else if (v <= 0xff) {
      head(0xcc, v, 1);
    } else if (v <= 0xffff) {
      head(0xcd, v, 2);
    } else if (v <= 0xffffffff) {
      head(0xce, v, 4);
    } else {
      head(0xcf, v, 8);
    }
  }
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
