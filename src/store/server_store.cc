#include "store/server_store.h"

#include <array>
#include <optional>
#include <utility>

#include "store/damage_note.h"
#include "store/files.h"
#include "store/master_key.h"
#include "store/owner.h"
#include "store/schema.h"

namespace moot::store {
namespace {

constexpr char kStoreKey[] = "store_key";

// The store key's row: the id of the master key it is sealed under, then the sealed key.
std::string store_key_row(const seal::SealedKey& key) {
  std::array<std::uint8_t, 4> id{};
  put_be32(id.data(), key.mk_id);
  return std::string(as_text(id)) += as_text(key.octets);
}

void put_store_key(Db& db, const seal::SealedKey& key) {
  const std::string row = store_key_row(key);
  db.query("INSERT OR REPLACE INTO meta VALUES(?,?)").bind(kStoreKey, as_bytes(row)).run();
}

struct StoreKeyRow {
  std::uint32_t mk_id = 0;
  ByteBuf sealed;
};
std::optional<StoreKeyRow> get_store_key(Db& db) {
  Query q = db.query("SELECT value FROM meta WHERE key=?");
  q.bind(kStoreKey);
  if (!q.next()) return std::nullopt;
  const Bytes row = q.blob(0);
  if (row.size() < 4) return std::nullopt;
  return StoreKeyRow{get_be32(row.data()), ByteBuf(row.begin() + 4, row.end())};
}

// The vault gets the key the store is sealed with, and what a rotation left half done is finished.
Status open_vault(Db& db, const MasterPlace& place, const MasterFound& found, seal::Vault& vault) {
  const auto row = get_store_key(db);
  if (!row) db.fail_row("no key of its own");
  if (!db.ok()) return db.status();
  if (!vault.has_master(row->mk_id)) {
    return fail("The master key of " + place.dir + " is not the one that the store " + db.path() +
                " is sealed with: put the right key in its place. Nothing was changed.");
  }
  vault.use_master(row->mk_id);
  if (!vault.open_store_key(row->sealed, row->mk_id)) {
    db.fail_row("a key of its own that does not open");
    return db.status();
  }
  if (place.from_credential() || !found.other) return {};
  // master.key.new is the key if the transaction of a rotation came through, else a left-over.
  return *found.other == row->mk_id && found.main != row->mk_id ? promote_next_master(place)
                                                                : drop_next_master(place);
}

}  // namespace

struct ServerStore::Parts {
  DirLock lock;
  MasterPlace place;
  MasterFound found;
  std::string path;
  std::string vfs;
  std::unique_ptr<seal::Vault> vault;
  std::unique_ptr<Db> db;
  std::unique_ptr<ServerTables> tables;
  std::unique_ptr<GroupCommit> commits;  // last: its thread uses all of the above

  const char* vfs_name() const { return vfs.empty() ? nullptr : vfs.c_str(); }

  // The leaves of kept channels are made anew where they do not sum up the records: in a store that
  // had none yet, or that the disk changed.
  Status fit_leaves() {
    if (!damage_noted(place.dir) && tables->kept_leaves_fit(false)) return db->status();
    db->exec("BEGIN IMMEDIATE");
    tables->make_kept_leaves_anew();
    db->exec("COMMIT");
    if (!db->ok()) return db->status();
    return forget_damage(place.dir);
  }

