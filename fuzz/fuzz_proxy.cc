#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"
#include "fuzz/input.h"
#include "model/ids.h"
#include "model/limits.h"
#include "session/proxy_header.h"

// A front's header, in whatever pieces: what is decided of a part stays decided, nothing behind
// the header matters, and only an id proved over TLS comes out. Half of the inputs get a right
// beginning, length and checksum, which nobody guesses.
namespace moot::fuzz {
namespace {

using session::ProxyHeader;
using session::ProxyRules;
using Kind = ProxyHeader::Kind;

bool same(const ProxyHeader& a, const ProxyHeader& b) {
  return a.kind == b.kind && a.octets == b.octets && a.fault == b.fault && a.cn == b.cn &&
         a.v6 == b.v6 && a.source == b.source;
}

// A copy of its own size, so that a look beyond the end is found.
ProxyHeader read_first(Bytes stream, std::size_t n, const ProxyRules& rules) {
  const ByteBuf part(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(n));
  ProxyHeader h = read_proxy_header(part, rules);
  // The CN is told as the place in the whole stream, which outlives the copy.
  if (!h.cn.empty()) {
    const std::size_t at = static_cast<std::size_t>(as_bytes(h.cn).data() - part.data());
    MOOT_CHECK(at < n && h.cn.size() <= n - at);
    h.cn = as_text(stream.subspan(at, h.cn.size()));
  }
  return h;
}

void check_client(const ProxyHeader& h, Bytes stream, const ProxyRules& rules) {
  MOOT_CHECK(UserId::parse(h.cn).has_value());
  MOOT_CHECK(h.octets <= 16 + limits::kProxyHeaderBytesMax && h.octets <= stream.size());
  MOOT_CHECK(stream[12] == 0x21 && (stream[13] == 0x21) == h.v6);
  // Every octet before the end is part of it: with one less there is more to come.
  MOOT_CHECK(read_first(stream, h.octets - 1, rules).kind == Kind::more);
  // What the strictest rules take, milder ones take as well.
  ProxyRules milder = rules;
  milder.require_crc32c = false;
  milder.allow_resumption = true;
  MOOT_CHECK(same(read_first(stream, stream.size(), milder), h));
}

void check_stream(Bytes stream, const ProxyRules& rules) {
  const ProxyHeader whole = read_first(stream, stream.size(), rules);
  bool decided = false;
  for (std::size_t n = 0; n <= stream.size(); ++n) {
    const ProxyHeader h = read_first(stream, n, rules);
    MOOT_CHECK((h.fault != session::ProxyFault::none) == (h.kind == Kind::refused));
    if (h.kind == Kind::more) {
      MOOT_CHECK(!decided && h.octets > n && h.octets <= 16 + limits::kProxyHeaderBytesMax);
    } else {
      decided = true;
      MOOT_CHECK(same(h, whole));
    }
  }
  if (whole.kind == Kind::client) check_client(whole, stream, rules);
}

// Signature, length and, where there is place for it, checksum made right.
ByteBuf mended(Bytes rest) {
  static constexpr std::array<std::uint8_t, 12> kSignature{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                           0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
  ByteBuf out(kSignature.begin(), kSignature.end());
  const std::size_t size = std::min<std::size_t>(rest.size(), limits::kProxyHeaderBytesMax);
  out.push_back(size > 0 && rest[0] % 8 == 0 ? 0x20 : 0x21);
  const bool v6 = size > 1 && rest[1] % 2 == 0;
  out.push_back(v6 ? 0x21 : 0x11);
  out.push_back(static_cast<std::uint8_t>(size >> 8));
  out.push_back(static_cast<std::uint8_t>(size));
  append(out, rest.first(size));
  std::size_t at = 16 + (v6 ? 36u : 12u);
  while (at + 3 <= out.size()) {
    const std::size_t length = static_cast<std::size_t>(out[at + 1]) << 8 | out[at + 2];
    if (out[at] == 0x03 && length == 4 && at + 7 <= out.size()) {
      std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at + 3), 4, std::uint8_t{0});
      put_be32(out.data() + at + 3, session::crc32c(out));
      break;
    }
    at += 3 + length;
  }
  return out;
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moot::fuzz;
  Input in(data, size);
  const std::uint8_t choice = in.byte();
  const ProxyRules rules{.allow_resumption = (choice & 1) != 0,
                         .require_crc32c = (choice & 2) != 0};
  if ((choice & 4) != 0) {
    check_stream(mended(in.rest()), rules);
  } else {
    check_stream(in.rest().first(std::min<std::size_t>(in.rest().size(), 1024)), rules);
  }
  return 0;
}
