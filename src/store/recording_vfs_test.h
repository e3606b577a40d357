#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/bytes.h"

struct sqlite3_vfs;
struct sqlite3_file;

namespace moot::store {

// A SQLite VFS over the system's that writes down every write, truncation, sync and removal, and
// can say what the disk may hold after a power cut at any of them: all that was synced, and of the
// rest any part. It can also run out of room. Thread rule: any thread.
class RecordingVfs {
 public:
  // Files of `dir` as they are now count as synced.
  RecordingVfs(std::string name, std::string dir);
  ~RecordingVfs();
  RecordingVfs(const RecordingVfs&) = delete;
  RecordingVfs& operator=(const RecordingVfs&) = delete;

  const char* name() const { return name_.c_str(); }
  // How many events there are so far.
  std::size_t position() const;
  std::size_t syncs() const;
  // From now on only so many octets can be written; then every write says the disk is full.
  void room(std::uint64_t octets);

  // Whose choice it is what of the unsynced writes the disk holds.
  enum class Fate { none, all, some };
  // Writes the files as a cut after `cut` events may leave them into `to`, an empty directory.
  void rebuild(std::size_t cut, Fate fate, std::mt19937_64& random, const std::string& to) const;

 private:
  friend struct RecordingCalls;
  struct Event {
    enum class Kind : std::uint8_t { write, truncate, sync, remove };
    Kind kind = Kind::write;
    std::string file;
    std::uint64_t offset = 0;  // the new size of a truncation
    ByteBuf bytes;
  };
  // What a disk holds of one file: nothing, or its octets.
  using Image = std::optional<ByteBuf>;

  static void apply(Image& image, const Event& event);
  static void apply_some(Image& image, const std::vector<const Event*>& pending,
                         std::mt19937_64& random);
  void record(Event event);
  bool take_room(std::uint64_t octets);

  const std::string name_;
  const std::string dir_;
  sqlite3_vfs* vfs_ = nullptr;
  mutable std::mutex mutex_;
  std::vector<Event> events_;
  std::map<std::string, ByteBuf> start_;
  std::size_t syncs_ = 0;
  std::optional<std::uint64_t> room_;
};

}  // namespace moot::store