  // Work on the store's thread that reads, waited for.
  template <class Work>
  auto ask(const Work& work) {
    return commits->ask([&] { return work(*tables); });
  }
  // Not waited for: told once all that was submitted before is on disk.
  template <class Page, class Work>
  void fetch(Work work, std::function<void(Result<Page>&&)> done) {
    commits->read([work = std::move(work), t = tables.get(),
                   done = std::move(done)](Db&) -> GroupCommit::After {
      return [done, page = Result<Page>(work(*t))](const Status& committed) mutable {
        if (!committed) page = std::unexpected(committed.error());
        done(std::move(page));
      };
    });
  }
};

Result<std::unique_ptr<ServerStore>> ServerStore::open(ServerStoreOptions options,
                                                       StoreHooks hooks) {
  auto parts = std::make_unique<Parts>();
  parts->place = {.dir = options.dir, .credentials_dir = options.credentials_dir};
  parts->path = join(options.dir, kStoreFile);
  if (options.vfs != nullptr) parts->vfs = options.vfs;
  const Status dir = make_dir(options.dir);
  if (!dir) return std::unexpected(dir.error());
  auto lock = DirLock::take(options.dir, "mootd");
  if (!lock) return std::unexpected(lock.error());
  parts->lock = std::move(*lock);

  auto vault = seal::Vault::make();
  if (!vault) return std::unexpected(vault.error());
  parts->vault = std::move(*vault);
  const bool first_start = !exists(parts->path);
  const auto found = load_master(parts->place, *parts->vault, first_start);
  if (!found) return std::unexpected(found.error());
  parts->found = *found;

  auto db = open_store(parts->path, kServerSchema, parts->vfs_name(),
                       [&](Db& fresh) { put_store_key(fresh, parts->vault->make_store_key()); });
  if (!db) return std::unexpected(db.error());
  parts->db = std::move(*db);
  const Status keys = open_vault(*parts->db, parts->place, parts->found, *parts->vault);
  if (!keys) return std::unexpected(keys.error());
  parts->tables = std::make_unique<ServerTables>(*parts->db, *parts->vault);
  parts->tables->open();
  const Status opened = parts->fit_leaves();
  if (!opened) return std::unexpected(opened.error());

  parts->commits = std::make_unique<GroupCommit>(*parts->db, options.bounds, std::move(hooks));
  return std::unique_ptr<ServerStore>(new ServerStore(std::move(parts)));
}

ServerStore::ServerStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ServerStore::~ServerStore() = default;

const GroupCommit::Tallies& ServerStore::tallies() const { return parts_->commits->tallies(); }
const seal::Vault& ServerStore::vault() const { return *parts_->vault; }

Result<ServerSnapshot> ServerStore::load() {
  return parts_->ask([](ServerTables& t) { return t.load(); });
}

void ServerStore::submit(Ticket ticket, std::vector<op::Any> ops) {
  const std::size_t n = ops.size();
  parts_->commits->write(ticket, n, [tables = parts_->tables.get(), ops = std::move(ops)](Db&) {
    for (const op::Any& op : ops) tables->apply(op);
  });
}

void ServerStore::fetch_offline(Kid kid, std::uint64_t after_seq, PageBounds bounds,
                                std::function<void(Result<OfflinePage>&&)> done) {
  parts_->fetch<OfflinePage>([=](ServerTables& t) { return t.offline(kid, after_seq, bounds); },
                             std::move(done));
}

Result<std::vector<std::string>> ServerStore::audit_tail(std::size_t lines) {
  return parts_->ask([&](ServerTables& t) { return t.audit().tail(lines); });
}

Status ServerStore::audit_export(std::uint64_t after,
                                 const std::function<void(std::string_view)>& line) {
  const auto done = parts_->ask([&](ServerTables& t) {
    t.audit().each(after, line);
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<AuditReport> ServerStore::audit_verify() {
  return parts_->ask([](ServerTables& t) { return t.audit().verify(); });
}

Status ServerStore::master_rotate() {
  Status result;
  parts_->commits->alone([&](Db& db) {
    seal::Vault& vault = *parts_->vault;
    const MasterPlace& place = parts_->place;
    const std::uint32_t old = vault.current_master();
    const bool systemd = place.from_credential();
    std::uint32_t next = parts_->found.main;
    if (systemd && next == old) {
      result = fail("The master key comes from " + place.credentials_dir +
                    ": give the new one as moot-master and this one as moot-master-old, then start "
                    "again and rotate.");
      return;
    }
    if (!systemd) {
      const auto made = make_next_master(place, vault);
      if (!made) {
        result = std::unexpected(made.error());
        return;
      }
      next = *made;
    }
    vault.use_master(next);
    // What was under the old key must not stay in free pages or in the log.
    db.exec("PRAGMA secure_delete=ON");
    db.exec("BEGIN IMMEDIATE");
    parts_->tables->reseal_credentials();
    put_store_key(db, vault.reseal_store_key());
    db.exec("COMMIT");
    db.exec("PRAGMA secure_delete=OFF");
    db.checkpoint_all();
    result = db.status();
    if (result && !systemd) result = promote_next_master(place);
    if (result) parts_->found = {.main = next, .other = {}};
  });
  return result;
}

Status ServerStore::check() {
  Status result;
  parts_->commits->alone([&](Db& db) {
    bool whole = false;
    {
      Query q = db.query("PRAGMA quick_check(1)");
      whole = q.next() && q.text(0) == "ok";
    }
    if (!db.ok()) {
      result = db.status();
    } else if (!whole) {
      result = fail("The store " + db.path() + " is damaged: restore the last backup.");
    } else {
      result = parts_->tables->check_seals();
      if (result && !parts_->tables->kept_leaves_fit(true)) {
        const std::string what = "The index of a channel in " + db.path() +
                                 " does not sum up its messages: start again to make it anew.";
        const Status noted = note_damage(parts_->place.dir, what);
        result = noted ? fail(what) : noted;
      }
    }
  });
  return result;
}

Status backup(const std::string& dir, const std::string& file, const std::atomic<bool>& stop) {
  return copy_store(join(dir, kStoreFile), nullptr, file, stop);
}

namespace {

// The lock's file is the owner's, like all that is in the directory.
Result<DirLock> take_lock(const std::string& dir) {
  const auto as = AsOwner::of(dir);
  if (!as) return std::unexpected(as.error());
  return DirLock::take(dir, "mootd");
}

}  // namespace

Result<RestoreReport> restore(const std::string& backup_file, const std::string& dir) {
  const Status made = make_dir(dir);
  if (!made) return std::unexpected(made.error());
  const auto lock = take_lock(dir);
  if (!lock) return std::unexpected(lock.error());
  const std::string path = join(dir, kStoreFile);
  const auto count_accounts = [](Db& db) {
    Query q = db.query("SELECT count(*) FROM account");
    return q.next() ? q.u64(0) : 0;
  };

  // The backup: ours, whole, with a store key.
  RestoreReport report;
  {
    auto copy = check_store(backup_file, kServerSchema);
    if (!copy) return std::unexpected(copy.error());
    report.accounts = count_accounts(**copy);
    const auto key = get_store_key(**copy);
    if (!key) (*copy)->fail_row("no key of its own");
    const Status good = (*copy)->status();
    if (!good) return std::unexpected(good.error());
    report.mk_id = key->mk_id;
  }
  if (exists(path)) {
    auto present = check_store(path, kServerSchema);
    const bool empty = present && count_accounts(**present) == 0 && (*present)->ok();
    if (!empty) {
      return fail("The directory " + dir +
                  " holds a store already: move its store.db away, or name another directory.");
    }
  }
  const std::string fresh = path + ".restored";
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    const Status removed = remove_synced(fresh + suffix);
    if (!removed) return std::unexpected(removed.error());
  }
  Status copied = drop_cut_copy(fresh);
  if (copied) copied = copy_store(backup_file, nullptr, fresh, false);
  if (copied) copied = give_to_owner(dir, fresh);
  if (!copied) return std::unexpected(copied.error());
  // The log of the empty store must not be taken for the restored one's.
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    const Status removed = remove_synced(path + suffix);
    if (!removed) return std::unexpected(removed.error());
  }
  const Status placed = rename_synced(fresh, path, false);
  if (!placed) return std::unexpected(placed.error());
  return report;
}

}  // namespace moot::store
