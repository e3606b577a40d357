#include <vector>

#include "base/check.h"
#include "fuzz/input.h"
#include "wire/frame.h"

// Octets of a stream, in whatever pieces: the pieces change nothing, and what is taken for a frame
// is exactly what its parts would be written as.
namespace moot::fuzz {
namespace {

using wire::FrameReader;

struct Seen {
  std::vector<std::size_t> ends;  // of frames, counted from the start of the stream
  bool dead = false;
  friend bool operator==(const Seen&, const Seen&) = default;
};

void check_writing(const wire::Frame& frame, Bytes stream) {
  Buffer out;
  const wire::FrameSlot slot = wire::put_frame(out, frame.cmd, frame.payload.size());
  std::memcpy(out.data() + slot.sig, frame.sig.data(), frame.sig.size());
  std::memcpy(out.data() + slot.payload, frame.payload.data(), frame.payload.size());
  MOOT_CHECK(equal(out.bytes(), stream.first(frame.octets)));
}

// `piece(i)`: how many octets arrive the i-th time.
template <class Piece>
Seen read(Bytes stream, std::uint32_t limit, Piece piece) {
  Seen seen;
  FrameReader reader;
  std::size_t begin = 0;
  std::size_t arrived = 0;
  for (std::size_t i = 0; arrived < stream.size() && !seen.dead; ++i) {
    arrived = std::min(stream.size(), arrived + piece(i));
    for (;;) {
      // A copy of its own size, so that a look beyond the end is found.
      const ByteBuf buffered(stream.begin() + static_cast<std::ptrdiff_t>(begin),
                             stream.begin() + static_cast<std::ptrdiff_t>(arrived));
      const auto status = reader.next(buffered, limit);
      seen.dead = status == FrameReader::Status::bad;
      if (status != FrameReader::Status::frame) {
        MOOT_CHECK(seen.dead || reader.wanted() == 0 || reader.wanted() > buffered.size());
        break;
      }
      MOOT_CHECK(reader.frame().payload.size() <= limit && !reader.started());
      check_writing(reader.frame(), buffered);
      begin += reader.frame().octets;
      seen.ends.push_back(begin);
    }
  }
  if (seen.dead) MOOT_CHECK(reader.next(stream, limit) == FrameReader::Status::bad);
  return seen;
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moot::fuzz;
  Input in(data, size);
  const std::uint8_t choice = in.byte();
  const std::uint32_t limit = (choice & 1) != 0 ? 1024 : 262'144;
  std::uint32_t splits = static_cast<std::uint32_t>(in.number(2)) | 1;
  const moot::Bytes stream = in.rest();
  const Seen whole = read(stream, limit, [&](std::size_t) { return stream.size(); });
  const Seen pieces = read(stream, limit, [&](std::size_t) {
    splits = splits * 1'103'515'245u + 12'345u;
    return 1 + (splits >> 16) % ((choice & 2) != 0 ? 300u : 20u);
  });
  MOOT_CHECK(whole == pieces);
  return 0;
}
