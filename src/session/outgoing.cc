#include "session/outgoing.h"

#include "base/hex.h"

namespace moot::session {
namespace {

bool may_be_batched(const wire::Body& body) {
  // protocol.md 6.1: never in a BATCH.
  return body.cmd != "CNN" && body.cmd != "SINFO" && body.cmd != "DCNN" && body.cmd != "ENROL" &&
         body.cmd != "BATCH";
}

std::size_t map_head(std::uint32_t pairs) { return pairs < 16 ? 1 : 3; }
std::size_t array_head(std::size_t n) { return n < 16 ? 1 : 3; }

std::size_t element_octets(const wire::Body& body) {
  return map_head(1 + body.pairs) + 4 + 1 + body.cmd.size() + body.fields.size();
}

// The envelope, `cmds` and the head of its array, at their largest.
constexpr std::size_t kBatchOverheadMax = 64;

}  // namespace

void Outgoing::put(Buffer& out, std::uint64_t unix_s, std::span<const wire::Body> bodies,
                   std::vector<Unsigned>& to_sign) {
  std::size_t i = 0;
  while (i < bodies.size()) {
    std::size_t n = 0;
    std::size_t octets = 0;
    std::size_t nodes = kBatchOverheadMax;
    for (; batch_ && i + n < bodies.size() && n < limits::kBatchCommandsMax; ++n) {
      const wire::Body& body = bodies[i + n];
      const std::size_t more = element_octets(body);
      nodes += body.nodes_max();
      if (!may_be_batched(body) || octets + more + kBatchOverheadMax > payload_max_ ||
          nodes > limits::kNodesMax) {
        break;
      }
      octets += more;
    }
    if (n < 2) {
      put_one(out, unix_s, bodies[i], to_sign);
      ++i;
    } else {
      put_batch(out, unix_s, bodies.subspan(i, n), octets, to_sign);
      i += n;
    }
  }
}

void Outgoing::put_one(Buffer& out, std::uint64_t unix_s, const wire::Body& body,
                       std::vector<Unsigned>& to_sign) {
  to_sign.push_back({wire::put_frame(out, dir_, next_++, unix_s, body)});
}

void Outgoing::put_batch(Buffer& out, std::uint64_t unix_s, std::span<const wire::Body> bodies,
                         std::size_t elements_octets, std::vector<Unsigned>& to_sign) {
  const std::size_t fields = 5 + array_head(bodies.size()) + elements_octets;
  const wire::FrameSlot slot = wire::put_frame_head(out, dir_, next_++, unix_s, "BATCH", 1, fields);
  wire::Writer w(out);
  w.str("cmds");
  w.array(bodies.size());
  for (const wire::Body& body : bodies) wire::put_element(out, body);
  MOOT_CHECK(out.size() == slot.payload + slot.payload_len);
  to_sign.push_back({slot});
}

void sign_all(Buffer& out, std::span<const Unsigned> frames, const MacKey* key) {
  for (const Unsigned& f : frames) {
    if (key == nullptr) {
      wire::put_zero_signature(out, f.slot);
    } else {
      wire::put_signature(out, f.slot,
                          key->sign(out.bytes().subspan(f.slot.payload, f.slot.payload_len)));
    }
  }
}

bool signature_is(std::string_view sig, const Mac& mac) {
  Mac got;
  const bool hex_ok = unhex_into(sig, got);
  return equal_ct(got, mac) && hex_ok;
}

}  // namespace moot::session
