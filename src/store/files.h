#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

// Files that must be there after a power cut, or be nobody else's to read.
namespace moot::store {

// "DIR/NAME".
std::string join(const std::string& dir, const std::string& name);

// Why the system refused, in words.
std::string why(int error_number);

bool exists(const std::string& path);
// Makes a directory with mode 0700; one that is there stays as it is.
Status make_dir(const std::string& dir);
Status sync_dir(const std::string& dir);
Status sync_file(const std::string& path);
// A new file with mode 0600, synced with its directory. Refuses when it is there.
Status write_new(const std::string& path, Bytes content);
// Renames and syncs the directory. With `replace` false refuses when `to` is there.
Status rename_synced(const std::string& from, const std::string& to, bool replace);
Status remove_synced(const std::string& path);

struct FileFacts {
  std::uint64_t size = 0;
  unsigned mode = 0;
  unsigned owner = 0;
  bool regular = false;
};
// Nothing when there is no such file. The facts and the content are of one and the same open file.
struct ReadFile {
  FileFacts facts;
  ByteBuf content;  // at most `bytes_max` octets of it
};
Result<std::optional<ReadFile>> read_file(const std::string& path, std::size_t bytes_max);

// Holds DIR/lock for this process, until the object or the process ends.
class DirLock {
 public:
  DirLock() = default;
  DirLock(DirLock&& other) noexcept;
  DirLock& operator=(DirLock&& other) noexcept;
  ~DirLock();

  // An error names the process that holds it. `program` is a word for the sentence: "mootd".
  static Result<DirLock> take(const std::string& dir, const std::string& program);
  // Nothing when another process holds it.
  static Result<std::optional<DirLock>> try_take(const std::string& dir);

 private:
  explicit DirLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace moot::store
