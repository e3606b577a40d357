#include "apps/mootd/server_user.h"

#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

namespace moot::mootd {
namespace {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // empty: this system has none for it
  std::string text() const { return name.empty() ? "uid " + std::to_string(uid) : name; }
};

User user_of(const passwd& p) { return {p.pw_uid, p.pw_gid, p.pw_name}; }

// None: root, or nobody can tell yet.
std::optional<User> server_user(const Config& config) {
  std::optional<User> user;
  struct stat dir{};
  if (!config.user.empty()) {
    if (const passwd* p = ::getpwnam(config.user.c_str())) user = user_of(*p);
  } else if (::stat(config.server.data_dir.c_str(), &dir) == 0) {
    const passwd* p = ::getpwuid(dir.st_uid);
    user = p != nullptr ? user_of(*p) : User{dir.st_uid, dir.st_gid, {}};
  }
  if (user && user->uid == 0) user.reset();
  return user;
}

// Is another user, with his groups, as far as files are asked for; root again at its end.
class ActingAs {
 public:
  explicit ActingAs(const User& user) {
    const int n = ::getgroups(0, nullptr);
    groups_.resize(static_cast<std::size_t>(n));
    if (::getgroups(n, groups_.data()) != n) return;
    const int set =
        user.name.empty() ? ::setgroups(1, &user.gid) : ::initgroups(user.name.c_str(), user.gid);
    changed_ = set == 0;
    acts_ = changed_ && ::setegid(user.gid) == 0 && ::seteuid(user.uid) == 0;
  }
  ~ActingAs() {
    if (!changed_) return;
    MOOT_CHECK(::seteuid(0) == 0 && ::setegid(gid_) == 0 &&
               ::setgroups(groups_.size(), groups_.data()) == 0);
  }
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  // False where even root may not become somebody else.
  bool acts() const { return acts_; }

 private:
  const gid_t gid_ = ::getegid();
  std::vector<gid_t> groups_;
  bool changed_ = false;
  bool acts_ = false;
};

}  // namespace

Status readable_by_server(const Config& config, const std::vector<std::string>& files) {
  if (::geteuid() != 0) return {};
  const auto user = server_user(config);
  if (!user) return {};
  const ActingAs acting(*user);
  if (!acting.acts()) return {};
  for (const std::string& file : files) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      return fail("the server's user, " + user->text() + ", cannot read " + file + " (" +
                  std::strerror(errno) + "); give the file to a group of that user, and let it " +
                  "into the directories on the way");
    }
    ::close(fd);
  }
  return {};
}

}  // namespace moot::mootd
