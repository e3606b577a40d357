#include "base/check.h"
#include "client/content.h"
#include "fuzz/mutator.h"

// What is inside `msg` is anybody's octets: each of them has a content, and a text is written again
// as one that reads the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moot;
  const client::Content content = client::read_content({data, size});
  MOOT_CHECK(!client::shown(content).empty() || content.kind == client::Content::Kind::text);
  if (content.kind != client::Content::Kind::text) return 0;
  const auto written = client::write_text(content.text, content.re);
  MOOT_CHECK(written.has_value() == !content.text.empty());
  if (written) MOOT_CHECK(client::read_content(*written) == content);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  return moot::fuzz::mutate_payload(data, size, max, seed, 0);
}
