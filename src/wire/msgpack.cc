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

template <class Word>
Word word_at(const std::uint8_t* p) {
  Word word = 0;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// ASCII without NUL: no top bit set, and none appears when each octet is taken from 0x80.
template <class Word>
bool is_plain(Word word) {
  constexpr auto kTops = static_cast<Word>(0x8080808080808080);
  return ((word | (kTops - word)) & kTops) == 0;
}

// Whether all of it is. Words overlap at the end; most texts are keys and fit into two.
bool plain_ascii(const std::uint8_t* p, std::size_t n) {
  if (n >= 8) {
    for (std::size_t i = 0; i + 8 < n; i += 8) {
      if (!is_plain(word_at<std::uint64_t>(p + i))) return false;
    }
    return is_plain(word_at<std::uint64_t>(p + n - 8));
  }
  if (n >= 4)
    return is_plain(word_at<std::uint32_t>(p)) && is_plain(word_at<std::uint32_t>(p + n - 4));
  for (std::size_t i = 0; i < n; ++i) {
    if (p[i] == 0 || p[i] >= 0x80) return false;
  }
  return true;
}

// What a head says of its length: in the tag, or big-endian in 1, 2 or 4 octets behind it.
std::size_t length_at(const std::uint8_t* p, unsigned in_tag, unsigned extra) {
  switch (extra) {
    case 0:
      return in_tag;
    case 1:
      return p[0];
    case 2:
      return static_cast<std::size_t>(p[0] << 8 | p[1]);
    default:
      return get_be32(p);
  }
}

// The octets of a whole value where its first one says them all, else 0.
constexpr std::array<std::uint8_t, 256> kWhole = [] {
  std::array<std::uint8_t, 256> t{};
  for (std::size_t tag = 0; tag < 256; ++tag) {
    const Head head = kHeads[tag];
    const bool number = head.type == Type::nil || head.type == Type::boolean ||
                        (head.type == Type::uint && head.kind != Kind::bad);
    if (number) t[tag] = static_cast<std::uint8_t>(1 + head.extra);
    if (head.type == Type::str && head.extra == 0)
      t[tag] = static_cast<std::uint8_t>(1 + (tag & 0x1f));
  }
  return t;
}();

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
  if (plain_ascii(text.data(), text.size())) return ProfileError::ok;
  std::size_t i = 0;
  const std::size_t n = text.size();
  while (i < n) {
    if (n - i >= 8 && is_plain(word_at<std::uint64_t>(text.data() + i))) {
      i += 8;
      continue;
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
  unsigned nodes = 0;
  const std::uint8_t* p = in.data();
  const std::uint8_t* const end = p + in.size();
  const auto room = [&] { return static_cast<std::size_t>(end - p); };
  // The container at hand; the payload is the one value of a container that is not there.
  Level level{1, false, 0};
  Keys* known = nullptr;  // its keys, where it is a map

  for (;;) {
    while (level.left == 0) {
      if (depth == 0) return p == end ? ok : trailing_bytes;
      level = levels[--depth];
      known = depth > 0 ? &keys[depth - 1] : nullptr;
    }
    if (p == end) return truncated;
    const bool is_key = level.is_map && level.left % 2 == 0;
    --level.left;
    const std::uint8_t tag = *p;
    if (const unsigned n = tag & 0x1fu; is_key && (tag & 0xe0) == 0xa0) {
      // Most of what there is: a key of less than 32 octets.
      if (++nodes > limits::kNodesMax) return too_many_nodes;
      ++p;
      if (room() < n) return truncated;
      if (const ProfileError e = check_text({p, n}); e != ok) return e;
      if (!known->add({p, n}, level.keys++)) return duplicate_key;
      p += n;
      continue;
    }
    const Head head = kHeads[tag];
    if (depth == 0 && head.kind != Kind::map) return top_level_is_not_a_map;
    if (is_key && head.kind != Kind::str) return key_is_not_a_string;
    if (++nodes > limits::kNodesMax) return too_many_nodes;
    ++p;
    if (room() < head.extra) return truncated;

    switch (head.kind) {
      case Kind::bad:
        return type_not_in_profile;
      case Kind::negative:
        return negative_integer;
      case Kind::sint:
        if ((*p & 0x80) != 0) return negative_integer;
        p += head.extra;
        break;
      case Kind::nil:
      case Kind::boolean:
      case Kind::fixint:
      case Kind::uint:
        p += head.extra;
        break;
      case Kind::str: {
        const std::size_t n = length_at(p, tag & 0x1fu, head.extra);
        p += head.extra;
        if (room() < n) return truncated;
        if (const ProfileError e = check_text({p, n}); e != ok) return e;
        if (is_key && !known->add({p, n}, level.keys++)) return duplicate_key;
        p += n;
        break;
      }
      case Kind::bin: {
        const std::size_t n = length_at(p, 0, head.extra);
        p += head.extra;
        if (room() < n) return truncated;
        p += n;
        break;
      }
      case Kind::array:
      case Kind::map: {
        const bool is_map = head.kind == Kind::map;
        const std::uint64_t count = length_at(p, tag & 0x0fu, head.extra);
        p += head.extra;
        if (depth == limits::kDepthMax) return too_deep;
        if (is_map && count > limits::kMapKeysMax) return too_many_keys;
        if (count * (is_map ? 2 : 1) > room()) return count_does_not_fit;
        levels[depth] = level;
        level = {static_cast<std::uint32_t>(is_map ? count * 2 : count), is_map, 0};
        known = &keys[depth++];
        known->maybe = 0;
        break;
      }
    }
  }
}

void Reader::skip() {
  const std::uint8_t* p = p_;
  std::uint64_t left = 1;
  do {
    MOOT_CHECK(p != end_);
    const std::uint8_t tag = *p;
    --left;
    std::size_t octets = kWhole[tag];
    if (octets == 0) {
      const Head head = kHeads[tag];
      MOOT_CHECK(static_cast<std::size_t>(end_ - p) > head.extra);
      octets = std::size_t{1} + head.extra;
      if (head.type == Type::array || head.type == Type::map) {
        const std::uint64_t n = length_at(p + 1, tag & 0x0fu, head.extra);
        left += head.type == Type::map ? 2 * n : n;
      } else {
        octets += length_at(p + 1, 0, head.extra);
      }
    }
    MOOT_CHECK(static_cast<std::size_t>(end_ - p) >= octets);
    p += octets;
  } while (left > 0);
  p_ = p;
}

}  // namespace moot::wire
