#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "net/admin_wire.h"

namespace moot::mootd {

void print(std::string_view text);

// Where new keys go: stdout, a file, or a directory for many. What is named is made before the key
// is, since an account without its key file helps nobody, and is taken away again if none comes.
class KeyOut {
 public:
  KeyOut() = default;
  ~KeyOut();
  KeyOut(const KeyOut&) = delete;
  KeyOut& operator=(const KeyOut&) = delete;

  Status make_file(const std::string& path);
  Status make_dir(const std::string& path);  // refused when there is something
  bool named() const { return fd_ >= 0 || !dir_.empty(); }
  // In a directory the file is `name`. Where it went, empty for stdout.
  Result<std::string> write(std::string_view name, std::string_view text);

 private:
  int fd_ = -1;  // of the file
  std::string path_;
  std::string dir_;
};

Status print_key(const net::AdminReply::Key& key, bool json, KeyOut& out);
Status print_invitation(const net::AdminReply::Key& key, bool json);

}  // namespace moot::mootd
