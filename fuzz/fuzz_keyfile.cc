#include <algorithm>

#include "base/check.h"
#include "base/hex.h"
#include "client/flat_toml.h"
#include "client/keyfile.h"
#include "crypto/sha3.h"
#include "fuzz/input.h"

// Key files: what is read is written, and read again as the same; and a file that is right but for
// its check value is refused with any other.
namespace moot::fuzz {
namespace {

using client::FlatEntry;

std::string value_of(const FlatEntry& entry) {
  if (const auto* number = std::get_if<std::uint64_t>(&entry.value)) return std::to_string(*number);
  if (const auto* flag = std::get_if<bool>(&entry.value)) return *flag ? "true" : "false";
  return client::toml_string(std::get<std::string>(entry.value));
}

// The lines of a file, in the one form that we write.
void check_lines(const std::vector<FlatEntry>& entries) {
  std::string lines;
  for (const FlatEntry& entry : entries) {
    lines += client::toml_string(entry.name) + " = " + value_of(entry) + '\n';
  }
  const auto again = client::read_flat_toml(lines);
  MOOT_CHECK(again && std::ranges::equal(*again, entries, [](const auto& a, const auto& b) {
               return a.name == b.name && a.value == b.value;
             }));
}

// What a file of these lines has to say as its check value (tests/vectors/keyfiles.json).
std::string check_for(const std::vector<FlatEntry>& entries) {
  constexpr std::string_view kNames[] = {"account", "kid", "key", "srv", "address", "tls", "label"};
  std::string joined = "0";
  for (const std::string_view name : kNames) {
    joined += '\n';
    const auto it = std::ranges::find(entries, name, &FlatEntry::name);
    if (it == entries.end()) continue;
    if (const auto* text = std::get_if<std::string>(&it->value)) joined += *text;
  }
  return hex(Bytes(sha3_256(as_bytes(joined))).first(4));
}

void check_file(const std::string& text) {
  const auto key = client::read_key_file(text);
  if (!key) {
    MOOT_CHECK(!key.error().message.empty());
    return;
  }
  MOOT_CHECK(!key->account.empty() && !key->account.reserved() && !key->srv.empty());
  MOOT_CHECK(client::parse_address(key->address) && client::parse_tls(key->tls));
  const std::string written = client::write_key_file(*key);
  const auto again = client::read_key_file(written);
  MOOT_CHECK(again && *again == *key && client::write_key_file(*again) == written);

  if (key->wall) return;  // holds no secret, and no check of one
  const std::string check = client::check_value(*key);
  const std::size_t at = written.rfind(check);
  std::string damaged = written;
  damaged[at] = damaged[at] == '0' ? '1' : '0';
  MOOT_CHECK(!client::read_key_file(damaged));
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moot;
  const std::string text(as_text({data, size}));
  fuzz::check_file(text);
  const auto entries = client::read_flat_toml(text);
  if (!entries) return 0;
  fuzz::check_lines(*entries);
  // Nobody guesses a hash: the same lines with the value that fits them.
  fuzz::check_file(text + "\ncheck = \"" + fuzz::check_for(*entries) + "\"\n");
  return 0;
}
