#include "wire/codec.h"

#include "base/utf8.h"

namespace moot::wire {

bool is_name(std::string_view text) {
  std::size_t points = 0;
  for (; !text.empty(); ++points) {
    const CodePoint c = next_code_point(text);
    if (!c.valid || is_control(c.code)) return false;
    text.remove_prefix(c.octets);
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
