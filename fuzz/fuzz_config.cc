#include <string>

#include "apps/mootd/config.h"
#include "base/check.h"
#include "fuzz/input.h"

// The server's configuration: any text is either refused in words, or taken, shown and taken again
// as the same.
namespace moot::fuzz {
namespace {

void check_config(std::string_view text) {
  const auto config = mootd::read_config({}, text);
  if (!config) {
    MOOT_CHECK(!config.error().message.empty());
    return;
  }
  const std::string shown = mootd::show_config(*config);
  const auto again = mootd::read_config({}, shown);
  MOOT_CHECK(again.has_value());
  MOOT_CHECK(mootd::show_config(*again) == shown);
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  moot::fuzz::check_config(moot::as_text({data, size}));
  return 0;
}
