#include "store/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <utility>

namespace moot::store {
namespace {

// Closes on every way out.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string dir_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status failed(const std::string& what, const std::string& path, int error_number) {
  return fail(what + " " + path + " did not work: " + why(error_number));
}

Status write_all(int fd, Bytes content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(why(n == 0 ? ENOSPC : errno));
    content = content.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

std::string join(const std::string& dir, const std::string& name) {
  return dir.empty() || dir.back() == '/' ? dir + name : dir + "/" + name;
}

std::string why(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "the disk is full, or a limit of file sizes is reached; make room and try again.";
    case EACCES:
    case EPERM:
      return "permission denied; give it to the user that runs this program.";
    case EROFS:
      return "the file system is read-only; mount it for writing.";
    case ENOENT:
      return "there is no such file or directory; check the path.";
    case EEXIST:
      return "it is there already; name another one or move it away.";
    case EMFILE:
    case ENFILE:
      return "too many files are open; raise the limit of open files.";
    default:
      return std::string(std::strerror(error_number)) + "; check the disk and the path.";
  }
}

bool exists(const std::string& path) {
  struct stat facts{};
  return ::stat(path.c_str(), &facts) == 0;
}

Status make_dir(const std::string& dir) {
  if (::mkdir(dir.c_str(), 0700) == 0) return sync_dir(dir_of(dir));
  if (errno == EEXIST) {
    struct stat facts{};
    if (::stat(dir.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) return {};
    return fail(dir + " is not a directory; name another one with --data-dir or --home.");
  }
  return failed("Making the directory", dir, errno);
}

Status sync_dir(const std::string& dir) {
  const Fd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.open() || ::fsync(fd.get()) != 0) return failed("Syncing the directory", dir, errno);
  return {};
}

Status sync_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.open() || ::fsync(fd.get()) != 0) return failed("Syncing", path, errno);
  return {};
}

Status write_new(const std::string& path, Bytes content) {
  {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.open()) return failed("Writing", path, errno);
    // The umask may take away bits of the mode, never add some.
    Status done = write_all(fd.get(), content);
    if (done && ::fsync(fd.get()) != 0) done = fail(why(errno));
    if (!done) {
      ::unlink(path.c_str());
      return fail("Writing " + path + " did not work: " + done.error().message);
    }
  }
  return sync_dir(dir_of(path));
}

Status rename_synced(const std::string& from, const std::string& to, bool replace) {
  int done = -1;
  if (replace) {
    done = ::rename(from.c_str(), to.c_str());
  } else {
    done = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
    if (done != 0 && (errno == EINVAL || errno == ENOSYS)) {
      // A file system without the flag: a link refuses in the same way.
      done = ::link(from.c_str(), to.c_str());
      if (done == 0) ::unlink(from.c_str());
    }
  }
  if (done != 0) return failed("Renaming " + from + " to", to, errno);
  return sync_dir(dir_of(to));
}

Status remove_synced(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return failed("Removing", path, errno);
  }
  return sync_dir(dir_of(path));
}

Result<std::optional<ReadFile>> read_file(const std::string& path, std::size_t bytes_max) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.open()) {
    if (errno == ENOENT) return std::nullopt;
    return fail("Reading " + path + " did not work: " + why(errno));
  }
  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) {
    return fail("Reading " + path + " did not work: " + why(errno));
  }
  ReadFile file;
  file.facts = {.size = static_cast<std::uint64_t>(facts.st_size),
                .mode = facts.st_mode & 07777u,
                .owner = facts.st_uid,
                .regular = S_ISREG(facts.st_mode)};
  if (!file.facts.regular) return file;
  file.content.resize(bytes_max);
  std::size_t got = 0;
  while (got < bytes_max) {
    const ssize_t n = ::read(fd.get(), file.content.data() + got, bytes_max - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("Reading " + path + " did not work: " + why(errno));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  file.content.resize(got);
  return file;
}

DirLock::DirLock(DirLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
DirLock& DirLock::operator=(DirLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
DirLock::~DirLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::optional<DirLock>> DirLock::try_take(const std::string& dir) {
  const std::string path = join(dir, "lock");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail("Opening " + path + " did not work: " + why(errno));
  DirLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    return fail("Locking " + path + " did not work: " + why(errno));
  }
  // Who holds it, for the sentence that others get; the lock itself is the flock.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || !write_all(fd, as_bytes(pid))) {
    return fail("Writing " + path + " did not work: " + why(errno));
  }
  return lock;
}

Result<DirLock> DirLock::take(const std::string& dir, const std::string& program) {
  auto lock = try_take(dir);
  if (!lock) return std::unexpected(lock.error());
  if (*lock) return std::move(**lock);
  std::string holder = "Another process";
  const auto file = read_file(join(dir, "lock"), 32);
  unsigned long pid = 0;
  if (file && *file) {
    const auto text = as_text((*file)->content);
    std::from_chars(text.data(), text.data() + text.size(), pid);
    if (pid != 0) holder += " (pid " + std::to_string(pid) + ")";
  }
  return fail(holder + " already uses " + dir + ": stop it, or give this " + program +
              " a directory of its own.");
}

}  // namespace moot::store
