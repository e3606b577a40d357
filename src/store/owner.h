#pragma once

#include <string>

#include <sys/types.h>

#include "base/result.h"

// Root works on the directory of a server that runs as another user, and leaves nothing there that
// the server cannot open.
namespace moot::store {

// Does nothing for whoever is not root, and where there is no directory or it is root's own.
class AsOwner {
 public:
  // As long as it lives, this process opens and makes files as the owner of `dir` would.
  // Thread rule: all threads do so; begun and ended on one.
  static Result<AsOwner> of(const std::string& dir);
  AsOwner(AsOwner&& other) noexcept;
  AsOwner& operator=(AsOwner&&) = delete;
  ~AsOwner();

 private:
  AsOwner() = default;
  bool other_ = false;  // it acts as somebody else
  gid_t group_ = 0;     // that of before
};

// Gives a file that root made in `dir` to the owner of `dir`.
Status give_to_owner(const std::string& dir, const std::string& file);

}  // namespace moot::store
