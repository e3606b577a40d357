#include "wire/commands.h"

#include <cstring>
#include <utility>

namespace moot::wire {
namespace {

template <class Any>
struct Entry {
  std::string_view name;
  std::expected<Any, DecodeError> (*decode)(Bytes, Arena&) = nullptr;
};

template <class Any, class T>
std::expected<Any, DecodeError> decode_one(Bytes map, Arena& arena) {
  Reader r(map);
  DecodeError error;
  Any out{std::in_place_type<T>};
  if (!decode_map(r, r.map(), std::get<T>(out), arena, error)) return std::unexpected(error);
  return out;
}

constexpr std::size_t kPlaces = 64;  // twice as many as there are commands

constexpr std::size_t place_of(std::string_view name) {
  if (name.empty()) return 0;
  return (name.size() + 11u * static_cast<std::uint8_t>(name[name.size() / 2]) +
          27u * static_cast<std::uint8_t>(name.back())) %
         kPlaces;
}

// By name: its place, or the next free one behind it.
template <class Any>
constexpr auto make_entries() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    static_assert(2 * sizeof...(I) <= kPlaces);
    std::array<Entry<Any>, kPlaces> all{};
    for (const Entry<Any>& entry :
         {Entry<Any>{std::variant_alternative_t<I, Any>::kTable.name,
                     &decode_one<Any, std::variant_alternative_t<I, Any>>}...}) {
      std::size_t at = place_of(entry.name);
      while (!all[at].name.empty()) at = (at + 1) % kPlaces;
      all[at] = entry;
    }
    return all;
  }(std::make_index_sequence<std::variant_size_v<Any>>{});
}
template <class Any>
inline constexpr auto kEntries = make_entries<Any>();

template <class Any>
std::expected<Any, DecodeError> decode_named(std::string_view cmd, Bytes map, Arena& arena) {
  const auto& all = kEntries<Any>;
  for (std::size_t at = place_of(cmd); !all[at].name.empty(); at = (at + 1) % kPlaces) {
    if (all[at].name == cmd) return all[at].decode(map, arena);
  }
  return std::unexpected(DecodeError{Errc::unknown_command, {}, {}});
}

template <class T>
inline constexpr bool kIsList = kIsSpan<T> || std::same_as<T, RawCommands>;
template <class T>
inline constexpr bool kIsList<std::optional<T>> = kIsList<T>;
template <class T>
inline constexpr bool kIsList<OrNil<T>> = kIsList<T>;
// Bytes is a span too, but one value on the wire.
template <>
inline constexpr bool kIsList<Bytes> = false;

template <Described T>
inline constexpr bool kIsFlat = [] {
  bool flat = true;
  for_each_field<T>([&](const auto& f) {
    flat = flat && !kIsList<typename std::remove_cvref_t<decltype(f)>::Type>;
  });
  return flat;
}();

std::uint8_t* put_short(std::uint8_t* p, std::string_view text) {
  static_assert(limits::kCommandBytesMax < 32);
  *p++ = static_cast<std::uint8_t>(0xa0 | text.size());
  std::memcpy(p, text.data(), text.size());
  return p + text.size();
}

}  // namespace

std::optional<Opened> open(Bytes payload) {
  Opened out{.payload = payload};
  Envelope& e = out.envelope;
  Reader r(payload);
  unsigned seen = 0;
  for (std::uint32_t pairs = r.map(); pairs > 0 && seen != 15; --pairs) {
    const std::string_view key = r.str();
    if (key == "cmd") {
      if (r.type() != Type::str) return std::nullopt;
      e.cmd = r.str();
      seen |= 1;
    } else if (key == "dir") {
      if (r.type() != Type::str) return std::nullopt;
      e.dir = r.str();
      seen |= 2;
    } else if (key == "nonce") {
      if (r.type() != Type::uint) return std::nullopt;
      e.nonce = r.uint();
      seen |= 4;
    } else if (key == "timestamp") {
      if (r.type() != Type::uint) return std::nullopt;
      e.timestamp = r.uint();
      seen |= 8;
    } else {
      r.skip();
    }
  }
  if (seen != 15) return std::nullopt;
  return out;
}

std::expected<c::Any, DecodeError> decode_client(std::string_view cmd, Bytes map, Arena& arena) {
  return decode_named<c::Any>(cmd, map, arena);
}
std::expected<s::Any, DecodeError> decode_server(std::string_view cmd, Bytes map, Arena& arena) {
  return decode_named<s::Any>(cmd, map, arena);
}

