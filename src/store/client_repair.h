#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "store/client_faults.h"
#include "store/db.h"

// A client's store that the disk damaged is noted when it is found out, and mended when it is
// opened the next time: what a replica has in its memory then is not of what was lost.
namespace moot::store {

// What to say when `db` failed; leaves the note when it failed because of damage.
Error failure_of(const Db& db, const std::string& dir);

// PRAGMA quick_check: reads the whole file.
bool pages_fit(Db& db);

struct OpenedClient {
  std::unique_ptr<Db> db;
  std::optional<ChannelFaults> mended;  // when the store was looked at because of a damage
};
// Opens, makes, upgrades, and mends if need be.
Result<OpenedClient> open_client_db(const std::string& dir, const char* vfs);

}  // namespace moot::store
