#include "session/proxy_header.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/hex.h"
#include "model/limits.h"

namespace moot::session {
namespace {

using Kind = ProxyHeader::Kind;

void be16(ByteBuf& out, std::size_t n) {
  out.push_back(static_cast<std::uint8_t>(n >> 8));
  out.push_back(static_cast<std::uint8_t>(n));
}
ByteBuf octets(std::string_view t) {
  const Bytes b = as_bytes(t);
  return {b.begin(), b.end()};
}
ByteBuf tlv(std::uint8_t type, const ByteBuf& value) {
  ByteBuf out{type};
  be16(out, value.size());
  append(out, value);
  return out;
}
ByteBuf joined(std::initializer_list<ByteBuf> parts) {
  ByteBuf out;
  for (const ByteBuf& p : parts) append(out, p);
  return out;
}
ByteBuf cn(std::string_view name) { return tlv(0x22, octets(name)); }
ByteBuf version(std::string_view v = "TLSv1.3") { return tlv(0x21, octets(v)); }
ByteBuf ssl(std::uint8_t client, std::uint32_t verify, const ByteBuf& inside) {
  ByteBuf value{client, 0, 0, 0, static_cast<std::uint8_t>(verify)};
  append(value, inside);
  return tlv(0x20, value);
}
ByteBuf header(const ByteBuf& tlvs, std::uint8_t command = 0x21, std::uint8_t family = 0x11) {
  ByteBuf out = octets(std::string_view("\r\n\r\n\0\r\nQUIT\n", 12));
  out.push_back(command);
  out.push_back(family);
  const std::size_t address = family == 0x21 ? 36 : family == 0x11 ? 12 : 0;
  be16(out, address + tlvs.size());
  for (std::size_t i = 0; i < address; ++i) out.push_back(static_cast<std::uint8_t>(i + 1));
  append(out, tlvs);
  return out;
}
ByteBuf good() { return header(ssl(7, 0, joined({version(), cn("alice")}))); }

std::string told(const ByteBuf& octets, const ProxyRules& rules = {}) {
  const ProxyHeader h = read_proxy_header(octets, rules);
  switch (h.kind) {
    case Kind::more:
      return "more " + std::to_string(h.octets);
    case Kind::local:
      return "local";
    case Kind::client:
      return "client " + std::string(h.cn);
    case Kind::refused:
      return "refused: " + std::string(text(h.fault));
  }
  return {};
}

// security.md 3.3: what a HAProxy 2.6.12 sent for a client that said CNN at once.
TEST(ProxyHeader, TakesWhatHaproxySends) {
  ByteBuf captured = *unhex(
      "0d0a0d0a000d0a515549540a211100267f0000017f0000018c384269"
      "2000170700000000210007544c5376312e33220005616c696365434e4e");
  const ProxyHeader h = read_proxy_header(captured, {});
  EXPECT_EQ(told(captured), "client alice");
  EXPECT_EQ(h.octets, 54u);
  EXPECT_EQ(as_text(Bytes(captured).subspan(h.octets)), "CNN");
  EXPECT_FALSE(h.v6);
  EXPECT_EQ(hex(Bytes(h.source).first(4)), "7f000001");
  const ProxyHeader six =
      read_proxy_header(header(ssl(7, 0, joined({version(), cn("alice")})), 0x21, 0x21), {});
  EXPECT_EQ(six.kind, Kind::client);
  EXPECT_TRUE(six.v6);
  EXPECT_EQ(hex(six.source), "0102030405060708090a0b0c0d0e0f10");
}

// Each row of the table in security.md 3.3, as octets; tests/process/haproxy_test.py has them from
// a real front.
TEST(ProxyHeader, RefusesEachTrapOfTheTable) {
  const std::string_view nul("alice\0.evil", 11);
  struct Row {
    std::string_view name;
    ByteBuf octets;
    std::string_view told;
  };
  const std::string_view unproven = "refused: no certificate was proved on this connection";
  const std::string_view no_tls = "refused: the client spoke no TLS";
  const std::string_view no_cn = "refused: no CN, several, or one that is no id";
  for (const Row& row : std::initializer_list<Row>{
           {"self-signed", header(ssl(7, 18, joined({version(), cn("alice")}))), unproven},
           {"no certificate", header(ssl(1, 0, version())), unproven},
           {"no certificate, a CN all the same", header(ssl(1, 0, cn("alice"))), unproven},
           {"plain front", header(ssl(0, 0, {})), no_tls},
           {"plain front with a CN", header(ssl(6, 0, cn("alice"))), no_tls},
           {"no SSL TLV", header({}), no_tls},
           {"certificate without CN", header(ssl(7, 0, version())), no_cn},
           {"CN with NUL", header(ssl(7, 0, cn(nul))), no_cn},
           {"CN with LF", header(ssl(7, 0, cn("alice\nbob"))), no_cn},
           {"CN in UTF-8", header(ssl(7, 0, cn("\xc3\xa4lice"))), no_cn},
           {"CN too long", header(ssl(7, 0, cn(std::string(33, 'a')))), no_cn},
           {"CN empty", header(ssl(7, 0, cn(""))), no_cn},
           {"resumed", header(ssl(5, 0, joined({version(), cn("alice")}))), unproven},
           {"TLS 1.2", header(ssl(7, 0, joined({version("TLSv1.2"), cn("alice")}))),
            "refused: not TLS 1.3"},
           {"health check", header(ssl(0, 0, {}), 0x20, 0x00), "local"},
           {"health check bare", header({}, 0x20, 0x00), "local"},
       }) {
    EXPECT_EQ(told(row.octets), row.told) << row.name;
  }
  const ByteBuf resumed = header(ssl(5, 0, joined({version(), cn("alice")})));
  EXPECT_EQ(told(resumed, {.allow_resumption = true}), "client alice");
  EXPECT_EQ(told(header(ssl(3, 0, cn("alice"))), {.allow_resumption = true}), unproven);
  EXPECT_EQ(told(header(ssl(7, 0, cn("alice")))), "client alice");  // the version is not said
}

TEST(ProxyHeader, WG_16_ComesInWhateverPieces) {
  const ByteBuf whole = good();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const ByteBuf part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_EQ(told(part), n < 16 ? "more 16" : "more " + std::to_string(whole.size())) << n;
  }
  ByteBuf with_more = whole;
  append(with_more, whole);  // a forged second header is what the client says, not a header
  EXPECT_EQ(read_proxy_header(with_more, {}).octets, whole.size());
}

TEST(ProxyHeader, WG_17_TlvsTileTheirPlace) {
  const ByteBuf inside = joined({version(), cn("alice")});
  const std::string_view broken = "refused: the parts do not fit";
  ByteBuf over = header(ssl(7, 0, inside));
  over[16 + 12 + 2] = static_cast<std::uint8_t>(over[16 + 12 + 2] + 1);  // the SSL TLV's length
  EXPECT_EQ(told(over), broken);
  ByteBuf under = header(ssl(7, 0, inside));
  under[16 + 12 + 2] = static_cast<std::uint8_t>(under[16 + 12 + 2] - 1);
  EXPECT_EQ(told(under), broken);
  ByteBuf inner = inside;
  inner[2] = static_cast<std::uint8_t>(inner[2] + 1);
  EXPECT_EQ(told(header(ssl(7, 0, inner))), broken);
  inner = inside;
  inner[inner.size() - 6] = 6;  // the CN's length, one more than there is
  EXPECT_EQ(told(header(ssl(7, 0, inner))), broken);
  EXPECT_EQ(told(header(joined({ssl(7, 0, inside), {0x04}}))), broken);
  EXPECT_EQ(told(header(joined({ssl(7, 0, inside), {0x04, 0}}))), broken);
  EXPECT_EQ(told(header(joined({ssl(7, 0, inside), {0x04, 0, 0}}))), "client alice");
  EXPECT_EQ(told(header(tlv(0x20, {7, 0, 0, 0}))), broken);
}

TEST(ProxyHeader, WG_18_TwoOfWhatComesOnceAreNone) {
  const ByteBuf inside = joined({version(), cn("alice")});
  EXPECT_EQ(told(header(joined({ssl(7, 0, inside), ssl(7, 0, inside)}))),
            "refused: the client spoke no TLS");
  EXPECT_EQ(told(header(ssl(7, 0, joined({cn("alice"), cn("alice")})))),
            "refused: no CN, several, or one that is no id");
  EXPECT_EQ(told(header(ssl(7, 0, joined({version(), version(), cn("alice")})))),
            "refused: not TLS 1.3");
}

ByteBuf with_crc(bool right, bool last) {
  const ByteBuf one = ssl(7, 0, joined({version(), cn("alice")}));
  const ByteBuf zero = tlv(0x03, {0, 0, 0, 0});
  ByteBuf out = header(last ? joined({one, zero}) : joined({zero, one}));
  const std::uint32_t sum = crc32c(out) ^ (right ? 0u : 1u);
  put_be32(out.data() + (last ? out.size() - 4 : 16 + 12 + 3), sum);
  return out;
}

TEST(ProxyHeader, WG_19_AChecksumHasToFitAndMayBeAskedFor) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xe3069283u);
  for (const bool last : {false, true}) {
    EXPECT_EQ(told(with_crc(true, last)), "client alice");
    EXPECT_EQ(told(with_crc(true, last), {.require_crc32c = true}), "client alice");
    EXPECT_EQ(told(with_crc(false, last)), "refused: wrong or no checksum");
    for (std::size_t i = 16; i < 28; ++i) {
      ByteBuf flipped = with_crc(true, last);
      flipped[i] ^= 1;
      EXPECT_EQ(told(flipped), "refused: wrong or no checksum") << i;
    }
  }
  EXPECT_EQ(told(good(), {.require_crc32c = true}), "refused: wrong or no checksum");
  EXPECT_EQ(told(header(joined({tlv(0x03, {0, 0, 0}), ssl(7, 0, cn("alice"))}))),
            "refused: wrong or no checksum");
}

