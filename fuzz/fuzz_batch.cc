#include <vector>

#include "base/check.h"
#include "fuzz/mutator.h"
#include "session/outgoing.h"
#include "wire/commands.h"

// BATCH both ways: its elements are its octets without gap or overlap; what they decode to, sent by
// a connection that batches, arrives as the same commands in the same order.
// Input: two octets that choose the limit of a payload, then a payload with `cmds`.
namespace moot::fuzz {
namespace {

template <class Any>
auto decode(std::string_view cmd, Bytes map, Arena& arena) {
  if constexpr (std::same_as<Any, c::Any>) {
    return wire::decode_client(cmd, map, arena);
  } else {
    return wire::decode_server(cmd, map, arena);
  }
}

template <class Any>
struct BatchOf;
template <>
struct BatchOf<c::Any> {
  using Type = c::Batch;
  static constexpr Dir kDir = Dir::client;
};
template <>
struct BatchOf<s::Any> {
  using Type = s::Batch;
  static constexpr Dir kDir = Dir::server;
};

// The commands of the elements that make sense.
template <class Any>
std::vector<Any> commands_in(const RawCommands& raw, Arena& arena) {
  std::vector<Any> all;
  wire::Elements elements(raw);
  const std::uint8_t* at = raw.octets.data();
  std::size_t n = 0;
  for (; !elements.done(); ++n) {
    const auto element = elements.next();
    if (!element) return all;
    MOOT_CHECK(n > 0 || element->map.data() == at);
    at = element->map.data() + element->map.size();
    MOOT_CHECK(at <= raw.octets.data() + raw.octets.size());
    if (element->cmd == "BATCH") continue;
    auto command = decode<Any>(element->cmd, element->map, arena);
    if (command) all.push_back(*command);
  }
  MOOT_CHECK(n == raw.count && at == raw.octets.data() + raw.octets.size());
  return all;
}

template <class Any>
void check_sending(const std::vector<Any>& commands, std::uint32_t payload_max) {
  Buffer fields;
  std::vector<wire::Body> bodies;
  std::vector<std::size_t> begins;
  for (const Any& command : commands) {
    begins.push_back(fields.size());
    bodies.push_back(
        {.cmd = wire::name_of(command), .pairs = wire::encode_fields(fields, command)});
  }
  begins.push_back(fields.size());
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    bodies[i].fields = fields.bytes().subspan(begins[i], begins[i + 1] - begins[i]);
  }

  session::Outgoing outgoing(BatchOf<Any>::kDir);
  outgoing.set_batch(true, payload_max);
  Buffer stream;
  std::vector<session::Unsigned> to_sign;
  outgoing.put(stream, 1'702'622'553, bodies, to_sign);
  session::sign_all(stream, to_sign, nullptr);

  Arena arena;
  std::vector<Any> arrived;
  std::uint64_t nonce = 0;
  wire::FrameReader reader;
  Bytes rest = stream.bytes();
  for (; !rest.empty(); rest = rest.subspan(reader.frame().octets)) {
    MOOT_CHECK(reader.next(rest, limits::kFrameBytesMax) == wire::FrameReader::Status::frame);
    const wire::Frame& frame = reader.frame();
    MOOT_CHECK(wire::validate(frame.payload) == wire::ProfileError::ok);
    const auto opened = wire::open(frame.payload);
    MOOT_CHECK(opened && opened->envelope.cmd == frame.cmd && opened->envelope.nonce == nonce++);
    const auto command = decode<Any>(frame.cmd, frame.payload, arena);
    MOOT_CHECK(command.has_value());
    if (const auto* batch = std::get_if<typename BatchOf<Any>::Type>(&*command)) {
      MOOT_CHECK(frame.payload.size() <= payload_max && batch->cmds.count > 1);
      for (const Any& each : commands_in<Any>(batch->cmds, arena)) arrived.push_back(each);
    } else {
      arrived.push_back(*command);
    }
  }
  MOOT_CHECK(arrived == commands && outgoing.next_nonce() == nonce);
}

template <class Any>
void check(Bytes payload, std::uint32_t payload_max) {
  Arena arena;
  const auto command = decode<Any>("BATCH", payload, arena);
  if (!command) return;
  const auto& batch = std::get<typename BatchOf<Any>::Type>(*command);
  check_sending<Any>(commands_in<Any>(batch.cmds, arena), payload_max);
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moot;
  if (size < 2) return 0;
  const std::uint32_t payload_max = 128u + (data[0] * 256u + data[1]) % 8'192u;
  const Bytes payload{data + 2, size - 2};
  // Near the limit of nodes the envelope written in addition would be too much.
  if (size > 16'000 || wire::validate(payload) != wire::ProfileError::ok) return 0;
  fuzz::check<c::Any>(payload, payload_max);
  fuzz::check<s::Any>(payload, payload_max);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  return moot::fuzz::mutate_payload(data, size, max, seed, 2);
}