std::string explain(const DecodeError& error, std::string_view cmd) {
  std::string out;
  if (error.code == Errc::unknown_command) {
    out = "There is no command ";
    out += cmd;
    out += " in this direction; see the table of commands.";
    return out;
  }
  out = "`";
  out += error.field;
  if (error.what.empty()) {
    out += "` is missing; send it with ";
    out += cmd;
    out += '.';
  } else {
    out += "` of ";
    out += cmd;
    out += " must be ";
    out += error.what;
    out += " within its limits; correct it and send again.";
  }
  return out;
}

std::optional<Element> Elements::next() {
  Reader r(rest_);
  Element e;
  const std::uint8_t* begin = r.at();
  bool named = false;
  for (std::uint32_t pairs = r.map(); pairs > 0; --pairs) {
    const std::string_view key = r.str();
    if (key == "cmd" && r.type() == Type::str) {
      e.cmd = r.str();
      named = true;
    } else {
      r.skip();
    }
  }
  e.map = {begin, r.at()};
  rest_ = r.rest();
  --left_;
  if (!named) return std::nullopt;
  return e;
}

std::uint32_t encode_fields(Buffer& out, const c::Any& cmd) {
  Writer w(out);
  return std::visit([&](const auto& v) { return encode_pairs(w, v); }, cmd);
}
std::uint32_t encode_fields(Buffer& out, const s::Any& cmd) {
  Writer w(out);
  return std::visit([&](const auto& v) { return encode_pairs(w, v); }, cmd);
}
bool is_flat(const c::Any& cmd) {
  return std::visit([](const auto& v) { return kIsFlat<std::remove_cvref_t<decltype(v)>>; }, cmd);
}
bool is_flat(const s::Any& cmd) {
  return std::visit([](const auto& v) { return kIsFlat<std::remove_cvref_t<decltype(v)>>; }, cmd);
}
std::string_view name_of(const c::Any& cmd) {
  return std::visit([](const auto& v) { return v.kTable.name; }, cmd);
}
std::string_view name_of(const s::Any& cmd) {
  return std::visit([](const auto& v) { return v.kTable.name; }, cmd);
}

FrameSlot put_frame_head(Buffer& out, Dir dir, std::uint64_t nonce, std::uint64_t timestamp,
                         std::string_view cmd, std::uint32_t pairs, std::size_t fields_octets) {
  constexpr std::uint32_t kEnvelopePairs = 4;
  pairs += kEnvelopePairs;
  MOOT_CHECK(pairs <= limits::kMapKeysMax && cmd.size() <= limits::kCommandBytesMax);
  const std::size_t envelope = (pairs < 16 ? 1u : 3u) + 4 + 1 + cmd.size() + 4 + 2 + 6 +
                               uint_octets(nonce) + 10 + uint_octets(timestamp);
  const FrameSlot slot = put_frame(out, cmd, envelope + fields_octets);
  // In one go: this is done for every frame of a fan-out.
  std::uint8_t* p = out.data() + slot.payload;
  if (pairs < 16) {
    *p++ = static_cast<std::uint8_t>(0x80 | pairs);
  } else {
    *p++ = 0xde;
    *p++ = 0;
    *p++ = static_cast<std::uint8_t>(pairs);
  }
  p = put_short(p, "cmd");
  p = put_short(p, cmd);
  p = put_short(p, "dir");
  p = put_short(p, moot::text(dir));
  p = put_short(p, "nonce");
  p = put_uint(p, nonce);
  p = put_short(p, "timestamp");
  p = put_uint(p, timestamp);
  MOOT_CHECK(p == out.data() + slot.payload + envelope);
  out.drop_back(fields_octets);
  return slot;
}

FrameSlot put_frame(Buffer& out, Dir dir, std::uint64_t nonce, std::uint64_t timestamp,
                    const Body& body) {
  const FrameSlot slot =
      put_frame_head(out, dir, nonce, timestamp, body.cmd, body.pairs, body.fields.size());
  out.put(body.fields);
  return slot;
}

void put_element(Buffer& out, const Body& body) {
  Writer w(out);
  w.map(1 + body.pairs);
  w.str("cmd");
  w.str(body.cmd);
  w.raw(body.fields);
}

}  // namespace moot::wire
