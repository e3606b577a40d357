#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/buffer.h"
#include "model/commands.h"
#include "wire/codec.h"
#include "wire/frame.h"

// Payloads: the envelope (protocol.md 3) and the command in it.
namespace moot::wire {

struct Envelope {
  std::string_view cmd;
  std::string_view dir;
  std::uint64_t nonce = 0;
  std::uint64_t timestamp = 0;  // unix seconds
};

struct Opened {
  Envelope envelope;
  Bytes payload;  // the whole map, for `decode_client` or `decode_server`
};

// REQUIRES: `payload` passed `validate`. None when an envelope field is missing or wrongly typed.
std::optional<Opened> open(Bytes payload);

// The command in a validated payload, or in one element of a BATCH. Lists live in `arena`,
// everything else points into the payload.
std::expected<c::Any, DecodeError> decode_client(std::string_view cmd, Bytes map, Arena& arena);
std::expected<s::Any, DecodeError> decode_server(std::string_view cmd, Bytes map, Arena& arena);

// One sentence for ERR: what is wrong and what to do.
std::string explain(const DecodeError& error, std::string_view cmd);

// One element of a BATCH: its name and its map. None when `cmd` is missing or no text.
struct Element {
  std::string_view cmd;
  Bytes map;
};
class Elements {
 public:
  explicit Elements(const RawCommands& raw) : rest_(raw.octets), left_(raw.count) {}
  bool done() const { return left_ == 0; }
  std::optional<Element> next();

 private:
  Bytes rest_;
  std::size_t left_;
};

// A command without its envelope: what is common to all receivers of a fan-out. `pairs` says how
// many key-value pairs `fields` holds.
struct Body {
  std::string_view cmd;
  std::uint32_t pairs = 0;
  Bytes fields;
  bool flat = false;  // no field is a list or map: its nodes are its pairs

  // Nodes of the profile (protocol.md 2) as an element of a BATCH, at most.
  std::size_t nodes_max() const { return 3 + 2 * std::size_t{pairs} + (flat ? 0 : fields.size()); }
};

// Appends the fields of a command to `out` and says how many.
std::uint32_t encode_fields(Buffer& out, const c::Any& cmd);
std::uint32_t encode_fields(Buffer& out, const s::Any& cmd);
bool is_flat(const c::Any& cmd);
bool is_flat(const s::Any& cmd);
std::string_view name_of(const c::Any& cmd);
std::string_view name_of(const s::Any& cmd);

// Appends a frame with everything but its signature.
FrameSlot put_frame(Buffer& out, Dir dir, std::uint64_t nonce, std::uint64_t timestamp,
                    const Body& body);

// The same without the fields: the caller appends `fields_octets` of them, `pairs` pairs.
FrameSlot put_frame_head(Buffer& out, Dir dir, std::uint64_t nonce, std::uint64_t timestamp,
                         std::string_view cmd, std::uint32_t pairs, std::size_t fields_octets);

// Appends one element of a BATCH.
void put_element(Buffer& out, const Body& body);

// The reference table of docs/protocol.md, in Markdown.
std::string reference_table();

}  // namespace moot::wire
