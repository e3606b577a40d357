#include "base/hex.h"
#include "crypto/hmac.h"
#include "model/print.h"
#include "tests/conformance/fields.h"
#include "tests/conformance/group.h"
#include "wire/commands.h"

namespace moot::vectors {
namespace {

MacKey key_of(const Json& file) { return MacKey(id_of<KeyBytes>(at(file, "key")).octets); }

// The vector's pairs as one JSON map, which is how `matches_map` reads them.
Json map_of(const Json& pairs) {
  Json map = Json::object();
  for (const Json& pair : pairs) map[text_of(pair[0])] = pair[1];
  return map;
}

// The whole frame, written through the typed command.
template <class Any>
void check_writing(Group& group, const Json& v, const Any& cmd, Dir dir, const MacKey& key) {
  Buffer fields;
  const std::uint32_t pairs = wire::encode_fields(fields, cmd);
  Buffer out;
  const auto slot =
      wire::put_frame(out, dir, uint_of(at(v, "nonce")), uint_of(at(v, "timestamp")),
                      {.cmd = wire::name_of(cmd), .pairs = pairs, .fields = fields.bytes()});
  if (wire::is_zero_signature(text_of(at(v, "sig")))) {
    wire::put_zero_signature(out, slot);
  } else {
    wire::put_signature(out, slot, key.sign({out.data() + slot.payload, slot.payload_len}));
  }
  group.expect_same(hex(out.bytes()), text_of(at(v, "frame")), "frame written");
}

// The text form names the command and every field in wire order.
void check_printing(Group& group, const Json& v, const std::string& printed) {
  group.expect(printed.starts_with(text_of(at(v, "cmd"))), "printed: " + printed);
  std::size_t from = 0;
  for (const Json& pair : at(v, "fields")) {
    from = printed.find(" " + text_of(pair[0]) + "=", from);
    group.expect(from != std::string::npos, text_of(pair[0]) + " is not in: " + printed);
    if (from == std::string::npos) return;
  }
}

template <class Any>
void check_command(Group& group, const Json& v, const std::expected<Any, wire::DecodeError>& cmd,
                   Dir dir, const MacKey& key) {
  if (!cmd) {
    group.expect(false, "not decoded: " + wire::explain(cmd.error(), text_of(at(v, "cmd"))));
    return;
  }
  const Json fields = map_of(at(v, "fields"));
  group.expect(std::visit([&](const auto& c) { return matches_map(c, fields); }, *cmd),
               "decoded to " + text(*cmd));
  check_writing(group, v, *cmd, dir, key);
  check_printing(group, v, text(*cmd));
}

void check_splits(Group& group, const Json& v, Bytes frame) {
  using Status = wire::FrameReader::Status;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    wire::FrameReader reader;
    const bool waits =
        i == 0 || reader.next(frame.first(i), limits::kFrameBytesMax) == Status::need_more;
    group.expect(waits, "the first " + std::to_string(i) + " octets do not wait for more");
    const bool whole = reader.next(frame, limits::kFrameBytesMax) == Status::frame;
    group.expect(whole, "split at " + std::to_string(i) + " gives no frame");
    if (!waits || !whole) return;
    const wire::Frame& got = reader.frame();
    group.expect(got.cmd == text_of(at(v, "cmd")) && got.sig == text_of(at(v, "sig")) &&
                     got.payload.size() == uint_of(at(v, "len")) && got.octets == frame.size(),
                 "split at " + std::to_string(i) + " gives other parts");
  }
}

}  // namespace

bool check_frames(const std::string& dir) {
  const Json file = load(dir + "/frames.json");
  const MacKey key = key_of(file);
  Group group("frames");
  for (const Json& v : at(file, "frames")) {
    group.begin(text_of(at(v, "name")));
    const ByteBuf payload = octets_of(at(v, "payload"));
    const ByteBuf frame = octets_of(at(v, "frame"));
    group.expect_same(hex(payload_of(v).bytes()), hex(payload), "payload from the fields");

    const wire::ProfileError profile = wire::validate(payload);
    group.expect_same(wire::text(profile), "ok", "profile");
    if (profile != wire::ProfileError::ok) continue;
    const auto opened = wire::open(payload);
    group.expect(opened && opened->envelope.cmd == text_of(at(v, "cmd")) &&
                     opened->envelope.dir == text_of(at(v, "dir")) &&
                     opened->envelope.nonce == uint_of(at(v, "nonce")) &&
                     opened->envelope.timestamp == uint_of(at(v, "timestamp")),
                 "the envelope is not the vector's");

    Arena arena;
    const std::string cmd = text_of(at(v, "cmd"));
    if (text_of(at(v, "dir")) == text(Dir::client)) {
      check_command(group, v, wire::decode_client(cmd, payload, arena), Dir::client, key);
    } else {
      check_command(group, v, wire::decode_server(cmd, payload, arena), Dir::server, key);
    }
    check_splits(group, v, frame);
  }
  return group.close();
}

bool check_invalid_frames(const std::string& dir) {
  using Status = wire::FrameReader::Status;
  const Json file = load(dir + "/frames_invalid.json");
  Group group("frames_invalid");
  for (const Json& v : at(file, "invalid")) {
    group.begin(text_of(at(v, "id")));
    const ByteBuf octets = octets_of(at(v, "octets"));
    const auto limit = static_cast<std::uint32_t>(uint_of(at(v, "limit")));
    const auto dies_at = static_cast<std::size_t>(uint_of(at(v, "at")));
    group.expect(dies_at < octets.size(), "`at` lies outside");
    wire::FrameReader reader;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= dies_at && i < octets.size(); ++i) {
      const Status status = reader.next(Bytes(octets).subspan(begin, i + 1 - begin), limit);
      if (status == Status::frame) begin += reader.frame().octets;
      group.expect((status == Status::bad) == (i == dies_at),
                   (status == Status::bad ? "dead at " : "alive at ") + std::to_string(i));
    }
    group.expect(reader.next(octets, limit) == Status::bad, "alive again");
  }
  return group.close();
}

}  // namespace moot::vectors
