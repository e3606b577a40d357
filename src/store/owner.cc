#include "store/owner.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/check.h"
#include "store/files.h"

namespace moot::store {
namespace {

// Nothing: there is nobody else to act for.
std::optional<struct stat> other_owner(const std::string& dir) {
  struct stat facts{};
  if (::geteuid() != 0 || ::stat(dir.c_str(), &facts) != 0 || facts.st_uid == 0) return {};
  return facts;
}

}  // namespace

Result<AsOwner> AsOwner::of(const std::string& dir) {
  AsOwner as;
  const auto owner = other_owner(dir);
  if (!owner) return as;
  as.group_ = ::getegid();
  // The group first: who is not root any more cannot change it.
  if (::setegid(owner->st_gid) == 0) {
    as.other_ = ::seteuid(owner->st_uid) == 0;
    if (as.other_) return as;
  }
  const int why_not = errno;
  MOOT_CHECK(::setegid(as.group_) == 0);
  return fail("Acting as the owner of " + dir + " did not work: " + why(why_not) +
              " Or run this as that user.");
}

AsOwner::AsOwner(AsOwner&& other) noexcept
    : other_(std::exchange(other.other_, false)), group_(other.group_) {}

AsOwner::~AsOwner() {
  if (!other_) return;
  MOOT_CHECK(::seteuid(0) == 0);
  MOOT_CHECK(::setegid(group_) == 0);
}

Status give_to_owner(const std::string& dir, const std::string& file) {
  const auto owner = other_owner(dir);
  if (!owner) return {};
  // By descriptor and no link followed: what is given away is a file of the directory.
  const int fd = ::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  int why_not = errno;
  bool given = false;
  if (fd >= 0) {
    given = ::fchown(fd, owner->st_uid, owner->st_gid) == 0;
    why_not = errno;
    ::close(fd);
  }
  if (given) return {};
  return fail("Giving " + file + " to the owner of " + dir + " did not work: " + why(why_not));
}

}  // namespace moot::store
