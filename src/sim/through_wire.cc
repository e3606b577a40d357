#include "sim/through_wire.h"

#include <type_traits>

#include "base/arena.h"
#include "base/check.h"
#include "wire/commands.h"
#include "wire/frame.h"
#include "wire/msgpack.h"

namespace moot::sim {
namespace {

template <class Any>
Kept<Any> pass(const Any& cmd) {
  constexpr bool kUp = std::is_same_v<Any, c::Any>;
  Buffer fields;
  const std::uint32_t pairs = wire::encode_fields(fields, cmd);
  Buffer out;
  const wire::FrameSlot slot =
      wire::put_frame(out, kUp ? Dir::client : Dir::server, 1, 1'700'000'000,
                      {wire::name_of(cmd), pairs, fields.bytes(), wire::is_flat(cmd)});
  wire::put_zero_signature(out, slot);
  wire::FrameReader reader;
  MOOT_CHECK(reader.next(out.bytes(), limits::kFrameBytesMax) == wire::FrameReader::Status::frame);
  const Bytes payload = reader.frame().payload;
  MOOT_CHECK(wire::validate(payload) == wire::ProfileError::ok);
  const auto opened = wire::open(payload);
  MOOT_CHECK(opened.has_value());
  Arena arena;
  if constexpr (kUp) {
    const auto decoded = wire::decode_client(opened->envelope.cmd, opened->payload, arena);
    MOOT_CHECK(decoded.has_value());
    return Kept<Any>(*decoded);
  } else {
    const auto decoded = wire::decode_server(opened->envelope.cmd, opened->payload, arena);
    MOOT_CHECK(decoded.has_value());
    return Kept<Any>(*decoded);
  }
}

}  // namespace

Kept<c::Any> through_wire(const c::Any& cmd) { return pass(cmd); }
Kept<s::Any> through_wire(const s::Any& cmd) { return pass(cmd); }

}  // namespace moot::sim
