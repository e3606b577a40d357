#include "wire/codec.h"

namespace moot::wire {

bool is_name(std::string_view text) {
  unsigned points = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto b = static_cast<unsigned char>(text[i]);
    if ((b & 0xc0) == 0x80) continue;  // the rest of a character
    ++points;
    if (b < 0x20 || b == 0x7f) return false;
    // U+0080..U+009F: C2 80..9F
    if (b == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
  }
  return points >= 1 && points <= limits::kNameCodePointsMax;
}

// [upper, mode, payload] (replication.md 3.2)
void encode_value(Writer& w, const Range& v) {
  w.array(3);
  encode_value(w, v.upper);
  w.uint(static_cast<std::uint64_t>(v.mode));
  switch (v.mode) {
    case Range::Mode::skip:
      w.nil();
      break;
    case Range::Mode::fingerprint:
      w.array(2);
      w.bin(v.fp.bytes());
      w.uint(v.count);
      break;
    case Range::Mode::list:
      encode_value(w, v.list);
      break;
  }
}

bool decode_value(Reader& r, Range& v, Arena& arena) {
  if (r.type() != Type::array || r.array() != 3) return false;
  if (!decode_value(r, v.upper, {1, Element::kSize}, arena) || r.type() != Type::uint) return false;
  switch (r.uint()) {
    case 0:
      v.mode = Range::Mode::skip;
      if (r.type() != Type::nil) return false;
      r.nil();
      return true;
    case 1:
      v.mode = Range::Mode::fingerprint;
      return r.type() == Type::array && r.array() == 2 && decode_value(r, v.fp, {}, arena) &&
             decode_value(r, v.count, {}, arena);
    case 2:
      v.mode = Range::Mode::list;
      return decode_value(r, v.list, {}, arena);
    default:
      return false;
  }
}

}  // namespace moot::wire
