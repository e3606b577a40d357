#include "wire/frame.h"

#include <charconv>

#include "base/check.h"
#include "base/hex.h"

namespace moot::wire {
namespace {
constexpr std::uint8_t kLf = '\n';

bool is_upper(std::uint8_t b) { return b >= 'A' && b <= 'Z'; }
bool is_digit(std::uint8_t b) { return b >= '0' && b <= '9'; }

// Of a whole signature at once: no branch in the loop, so it becomes one over vectors.
bool is_hex_signature(const std::uint8_t* p) {
  std::uint8_t bad = 0;
  for (std::size_t i = 0; i < limits::kSigHexDigits; ++i) {
    bad |= static_cast<std::uint8_t>(!is_hex_digit(p[i]));
  }
  return bad == 0;
}
}  // namespace

// Goes on at `at_`; true when the header is whole. Sets `dead_` at the first octet that cannot be.
bool FrameReader::scan_header(Bytes in, std::uint32_t payload_max) {
  for (; at_ < in.size(); ++at_) {
    const std::uint8_t b = in[at_];
    switch (part_) {
      case Part::cmd:
        if (b == kLf && at_ > 0) {
          cmd_end_ = at_;
          part_ = Part::len;
        } else if (!(is_upper(b) || (at_ > 0 && (is_digit(b) || b == '_'))) ||
                   at_ == limits::kCommandBytesMax) {
          dead_ = true;
        }
        break;
      case Part::len: {
        const std::size_t digits = at_ - cmd_end_ - 1;
        if (b == kLf && digits > 0) {
          dead_ = len_ > payload_max;
          sig_begin_ = at_ + 1;
          part_ = Part::sig;
        } else if (!is_digit(b) || (digits == 0 && b == '0') || digits == limits::kLenDigitsMax) {
          dead_ = true;
        } else {
          len_ = len_ * 10 + (b - std::uint32_t{'0'});
        }
        break;
      }
      case Part::sig:
        if (at_ == sig_begin_ && in.size() - at_ > limits::kSigHexDigits &&
            is_hex_signature(in.data() + at_)) {
          at_ += limits::kSigHexDigits;
        }
        if (at_ - sig_begin_ == limits::kSigHexDigits) {
          if (in[at_] == kLf) {
            header_ = ++at_;
            part_ = Part::payload;
            return true;
          }
          dead_ = true;
        } else if (!is_hex_digit(b)) {
          dead_ = true;
        }
        break;
      case Part::payload:
        return true;
    }
    if (dead_) return false;
  }
  return part_ == Part::payload;
}

FrameReader::Status FrameReader::next(Bytes buffered, std::uint32_t payload_max) {
  if (dead_) return Status::bad;
  if (whole_ != nullptr) *this = FrameReader();
  if (part_ != Part::payload && !scan_header(buffered, payload_max)) {
    return dead_ ? Status::bad : Status::need_more;
  }
  if (buffered.size() < header_ + std::size_t{len_}) return Status::need_more;
  whole_ = buffered.data();
  return Status::frame;
}

Frame FrameReader::frame() const {
  MOOT_CHECK(whole_ != nullptr);
  const std::size_t octets = header_ + std::size_t{len_};
  const Bytes whole{whole_, octets};
  const std::string_view text = as_text(whole);
  return {.cmd = text.substr(0, cmd_end_),
          .sig = text.substr(sig_begin_, limits::kSigHexDigits),
          .payload = whole.subspan(header_),
          .octets = octets};
}

FrameSlot put_frame(Buffer& out, std::string_view cmd, std::size_t payload_len) {
  MOOT_CHECK(payload_len > 0 && payload_len <= limits::kFrameBytesCeiling);
  char digits[limits::kLenDigitsMax];
  const char* end = std::to_chars(digits, digits + sizeof digits, payload_len).ptr;
  const auto n_digits = static_cast<std::size_t>(end - digits);
  const std::size_t header = cmd.size() + 1 + n_digits + 1 + limits::kSigHexDigits + 1;
  FrameSlot slot{.begin = out.size(),
                 .sig = out.size() + cmd.size() + n_digits + 2,
                 .payload = out.size() + header,
                 .payload_len = payload_len};
  std::uint8_t* p = out.grow(header + payload_len);
  std::memcpy(p, cmd.data(), cmd.size());
  p += cmd.size();
  *p++ = kLf;
  std::memcpy(p, digits, n_digits);
  p += n_digits;
  *p++ = kLf;
  p[limits::kSigHexDigits] = kLf;
  return slot;
}

void put_zero_signature(Buffer& out, const FrameSlot& slot) {
  std::memset(out.data() + slot.sig, '0', limits::kSigHexDigits);
}

void put_signature(Buffer& out, const FrameSlot& slot, std::span<const std::uint8_t, 64> mac) {
  hex_into(mac, reinterpret_cast<char*>(out.data() + slot.sig));
}

bool is_zero_signature(std::string_view sig) {
  return sig.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace moot::wire
