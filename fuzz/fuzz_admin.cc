#include <string>

#include "base/check.h"
#include "fuzz/input.h"
#include "net/admin_wire.h"

// What stands on the admin socket, in both directions: whatever is taken says the same when it is
// written again, and its JSON texts stay within their quotes.
namespace moot::fuzz {
namespace {

void check_json(std::string_view text) {
  const std::string json = net::json_text(text);
  MOOT_CHECK(json.size() >= 2 && json.front() == '"' && json.back() == '"');
  for (std::size_t i = 1; i + 1 < json.size(); ++i) {
    MOOT_CHECK(static_cast<unsigned char>(json[i]) >= 0x20 && json[i] != '"');
    if (json[i] == '\\') ++i;
    MOOT_CHECK(i + 1 < json.size());
  }
}

void run(Input in) {
  const bool reply = in.byte() % 2 == 0;
  const std::string_view octets = as_text(in.rest());
  if (reply) {
    const auto got = net::parse_reply(octets);
    if (!got) return;
    MOOT_CHECK(got->code == 0 || got->code == 1);
    MOOT_CHECK(net::parse_reply(net::write_reply(*got)) == got);
    check_json(got->out);
  } else {
    const auto got = net::parse_request(octets);
    if (!got) return;
    MOOT_CHECK(net::parse_request(net::write_request(*got)) == got);
    check_json(got->command);
  }
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  moot::fuzz::run(moot::fuzz::Input(data, size));
  return 0;
}
