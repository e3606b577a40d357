#include "net/client/key_on_disk.h"

#include "store/files.h"

namespace moot::net {
namespace {

constexpr std::size_t kKeyFileBytesMax = 16 * 1024;

}  // namespace

Result<client::KeyFile> load_key_file(const std::string& path) {
  auto read = store::read_file(path, kKeyFileBytesMax);
  if (!read) return std::unexpected(read.error());
  if (!*read) {
    return fail("There is no key file at " + path +
                "; get one with `moot join LINK`, or name it with -k.");
  }
  const store::ReadFile& file = **read;
  if (!file.facts.regular || file.facts.size > kKeyFileBytesMax)
    return fail(path + " is no key file; name the right one with -k.");
  // As ssh does: a key that others can read is not a key any more (security.md 2.3).
  if ((file.facts.mode & 077) != 0) {
    return fail("The key file " + path + " can be read by others; run `chmod 600 " + path +
                "`, and get a new key if somebody may have copied it.");
  }
  auto key = client::read_key_file(as_text(file.content));
  if (!key) return fail(path + ": " + key.error().message);
  return key;
}

}  // namespace moot::net
