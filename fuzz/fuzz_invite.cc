#include "base/check.h"
#include "base/hex.h"
#include "client/invite_link.h"

// Invitations: what is read is written, and read again as the same. Also with the octets of the
// input as the token, which text alone rarely reaches.
namespace moot::fuzz {
namespace {

void check(std::string_view text) {
  const auto link = client::read_invite_link(text);
  if (!link) {
    MOOT_CHECK(!link.error().message.empty());
    return;
  }
  const auto again = client::read_invite_link(client::write_invite_link(*link));
  MOOT_CHECK(again && *again == *link);
  const auto address = client::parse_address(client::text(link->address));
  MOOT_CHECK(address && *address == link->address);
  const auto tls = client::parse_tls(client::text(link->tls));
  MOOT_CHECK(tls && *tls == link->tls);
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moot;
  const Bytes octets{data, size};
  fuzz::check(as_text(octets));
  const auto back = unbase64url(base64url(octets));
  MOOT_CHECK(back && equal(*back, octets));
  fuzz::check("moot://127.0.0.1:7667/#" + base64url(octets));
  return 0;
}
