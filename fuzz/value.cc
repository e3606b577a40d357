#include "fuzz/value.h"

#include <set>

#include "wire/msgpack.h"

namespace moot::fuzz {
namespace {

// Throws nothing and keeps nothing in order: gives up by `failed`.
struct Parser {
  Bytes in;
  std::size_t at = 0;
  unsigned nodes = 0;
  bool failed = false;

  std::uint64_t number(unsigned octets) {
    std::uint64_t v = 0;
    for (unsigned i = 0; i < octets; ++i) {
      if (at == in.size()) failed = true;
      v = v * 256 + (failed ? 0 : in[at++]);
    }
    return v;
  }

  std::string take(std::uint64_t n) {
    if (n > in.size() - at) failed = true;
    if (failed) return {};
    const Bytes b = in.subspan(at, n);
    at += n;
    return std::string(as_text(b));
  }

  Value value(unsigned depth) {
    Value v;
    if (++nodes > 16'384) failed = true;
    const auto tag = static_cast<std::uint8_t>(number(1));
    if (failed) return v;
    if (tag <= 0x7f) return scalar(Value::Type::uint, tag);
    if (tag <= 0x8f) return map(tag & 0x0fu, depth + 1);
    if (tag <= 0x9f) return array(tag & 0x0fu, depth + 1);
    if (tag <= 0xbf) return text(tag & 0x1fu);
    switch (tag) {
      case 0xc0:
        return v;
      case 0xc2:
      case 0xc3:
        return scalar(Value::Type::boolean, tag & 1u);
      case 0xc4:
        return binary(number(1));
      case 0xc5:
        return binary(number(2));
      case 0xc6:
        return binary(number(4));
      case 0xcc:
        return scalar(Value::Type::uint, number(1));
      case 0xcd:
        return scalar(Value::Type::uint, number(2));
      case 0xce:
        return scalar(Value::Type::uint, number(4));
      case 0xcf:
        return scalar(Value::Type::uint, number(8));
      case 0xd0:
        return positive(number(1), 0x7f);
      case 0xd1:
        return positive(number(2), 0x7fff);
      case 0xd2:
        return positive(number(4), 0x7fff'ffff);
      case 0xd3:
        return positive(number(8), 0x7fff'ffff'ffff'ffff);
      case 0xd9:
        return text(number(1));
      case 0xda:
        return text(number(2));
      case 0xdb:
        return text(number(4));
      case 0xdc:
        return array(number(2), depth + 1);
      case 0xdd:
        return array(number(4), depth + 1);
      case 0xde:
        return map(number(2), depth + 1);
      case 0xdf:
        return map(number(4), depth + 1);
      default:
        failed = true;
        return v;
    }
  }

  Value scalar(Value::Type type, std::uint64_t n) {
    Value v;
    v.type = type;
    v.number = n;
    return v;
  }
  Value positive(std::uint64_t n, std::uint64_t max) {
    if (n > max) failed = true;
    return scalar(Value::Type::uint, n);
  }
  Value binary(std::uint64_t n) {
    Value v;
    v.type = Value::Type::bin;
    v.octets = take(n);
    return v;
  }
  Value text(std::uint64_t n) {
    Value v;
    v.type = Value::Type::str;
    v.octets = take(n);
    if (!is_text(v.octets)) failed = true;
    return v;
  }
  Value array(std::uint64_t n, unsigned depth) {
    Value v;
    v.type = Value::Type::array;
    if (depth > 8) failed = true;
    for (std::uint64_t i = 0; i < n && !failed; ++i) v.values.push_back(value(depth));
    return v;
  }
  Value map(std::uint64_t n, unsigned depth) {
    Value v;
    v.type = Value::Type::map;
    if (depth > 8 || n > 64) failed = true;
    std::set<std::string> keys;
    for (std::uint64_t i = 0; i < n && !failed; ++i) {
      v.values.push_back(value(depth));
      const Value& key = v.values.back();
      if (key.type != Value::Type::str || !keys.insert(key.octets).second) failed = true;
      if (!failed) v.values.push_back(value(depth));
    }
    return v;
  }

  // UTF-8 by its definition: shortest form, no surrogates, at most U+10FFFF; and no NUL.
  static bool is_text(const std::string& s) {
    for (std::size_t i = 0; i < s.size();) {
      const auto lead = static_cast<std::uint8_t>(s[i++]);
      unsigned more = 0;
      std::uint32_t point = lead;
      if (lead >= 0xf8) return false;
      if (lead >= 0xf0) {
        more = 3;
        point = lead & 0x07u;
      } else if (lead >= 0xe0) {
        more = 2;
        point = lead & 0x0fu;
      } else if (lead >= 0xc0) {
        more = 1;
        point = lead & 0x1fu;
      } else if (lead >= 0x80) {
        return false;
      }
      for (unsigned k = 0; k < more; ++k, ++i) {
        if (i == s.size() || (static_cast<std::uint8_t>(s[i]) & 0xc0) != 0x80) return false;
        point = point << 6 | (static_cast<std::uint8_t>(s[i]) & 0x3fu);
      }
      constexpr std::uint32_t kLeast[] = {1, 0x80, 0x800, 0x10000};
      if (point < kLeast[more] || point > 0x10ffff) return false;
      if (point >= 0xd800 && point <= 0xdfff) return false;
    }
    return true;
  }
};

void collect(Value& value, std::vector<Value*>& all) {
  all.push_back(&value);
  for (Value& each : value.values) collect(each, all);
}

// Sizes at which fields, names, ids and length forms change their verdict.
std::string octets_like(std::mt19937& random) {
  constexpr std::size_t kSizes[] = {0,  1,  8,  15,  16,  17,  20,  24,   31,  32,
                                    33, 64, 65, 128, 255, 256, 257, 1024, 1025};
  const std::size_t n = kSizes[random() % std::size(kSizes)];
  return std::string(n, static_cast<char>('a' + random() % 26));
}

Value any_scalar(std::mt19937& random) {
  constexpr std::uint64_t kNumbers[] = {
      0,    1, 127, 128, 255, 256, 65535, 65536, 0xffff'ffff, 0x1'0000'0000, 0x7fff'ffff'ffff'ffff,
      ~0ull};
  constexpr const char* kWords[] = {"server",     "members",  "public",   "private",  "all",
                                    "since_join", "owner",    "admin",    "none",     "online",
                                    "away",       "offline",  "healthy",  "ada",      "invite",
                                    "a\x01",      "\xc2\x85", "\xc3\xa9", "e\xcc\x81"};
  Value v;
  switch (random() % 5) {
    case 0:
      break;
    case 1:
      v.type = Value::Type::boolean;
      v.number = random() % 2;
      break;
    case 2:
      v.type = Value::Type::uint;
      v.number = random() % 2 == 0 ? kNumbers[random() % std::size(kNumbers)] : random();
      break;
    case 3:
      v.type = Value::Type::str;
      v.octets = random() % 2 == 0 ? kWords[random() % std::size(kWords)] : octets_like(random);
      break;
    default:
      v.type = Value::Type::bin;
      v.octets = octets_like(random);
  }
  return v;
}

}  // namespace

std::optional<Value> parse_naively(Bytes payload) {
  Parser parser{payload};
  Value v = parser.value(0);
  if (parser.failed || parser.at != payload.size() || v.type != Value::Type::map) {
    return std::nullopt;
  }
  return v;
}

void print_naively(Buffer& out, const Value& value) {
  wire::Writer w(out);
  switch (value.type) {
    case Value::Type::nil:
      return w.nil();
    case Value::Type::boolean:
      return w.boolean(value.number != 0);
    case Value::Type::uint:
      return w.uint(value.number);
    case Value::Type::str:
      return w.str(value.octets);
    case Value::Type::bin:
      return w.bin(as_bytes(value.octets));
    case Value::Type::array:
      w.array(value.values.size());
      break;
    case Value::Type::map:
      w.map(value.values.size() / 2);
      break;
  }
  for (const Value& each : value.values) print_naively(out, each);
}

void mutate(Value& value, std::mt19937& random) {
  std::vector<Value*> all;
  collect(value, all);
  Value& at = *all[random() % all.size()];
  const bool container = at.type == Value::Type::array || at.type == Value::Type::map;
  if (!container) {
    const Value other = random() % 3 == 0 ? *all[random() % all.size()] : any_scalar(random);
    if (other.values.empty()) at = other;
    return;
  }
  // Elements of an array, pairs of a map.
  const std::size_t step = at.type == Value::Type::map ? 2 : 1;
  const std::size_t n = at.values.size() / step;
  if (n == 0 || random() % 4 == 0) {
    if (step == 2) {
      Value key;
      key.type = Value::Type::str;
      key.octets = octets_like(random);
      at.values.push_back(key);
    }
    at.values.push_back(any_scalar(random));
    return;
  }
  const auto first = at.values.begin() + static_cast<std::ptrdiff_t>(random() % n * step);
  const std::vector<Value> taken(first, first + static_cast<std::ptrdiff_t>(step));
  if (random() % 2 == 0) {
    at.values.erase(first, first + static_cast<std::ptrdiff_t>(step));
  } else {
    at.values.insert(at.values.begin(), taken.begin(), taken.end());
  }
}

}  // namespace moot::fuzz
