#include "store/recording_vfs_test.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <utility>

#include "base/check.h"

namespace moot::store {
namespace {

constexpr std::size_t kSector = 512;

ByteBuf slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool is_shared_memory(const std::string& file) { return file.ends_with("-shm"); }

}  // namespace

// What SQLite calls; each does the real thing and writes down what it did.
struct RecordingCalls {
  struct File {
    sqlite3_file base;
    RecordingVfs* owner;
    std::string* name;
    sqlite3_file* real;
  };
  static File* of(sqlite3_file* f) { return reinterpret_cast<File*>(f); }
  static sqlite3_file* real(sqlite3_file* f) { return of(f)->real; }
  static RecordingVfs* owner(sqlite3_vfs* v) { return static_cast<RecordingVfs*>(v->pAppData); }
  static sqlite3_vfs* system() { return sqlite3_vfs_find(nullptr); }
  static std::string name_of(const char* path) {
    return std::filesystem::path(path).filename().string();
  }

  static int close(sqlite3_file* f) {
    const int code = real(f)->pMethods->xClose(real(f));
    delete of(f)->name;
    return code;
  }
  static int read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
    return real(f)->pMethods->xRead(real(f), to, n, at);
  }
  static int write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
    if (!of(f)->owner->take_room(static_cast<std::uint64_t>(n))) return SQLITE_FULL;
    const auto* p = static_cast<const std::uint8_t*>(from);
    of(f)->owner->record({RecordingVfs::Event::Kind::write, *of(f)->name,
                          static_cast<std::uint64_t>(at), ByteBuf(p, p + n)});
    return real(f)->pMethods->xWrite(real(f), from, n, at);
  }
  static int truncate(sqlite3_file* f, sqlite3_int64 size) {
    of(f)->owner->record(
        {RecordingVfs::Event::Kind::truncate, *of(f)->name, static_cast<std::uint64_t>(size), {}});
    return real(f)->pMethods->xTruncate(real(f), size);
  }
  static int sync(sqlite3_file* f, int flags) {
    const int code = real(f)->pMethods->xSync(real(f), flags);
    of(f)->owner->record({RecordingVfs::Event::Kind::sync, *of(f)->name, 0, {}});
    return code;
  }
  static int size(sqlite3_file* f, sqlite3_int64* n) {
    return real(f)->pMethods->xFileSize(real(f), n);
  }
  static int lock(sqlite3_file* f, int how) { return real(f)->pMethods->xLock(real(f), how); }
  static int unlock(sqlite3_file* f, int how) { return real(f)->pMethods->xUnlock(real(f), how); }
  static int check_lock(sqlite3_file* f, int* out) {
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
  }
  static int control(sqlite3_file* f, int op, void* arg) {
    return real(f)->pMethods->xFileControl(real(f), op, arg);
  }
  static int sector(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
  // What SQLite believes of any Linux disk: a torn write harms nothing outside of it.
  static int traits(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }
  static int shm_map(sqlite3_file* f, int page, int n, int extend, void volatile** out) {
    return real(f)->pMethods->xShmMap(real(f), page, n, extend, out);
  }
  static int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
    return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
  }
  static void shm_barrier(sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); }
  static int shm_unmap(sqlite3_file* f, int remove) {
    return real(f)->pMethods->xShmUnmap(real(f), remove);
  }

  static int open(sqlite3_vfs* v, sqlite3_filename path, sqlite3_file* f, int flags, int* out) {
    static const sqlite3_io_methods kMethods{2,           close,     read,    write,   truncate,
                                             sync,        size,      lock,    unlock,  check_lock,
                                             control,     sector,    traits,  shm_map, shm_lock,
                                             shm_barrier, shm_unmap, nullptr, nullptr};
    File* file = of(f);
    file->base.pMethods = nullptr;
    file->real = reinterpret_cast<sqlite3_file*>(file + 1);
    const int code = system()->xOpen(system(), path, file->real, flags, out);
    if (code != SQLITE_OK) return code;
    file->owner = owner(v);
    file->name = new std::string(name_of(path == nullptr ? "temporary" : path));
    file->base.pMethods = &kMethods;
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* v, const char* path, int sync_dir) {
    owner(v)->record({RecordingVfs::Event::Kind::remove, name_of(path), 0, {}});
    return system()->xDelete(system(), path, sync_dir);
  }
  static int access(sqlite3_vfs*, const char* path, int flags, int* out) {
    return system()->xAccess(system(), path, flags, out);
  }
  static int full_path(sqlite3_vfs*, const char* path, int n, char* out) {
    return system()->xFullPathname(system(), path, n, out);
  }
  static int randomness(sqlite3_vfs*, int n, char* out) {
    return system()->xRandomness(system(), n, out);
  }
  static int wait(sqlite3_vfs*, int us) { return system()->xSleep(system(), us); }
  static int now(sqlite3_vfs*, double* out) { return system()->xCurrentTime(system(), out); }
  static int last_error(sqlite3_vfs*, int n, char* out) {
    return system()->xGetLastError(system(), n, out);
  }
};

