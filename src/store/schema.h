#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "store/db.h"

// What a store file looks like, and how an older one becomes a newer one.
namespace moot::store {

inline constexpr char kStoreFile[] = "store.db";

struct Schema {
  std::uint32_t application_id = 0;
  // steps[n] brings version n to n + 1. Never edited once released: a change is a new step.
  std::span<const char* const> steps;
  const char* when_damaged = nullptr;  // what to do then
  const char* when_newer = nullptr;    // when a newer program made it
};

// Opens the store at `path`, or makes a new one whose first rows `init` writes. A store of an older
// version is copied to `path`.vN.bak and brought up in one transaction; a newer or foreign or
// damaged file is refused and stays as it is. A new file appears under its name only when it is
// whole.
Result<std::unique_ptr<Db>> open_store(const std::string& path, const Schema& schema,
                                       const char* vfs, const std::function<void(Db&)>& init);

// Opens a file that is to be read only: ours, of a version that is known, whole to the last page.
Result<std::unique_ptr<Db>> check_store(const std::string& path, const Schema& schema);

// A connection of its own to an open store's file, for reading on another thread.
Result<std::unique_ptr<Db>> open_reader(const std::string& dir, const Schema& schema,
                                        const char* vfs);

// The version of an open store.
std::uint32_t version_of(Db& db);

// A whole copy of what is committed in `from`, as a new file with mode 0600, synced; another
// process may go on writing `from`. Until it is whole it is `to`.part, which may not be there
// before, so that no two make the same. Once `stop` is true it ends with an error; no error leaves
// a file.
Status copy_store(const std::string& from, const char* vfs, const std::string& to,
                  const std::atomic<bool>& stop);

// What a copy left that a kill or a power cut ended. REQUIRES: nobody makes it at this time.
Status drop_cut_copy(const std::string& to);

extern const Schema kServerSchema;
extern const Schema kClientSchema;

}  // namespace moot::store