TEST(ProxyHeader, WG_20_AnythingElseIsRefusedAtItsFirstOctet) {
  for (const std::string_view other :
       {"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", "P", "CNN\n", "\r\n\r\n\r", "\x16\x03\x01"}) {
    EXPECT_EQ(told(octets(other)), "refused: no header of version 2");
  }
  ByteBuf bad = good();
  bad[11] ^= 1;
  EXPECT_EQ(told(bad), "refused: no header of version 2");
  for (const int command : {0x11, 0x22, 0x00, 0x30}) {
    EXPECT_EQ(told(header({}, static_cast<std::uint8_t>(command))), "refused: unknown command");
  }
  for (const int family : {0x00, 0x12, 0x22, 0x31}) {
    EXPECT_EQ(told(header(ssl(7, 0, cn("alice")), 0x21, static_cast<std::uint8_t>(family))),
              "refused: no TCP addresses");
  }
  ByteBuf cut = header({});
  cut[15] = 11;
  EXPECT_EQ(told(cut), "refused: no TCP addresses");
}

TEST(ProxyHeader, TheLengthIsBoundedBeforeItIsWaitedFor) {
  ByteBuf long_one = good();
  long_one[14] = static_cast<std::uint8_t>((limits::kProxyHeaderBytesMax + 1) >> 8);
  long_one[15] = static_cast<std::uint8_t>((limits::kProxyHeaderBytesMax + 1) & 0xff);
  EXPECT_EQ(told(long_one), "refused: too long");
  long_one.resize(16);
  EXPECT_EQ(told(long_one), "refused: too long");
  long_one[14] = static_cast<std::uint8_t>(limits::kProxyHeaderBytesMax >> 8);
  long_one[15] = static_cast<std::uint8_t>(limits::kProxyHeaderBytesMax & 0xff);
  EXPECT_EQ(told(long_one), "more 536");
}

}  // namespace
}  // namespace moot::session
