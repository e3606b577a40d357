#include "session/proxy_header.h"

#include <algorithm>

#include "model/ids.h"
#include "model/limits.h"

namespace moot::session {
namespace {

constexpr std::array<std::uint8_t, 12> kSignature{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                  0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::size_t kFixed = 16;  // signature, command, family, length
constexpr std::uint8_t kLocal = 0x20;
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;

constexpr std::uint8_t kCrc = 0x03;
constexpr std::uint8_t kSsl = 0x20;
constexpr std::uint8_t kSslVersion = 0x21;
constexpr std::uint8_t kSslCn = 0x22;
constexpr std::size_t kSslFixed = 5;  // client, verify

constexpr std::uint8_t kClientSsl = 0x01;
constexpr std::uint8_t kClientCertConn = 0x02;
constexpr std::uint8_t kClientCertSess = 0x04;

ProxyHeader refused(ProxyFault fault) {
  return {.kind = ProxyHeader::Kind::refused, .fault = fault};
}

std::size_t be16(Bytes b, std::size_t at) {
  return static_cast<std::size_t>(b[at]) << 8 | b[at + 1];
}

// The TLVs of one place; they have to tile it exactly.
class Tlvs {
 public:
  explicit Tlvs(Bytes place) : rest_(place) {}
  // False at the end, or where they do not fit.
  bool next() {
    if (rest_.empty()) return false;
    if (rest_.size() < 3 || be16(rest_, 1) > rest_.size() - 3) {
      broken_ = true;
      return false;
    }
    type_ = rest_[0];
    value_ = rest_.subspan(3, be16(rest_, 1));
    rest_ = rest_.subspan(3 + value_.size());
    return true;
  }
  bool broken() const { return broken_; }
  std::uint8_t type() const { return type_; }
  Bytes value() const { return value_; }

 private:
  Bytes rest_;
  Bytes value_;
  std::uint8_t type_ = 0;
  bool broken_ = false;
};

// What may come once, and how often it came.
struct One {
  Bytes value;
  unsigned times = 0;
  void put(Bytes v) {
    value = v;
    ++times;
  }
};

bool checksum_fits(Bytes header, const One& crc) {
  if (crc.times != 1 || crc.value.size() != 4) return false;
  const auto at = static_cast<std::size_t>(crc.value.data() - header.data());
  static constexpr std::array<std::uint8_t, 4> kZeros{};
  std::uint32_t sum = crc32c(header.first(at));
  sum = crc32c(kZeros, sum);
  sum = crc32c(header.subspan(at + 4), sum);
  return get_be32(crc.value.data()) == sum;
}

// Rules 6 and 7: the certificate proved here and now, and the one name in it.
ProxyFault read_ssl(const One& ssl, const ProxyRules& rules, std::string_view& cn) {
  if (ssl.times != 1) return ProxyFault::no_tls;
  if (ssl.value.size() < kSslFixed) return ProxyFault::tiling;
  const std::uint8_t client = ssl.value[0];
  const std::uint32_t verify = get_be32(ssl.value.data() + 1);
  One version;
  One name;
  Tlvs inside(ssl.value.subspan(kSslFixed));
  while (inside.next()) {
    if (inside.type() == kSslVersion) version.put(inside.value());
    if (inside.type() == kSslCn) name.put(inside.value());
  }
  if (inside.broken()) return ProxyFault::tiling;
  if ((client & kClientSsl) == 0) return ProxyFault::no_tls;
  // `verify` is zero also where there was no certificate at all.
  const bool fresh = (client & kClientCertConn) != 0 || rules.allow_resumption;
  if ((client & kClientCertSess) == 0 || !fresh || verify != 0) return ProxyFault::unproven;
  if (version.times > 1 || (version.times == 1 && as_text(version.value) != "TLSv1.3")) {
    return ProxyFault::version;
  }
  if (name.times != 1) return ProxyFault::cn;
  cn = as_text(name.value);
  return UserId::parse(cn) ? ProxyFault::none : ProxyFault::cn;
}

}  // namespace

std::string_view text(ProxyFault fault) {
  switch (fault) {
    case ProxyFault::none:
      return "none";
    case ProxyFault::signature:
      return "no header of version 2";
    case ProxyFault::command:
      return "unknown command";
    case ProxyFault::length:
      return "too long";
    case ProxyFault::family:
      return "no TCP addresses";
    case ProxyFault::tiling:
      return "the parts do not fit";
    case ProxyFault::checksum:
      return "wrong or no checksum";
    case ProxyFault::no_tls:
      return "the client spoke no TLS";
    case ProxyFault::unproven:
      return "no certificate was proved on this connection";
    case ProxyFault::version:
      return "not TLS 1.3";
    case ProxyFault::cn:
      return "no CN, several, or one that is no id";
  }
  return "none";
}

std::uint32_t crc32c(Bytes octets, std::uint32_t so_far) {
  constexpr std::uint32_t kReversed = 0x82f63b78;
  std::uint32_t c = ~so_far;
  for (const std::uint8_t octet : octets) {
    c ^= octet;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? c >> 1 ^ kReversed : c >> 1;
  }
  return ~c;
}

ProxyHeader read_proxy_header(Bytes octets, const ProxyRules& rules) {
  // 2: what cannot become a header any more is refused at its first wrong octet.
  const std::size_t there = std::min(octets.size(), kSignature.size());
  if (!std::equal(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(there),
                  kSignature.begin())) {
    return refused(ProxyFault::signature);
  }
  if (octets.size() > 12 && octets[12] != kLocal && octets[12] != kProxy) {
    return refused(ProxyFault::command);
  }
  if (octets.size() < kFixed) return {.octets = kFixed};
  const std::size_t length = be16(octets, 14);
  if (length > limits::kProxyHeaderBytesMax) return refused(ProxyFault::length);
  ProxyHeader h{.octets = kFixed + length};
  if (octets.size() < h.octets) return h;
  const Bytes header = octets.first(h.octets);
  // 3
  if (header[12] == kLocal) {
    h.kind = ProxyHeader::Kind::local;
    return h;
  }
  // 4
  h.v6 = header[13] == kTcp6;
  if (!h.v6 && header[13] != kTcp4) return refused(ProxyFault::family);
  const std::size_t address = h.v6 ? 16 : 4;
  const std::size_t block = 2 * address + 4;
  if (length < block) return refused(ProxyFault::family);
  std::copy_n(header.begin() + kFixed, address, h.source.begin());
  One ssl;
  One crc;
  Tlvs tlvs(header.subspan(kFixed + block));
  while (tlvs.next()) {
    if (tlvs.type() == kSsl) ssl.put(tlvs.value());
    if (tlvs.type() == kCrc) crc.put(tlvs.value());
  }
  if (tlvs.broken()) return refused(ProxyFault::tiling);
  // 5
  if ((crc.times > 0 || rules.require_crc32c) && !checksum_fits(header, crc)) {
    return refused(ProxyFault::checksum);
  }
  // 6, 7
  if (const ProxyFault fault = read_ssl(ssl, rules, h.cn); fault != ProxyFault::none) {
    return refused(fault);
  }
  h.kind = ProxyHeader::Kind::client;
  return h;
}

}  // namespace moot::session
