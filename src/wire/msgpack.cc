#include "wire/msgpack.h"

#include <array>

#include "model/limits.h"

namespace moot::wire {
namespace {

using detail::Head;
using detail::kHeads;
using detail::Kind;

// One open container on the way down.
struct Level {
  std::uint32_t left = 0;  // values still to come; of a map: keys and values
  bool is_map = false;
  std::uint8_t keys = 0;  // of a map: already seen, in `Keys`
};

// The keys of one open map. A set bit says "maybe seen": most keys need no comparison. Nothing is
// initialised, on purpose: all levels together are 8 KiB, which would be written for every frame.
// `maybe` is set when a map opens, `seen` below the count of keys.
struct Keys {
  struct Seen {
    const std::uint8_t* at;
    std::uint32_t size;
  };
  std::uint64_t maybe;
  std::array<Seen, limits::kMapKeysMax> seen;

  bool add(Bytes key, std::uint8_t count) {
    const unsigned hash =
        key.empty() ? 0u
                    : static_cast<unsigned>(key.size() * 7u + key[0] * 5u +
                                            key[key.size() - 1] * 3u + key[key.size() / 2]);
    const std::uint64_t bit = 1ull << (hash & 63u);
    if ((maybe & bit) != 0) {
      for (std::uint8_t i = 0; i < count; ++i) {
        if (equal({seen[i].at, seen[i].size}, key)) return false;
      }
    }
    maybe |= bit;
    seen[count] = {key.data(), static_cast<std::uint32_t>(key.size())};
    return true;
  }
};

}  // namespace

std::string_view text(ProfileError e) {
  static constexpr std::array<std::string_view, 14> kTexts{"ok",
                                                           "truncated",
                                                           "count does not fit",
                                                           "too deep",
                                                           "too many nodes",
                                                           "too many keys",
                                                           "key is not a string",
                                                           "duplicate key",
                                                           "bad UTF-8",
                                                           "NUL in a string",
                                                           "negative integer",
                                                           "type not in the profile",
                                                           "top level is not a map",
                                                           "trailing bytes"};
  return kTexts[static_cast<std::size_t>(e)];
}

ProfileError check_text(Bytes text) {
  std::size_t i = 0;
  const std::size_t n = text.size();
  while (i < n) {
    // Eight octets of ASCII without NUL: no top bit set, and none appears when each is taken from
    // 0x80.
    if (n - i >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + i, 8);
      constexpr std::uint64_t kTops = 0x8080808080808080;
      if ((word & kTops) == 0 && ((kTops - word) & kTops) == 0) {
        i += 8;
        continue;
      }
    }
    const std::uint8_t b = text[i];
    if (b < 0x80) {
      if (b == 0) return ProfileError::nul_in_string;
      ++i;
      continue;
    }
    // Lead octet, then what the second one may be (Unicode, table 3-7); the rest is 80..BF.
    std::size_t more = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xbf;
    if (b >= 0xc2 && b <= 0xdf) {
      more = 1;
    } else if (b >= 0xe0 && b <= 0xef) {
      more = 2;
      if (b == 0xe0) low = 0xa0;
      if (b == 0xed) high = 0x9f;
    } else if (b >= 0xf0 && b <= 0xf4) {
      more = 3;
      if (b == 0xf0) low = 0x90;
      if (b == 0xf4) high = 0x8f;
    } else {
      return ProfileError::bad_utf8;
    }
    if (n - i <= more || text[i + 1] < low || text[i + 1] > high) return ProfileError::bad_utf8;
    for (std::size_t k = 2; k <= more; ++k) {
      if ((text[i + k] & 0xc0) != 0x80) return ProfileError::bad_utf8;
    }
    i += more + 1;
  }
  return ProfileError::ok;
}

ProfileError validate(Bytes in) {
  using enum ProfileError;
  std::array<Level, limits::kDepthMax> levels;
  std::array<Keys, limits::kDepthMax> keys;
  std::size_t depth = 0;
  std::size_t at = 0;
  unsigned nodes = 0;

  do {
    if (at == in.size()) return truncated;
    const std::uint8_t tag = in[at];
    const Head head = kHeads[tag];
    if (depth == 0 && head.kind != Kind::map) return top_level_is_not_a_map;
    Level* const parent = depth > 0 ? &levels[depth - 1] : nullptr;
    const bool is_key = parent != nullptr && parent->is_map && parent->left % 2 == 0;
    if (is_key && head.kind != Kind::str) return key_is_not_a_string;
    if (++nodes > limits::kNodesMax) return too_many_nodes;
    ++at;
    if (in.size() - at < head.extra) return truncated;
    std::uint64_t number = 0;
    for (unsigned i = 0; i < head.extra; ++i) number = number << 8 | in[at + i];
    if (parent != nullptr) --parent->left;

    switch (head.kind) {
      case Kind::bad:
        return type_not_in_profile;
      case Kind::negative:
        return negative_integer;
      case Kind::sint:
        if ((in[at] & 0x80) != 0) return negative_integer;
        at += head.extra;
        break;
      case Kind::nil:
      case Kind::boolean:
      case Kind::fixint:
      case Kind::uint:
        at += head.extra;
        break;
      case Kind::str: {
        const std::uint64_t len = head.extra == 0 ? tag & 0x1fu : number;
        at += head.extra;
        if (in.size() - at < len) return truncated;
        const Bytes text = in.subspan(at, static_cast<std::size_t>(len));
        if (const ProfileError e = check_text(text); e != ok) return e;
        if (is_key && !keys[depth - 1].add(text, parent->keys++)) return duplicate_key;
        at += text.size();
        break;
      }
      case Kind::bin:
        at += head.extra;
        if (in.size() - at < number) return truncated;
        at += static_cast<std::size_t>(number);
        break;
      case Kind::array:
      case Kind::map: {
        const bool is_map = head.kind == Kind::map;
        const std::uint64_t count = head.extra == 0 ? tag & 0x0fu : number;
        at += head.extra;
        if (depth == limits::kDepthMax) return too_deep;
        if (is_map && count > limits::kMapKeysMax) return too_many_keys;
        if (count * (is_map ? 2 : 1) > in.size() - at) return count_does_not_fit;
        levels[depth] = {static_cast<std::uint32_t>(is_map ? count * 2 : count), is_map, 0};
        keys[depth].maybe = 0;
        ++depth;
        break;
      }
    }
    while (depth > 0 && levels[depth - 1].left == 0) --depth;
  } while (depth > 0);

  return at == in.size() ? ok : trailing_bytes;
}

void Reader::skip() {
  std::uint64_t left = 1;
  while (left > 0) {
    --left;
    switch (type()) {
      case Type::nil:
      case Type::boolean:
        ++p_;
        break;
      case Type::uint:
        uint();
        break;
      case Type::str:
        str();
        break;
      case Type::bin:
        bin();
        break;
      case Type::array:
        left += array();
        break;
      case Type::map:
        left += 2ull * map();
        break;
    }
  }
}

}  // namespace moot::wire
