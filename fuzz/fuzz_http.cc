#include <string>

#include "base/check.h"
#include "fuzz/input.h"
#include "net/http_port.h"

// What a connection to the port for health and metrics sends: it is answered once, with one of six
// statuses, and the pages are made only for who asked for them rightly.
namespace moot::fuzz {
namespace {

void run(Input in) {
  const bool ready = in.byte() % 2 == 0;
  int made = 0;
  const net::HttpPages pages{.metrics =
                                 [&made] {
                                   ++made;
                                   return std::string("moot_up 1\n");
                                 },
                             .not_ready =
                                 [&made, ready] {
                                   ++made;
                                   return std::string(ready ? "" : "The server stops.");
                                 }};
  const std::string_view all = as_text(in.rest());
  const auto answer = net::read_http(all, pages);
  MOOT_CHECK(made <= 1);
  if (!answer) {
    MOOT_CHECK(made == 0);
    return;
  }
  switch (answer->status) {
    case 200:
    case 503:
      // Only a request line that names a page gets one.
      MOOT_CHECK(all.find("/metrics") != all.npos || all.find("/readyz") != all.npos ||
                 all.find("/livez") != all.npos);
      MOOT_CHECK(answer->status == 200 || !ready);
      break;
    case 400:
    case 404:
    case 405:
    case 413:
    case 431:
      MOOT_CHECK(made == 0);
      break;
    default:
      MOOT_CHECK(false && "a status of ours");
  }
  MOOT_CHECK((answer->status == 405) == !answer->allow.empty());
  MOOT_CHECK(answer->body.ends_with('\n'));
  // Where it ends is where it ends: what stands behind the header changes nothing.
  if (answer->status == 200) {
    const auto more = net::read_http(std::string(all) + "GET /livez HTTP/1.1\r\n\r\n", pages);
    MOOT_CHECK(more && more->status == 200);
  }
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  moot::fuzz::run(moot::fuzz::Input(data, size));
  return 0;
}