RecordingVfs::RecordingVfs(std::string name, std::string dir)
    : name_(std::move(name)), dir_(std::move(dir)), vfs_(new sqlite3_vfs{}) {
  sqlite3_initialize();
  const sqlite3_vfs* system = RecordingCalls::system();
  vfs_->iVersion = 1;
  vfs_->szOsFile = static_cast<int>(sizeof(RecordingCalls::File)) + system->szOsFile;
  vfs_->mxPathname = system->mxPathname;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = RecordingCalls::open;
  vfs_->xDelete = RecordingCalls::remove;
  vfs_->xAccess = RecordingCalls::access;
  vfs_->xFullPathname = RecordingCalls::full_path;
  vfs_->xRandomness = RecordingCalls::randomness;
  vfs_->xSleep = RecordingCalls::wait;
  vfs_->xCurrentTime = RecordingCalls::now;
  vfs_->xGetLastError = RecordingCalls::last_error;
  MOOT_CHECK(sqlite3_vfs_register(vfs_, 0) == SQLITE_OK);
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    if (entry.is_regular_file()) start_[entry.path().filename().string()] = slurp(entry.path());
  }
}

RecordingVfs::~RecordingVfs() {
  sqlite3_vfs_unregister(vfs_);
  delete vfs_;
}

std::size_t RecordingVfs::position() const {
  const std::scoped_lock lock(mutex_);
  return events_.size();
}

std::size_t RecordingVfs::syncs() const {
  const std::scoped_lock lock(mutex_);
  return syncs_;
}

void RecordingVfs::room(std::uint64_t octets) {
  const std::scoped_lock lock(mutex_);
  room_ = octets;
}

bool RecordingVfs::take_room(std::uint64_t octets) {
  const std::scoped_lock lock(mutex_);
  if (!room_) return true;
  if (*room_ < octets) return false;
  *room_ -= octets;
  return true;
}

void RecordingVfs::record(Event event) {
  if (is_shared_memory(event.file)) return;  // never needed after a start
  const std::scoped_lock lock(mutex_);
  if (event.kind == Event::Kind::sync) ++syncs_;
  events_.push_back(std::move(event));
}

void RecordingVfs::apply(Image& image, const Event& event) {
  switch (event.kind) {
    case Event::Kind::write: {
      if (!image) image.emplace();
      const std::size_t end = event.offset + event.bytes.size();
      if (image->size() < end) image->resize(end);
      std::memcpy(image->data() + event.offset, event.bytes.data(), event.bytes.size());
      break;
    }
    case Event::Kind::truncate:
      if (!image) image.emplace();
      image->resize(event.offset);
      break;
    case Event::Kind::remove:
      image.reset();
      break;
    case Event::Kind::sync:
      break;
  }
}

void RecordingVfs::apply_some(Image& image, const std::vector<const Event*>& pending,
                              std::mt19937_64& random) {
  for (const Event* event : pending) {
    const auto dice = random() % 4;
    if (dice == 0) {
      // Of a file whose removal is lost, what a new one of the same name got is lost as well.
      if (event->kind == Event::Kind::remove) return;
      continue;
    }
    if (dice > 1 || event->kind != Event::Kind::write) {
      apply(image, *event);
      continue;
    }
    for (std::size_t at = 0; at < event->bytes.size(); at += kSector) {
      if (random() % 2 == 0) continue;
      const auto part =
          Bytes(event->bytes).subspan(at, std::min(kSector, event->bytes.size() - at));
      apply(image, {Event::Kind::write, event->file, event->offset + at,
                    ByteBuf(part.begin(), part.end())});
    }
  }
}

void RecordingVfs::rebuild(std::size_t cut, Fate fate, std::mt19937_64& random,
                           const std::string& to) const {
  const std::scoped_lock lock(mutex_);
  std::map<std::string, Image> disk;
  for (const auto& [file, bytes] : start_) disk[file] = bytes;
  std::map<std::string, std::vector<const Event*>> pending;
  for (std::size_t i = 0; i < std::min(cut, events_.size()); ++i) {
    const Event& event = events_[i];
    if (event.kind != Event::Kind::sync) {
      pending[event.file].push_back(&event);
      continue;
    }
    for (const Event* e : pending[event.file]) apply(disk[event.file], *e);
    pending[event.file].clear();
  }
  for (const auto& [file, events] : pending) {
    if (fate == Fate::all) {
      for (const Event* e : events) apply(disk[file], *e);
    } else if (fate == Fate::some) {
      apply_some(disk[file], events, random);
    }
  }
  for (const auto& [file, image] : disk) {
    if (!image) continue;
    const auto path = std::filesystem::path(to) / file;
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(image->data()),
              static_cast<std::streamsize>(image->size()));
    out.close();
    std::filesystem::permissions(
        path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
}

}  // namespace moot::store
