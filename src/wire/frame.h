#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "base/bytes.h"
#include "model/limits.h"

// Frames on the octet stream (protocol.md 1):  cmd LF len LF sig LF payload
namespace moot::wire {

// One whole frame, in the receive buffer it arrived in.
struct Frame {
  std::string_view cmd;
  std::string_view sig;  // 128 lower-case hex digits
  Bytes payload;
  std::size_t octets = 0;  // of the whole frame: what to take from the buffer
};

// Finds frames in place. The caller keeps the octets from the start of the current frame on in
// one piece and hands them over whenever more arrived; every octet is looked at once. The stream
// is dead from the first octet that cannot continue the grammar: there is no resynchronisation.
class FrameReader {
 public:
  enum class Status : std::uint8_t { need_more, frame, bad };

  // `buffered` starts at the current frame. `payload_max` is the limit in force. After `frame`
  // the caller drops `frame().octets` and may call again at once.
  Status next(Bytes buffered, std::uint32_t payload_max);
  // After `frame`, until the next call and as long as what was handed over stands where it stood.
  Frame frame() const;

  // Octets of the current frame known to be needed in all, 0 while its header is incomplete.
  std::size_t wanted() const {
    return part_ == Part::payload && whole_ == nullptr ? header_ + std::size_t{len_} : 0;
  }
  // Whether octets of an unfinished frame have been seen: its deadline runs.
  bool started() const { return whole_ == nullptr && at_ > 0; }

 private:
  enum class Part : std::uint8_t { cmd, len, sig, payload };
  bool scan_header(Bytes in, std::uint32_t payload_max);

  // Every connection holds one of these: places in a header are small.
  const std::uint8_t* whole_ = nullptr;  // where the frame begins that was found last
  std::uint32_t len_ = 0;
  std::uint16_t at_ = 0;  // octets of the header already looked at
  std::uint16_t cmd_end_ = 0;
  std::uint16_t sig_begin_ = 0;
  std::uint16_t header_ = 0;
  Part part_ = Part::cmd;
  bool dead_ = false;
};

// Where the parts of a frame stand in the buffer it was written to.
struct FrameSlot {
  std::size_t begin = 0;  // offsets from Buffer::data()
  std::size_t sig = 0;
  std::size_t payload = 0;
  std::size_t payload_len = 0;
};

// Appends the header and room for the payload: the caller fills payload and signature.
FrameSlot put_frame(Buffer& out, std::string_view cmd, std::size_t payload_len);

// 128 zeros: the signature of a greeting, and of every frame behind a wall.
void put_zero_signature(Buffer& out, const FrameSlot& slot);
void put_signature(Buffer& out, const FrameSlot& slot, std::span<const std::uint8_t, 64> mac);
bool is_zero_signature(std::string_view sig);

}  // namespace moot::wire
