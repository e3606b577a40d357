#include "store/client_repair.h"

#include <utility>

#include "store/damage_note.h"
#include "store/files.h"
#include "store/schema.h"

namespace moot::store {
namespace {

Result<ChannelFaults> mend(Db& db) {
  if (!pages_fit(db) || !db.ok()) {
    return fail("The store " + db.path() +
                " is damaged and was not touched: " + kClientSchema.when_damaged);
  }
  db.exec("BEGIN IMMEDIATE");
  const ChannelFaults faults = mend_faults(db);
  db.exec("COMMIT");
  const Status done = db.status();
  if (!done) return std::unexpected(done.error());
  return faults;
}

}  // namespace

bool pages_fit(Db& db) {
  Query q = db.query("PRAGMA quick_check(1)");
  return q.next() && q.text(0) == "ok";
}

Error failure_of(const Db& db, const std::string& dir) {
  if (!db.damaged()) return db.status().error();
  const Status noted = note_damage(dir, db.status().error().message);
  if (!noted) return noted.error();
  return {"The disk has damaged the store " + db.path() +
          ": start again, and it is mended; what the channels hold is fetched again from their "
          "members."};
}

Result<OpenedClient> open_client_db(const std::string& dir, const char* vfs) {
  const std::string path = join(dir, kStoreFile);
  auto db = open_store(path, kClientSchema, vfs, {});
  if (!db) return std::unexpected(db.error());
  OpenedClient opened{.db = std::move(*db), .mended = {}};
  if (!damage_noted(dir) && newest_leaves_fit(*opened.db)) return opened;
  auto mended = mend(*opened.db);
  if (!mended) return std::unexpected(mended.error());
  opened.mended = *mended;
  const Status forgotten = forget_damage(dir);
  if (!forgotten) return std::unexpected(forgotten.error());
  return opened;
}

}  // namespace moot::store
