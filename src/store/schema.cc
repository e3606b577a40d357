#include "store/schema.h"

#include <sqlite3.h>

#include "store/files.h"

namespace moot::store {
namespace {

constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr std::size_t kHeaderBytes = 100;  // of an SQLite file: application_id at 68
constexpr int kBackupNamesMax = 100;

// Every connection that writes: a commit is on disk when it returns.
void set_up(Db& db) {
  db.exec("PRAGMA synchronous=FULL");
  db.exec("PRAGMA wal_autocheckpoint=0");
  db.exec("PRAGMA journal_size_limit=67108864");
  db.exec("PRAGMA temp_store=MEMORY");
  db.exec("PRAGMA cell_size_check=ON");
}

void enter_wal(Db& db) {
  bool wal = false;
  {
    Query q = db.query("PRAGMA journal_mode=WAL");
    wal = q.next() && q.text(0) == "wal";
  }
  if (!wal) {
    db.fail_with({"The file system of " + db.path() +
                  " does not offer what the store needs: put it on a local disk."});
  }
}

void run_steps(Db& db, const Schema& schema, std::uint32_t from) {
  for (std::size_t i = from; i < schema.steps.size(); ++i) db.exec(schema.steps[i]);
  db.exec(("PRAGMA user_version=" + std::to_string(schema.steps.size())).c_str());
}

Status make_store(const std::string& path, const Schema& schema, const char* vfs,
                  const std::function<void(Db&)>& init) {
  const std::string fresh = path + ".new";
  // What a start that was cut left behind; it never became the store.
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    const Status removed = remove_synced(fresh + suffix);
    if (!removed) return removed;
  }
  {
    auto db = Db::open(fresh, Db::Mode::create, vfs);
    if (!db) return std::unexpected(db.error());
    set_up(**db);
    enter_wal(**db);
    (*db)->exec("BEGIN IMMEDIATE");
    (*db)->exec(("PRAGMA application_id=" + std::to_string(schema.application_id)).c_str());
    run_steps(**db, schema, 0);
    if ((*db)->ok() && init) init(**db);
    (*db)->exec("COMMIT");
    (*db)->checkpoint_all();
    (*db)->keep_log_on_close(false);
    const Status status = (*db)->status();
    if (!status) return status;
  }
  const Status synced = sync_file(fresh);
  if (!synced) return synced;
  return rename_synced(fresh, path, false);
}

// Looked at before SQLite opens the file, which would accept an empty one as a new store.
enum class Header : std::uint8_t { ours, none, foreign };
Result<Header> header_of(const std::string& path, const Schema& schema) {
  const auto file = read_file(path, kHeaderBytes);
  if (!file) return std::unexpected(file.error());
  const ByteBuf& head = (*file)->content;
  if (head.size() < kHeaderBytes || as_text(Bytes(head).first(16)) != kMagic) {
    return Header::none;
  }
  return get_be32(head.data() + 68) == schema.application_id ? Header::ours : Header::foreign;
}

Status check_header(const std::string& path, const Schema& schema) {
  const auto header = header_of(path, schema);
  if (!header) return std::unexpected(header.error());
  if (*header == Header::none) {
    return fail("The store " + path + " is damaged and was not touched: " + schema.when_damaged);
  }
  if (*header == Header::foreign) {
    return fail("The file " + path +
                " is a database of another program and was not touched: name another directory.");
  }
  return {};
}

constexpr char kPart[] = ".part";  // a copy that is not whole yet

Status upgrade(Db& db, const Schema& schema, std::uint32_t from, const char* vfs) {
  std::string copy = db.path() + ".v" + std::to_string(from) + ".bak";
  for (int i = 2; exists(copy) && i < kBackupNamesMax; ++i) {
    copy = db.path() + ".v" + std::to_string(from) + "." + std::to_string(i) + ".bak";
  }
  Status copied = drop_cut_copy(copy);
  if (copied) copied = copy_store(db.path(), vfs, copy, false);
  if (!copied) {
    return fail("The store " + db.path() +
                " is of an older version and was not touched, as the copy that an upgrade begins "
                "with failed: make room for a second one beside it, where this user may write, and "
                "start again. " +
                copied.error().message);
  }
  db.exec("BEGIN IMMEDIATE");
  run_steps(db, schema, from);
  db.exec("COMMIT");
  return db.status();
}

}  // namespace

std::uint32_t version_of(Db& db) {
  Query q = db.query("PRAGMA user_version");
  return q.next() ? static_cast<std::uint32_t>(q.i64(0)) : 0;
}

Result<std::unique_ptr<Db>> open_store(const std::string& path, const Schema& schema,
                                       const char* vfs, const std::function<void(Db&)>& init) {
  if (!exists(path)) {
    const Status made = make_store(path, schema, vfs, init);
    if (!made) return std::unexpected(made.error());
  }
  const Status ours = check_header(path, schema);
  if (!ours) return std::unexpected(ours.error());
  auto db = Db::open(path, Db::Mode::read_write, vfs);
  if (!db) return std::unexpected(db.error());
  (*db)->when_damaged(schema.when_damaged);
  set_up(**db);
  const std::uint32_t version = version_of(**db);
  Status status = (*db)->status();
  if (!status) return std::unexpected(status.error());
  const auto known = static_cast<std::uint32_t>(schema.steps.size());
  if (version > known) {
    return fail("The store " + path + " is of version " + std::to_string(version) +
                ", and this program knows " + std::to_string(known) +
                " at most: " + schema.when_newer);
  }
  if (version == 0) (*db)->fail_row("no version");
  enter_wal(**db);
  if ((*db)->ok() && version < known) {
    status = upgrade(**db, schema, version, vfs);
    if (!status) return std::unexpected(status.error());
  }
  status = (*db)->status();
  if (!status) return std::unexpected(status.error());
  (*db)->keep_log_on_close(false);
  return db;
}

Result<std::unique_ptr<Db>> open_reader(const std::string& dir, const Schema& schema,
                                        const char* vfs) {
  auto db = Db::open(join(dir, kStoreFile), Db::Mode::read_only, vfs);
  if (!db) return std::unexpected(db.error());
  (*db)->when_damaged(schema.when_damaged);
  (*db)->exec("PRAGMA query_only=ON");
  (*db)->exec("PRAGMA cell_size_check=ON");
  const Status opened = (*db)->status();
  if (!opened) return std::unexpected(opened.error());
  return db;
}

Result<std::unique_ptr<Db>> check_store(const std::string& path, const Schema& schema) {
  if (!exists(path)) return fail("There is no file " + path + ": check the path.");
  const auto header = header_of(path, schema);
  if (!header) return std::unexpected(header.error());
  if (*header != Header::ours)
    return fail("The file " + path + " is no whole backup: name another one.");
  auto db = Db::open(path, Db::Mode::read_only, nullptr);
  if (!db) return std::unexpected(db.error());
  (*db)->when_damaged("name another backup.");
  const std::uint32_t version = version_of(**db);
  if (const Status read = (*db)->status(); !read) return std::unexpected(read.error());
  if (version == 0 || version > schema.steps.size()) {
    return fail("The file " + path + " is of version " + std::to_string(version) +
                ", which this program does not know: use the program that made it.");
  }
  {
    Query q = (*db)->query("PRAGMA integrity_check(1)");
    if (q.next() && q.text(0) != "ok") (*db)->fail_row("pages that do not fit together");
  }
  const Status whole = (*db)->status();
  if (!whole) return std::unexpected(whole.error());
  return db;
}

namespace {

constexpr char kBrokenOff[] = " was told to end before it was whole: make it again.";

// What there is of a copy goes; why it ended stays, whatever becomes of that.
Status cut(const std::string& to, const Status& why_ended) {
  const Status gone = drop_cut_copy(to);
  return gone ? why_ended : fail(why_ended.error().message + " " + gone.error().message);
}

// Between two looks at whether it is to end.
constexpr int kCopiedPages = 1'024;

// All of one state of `from`: without a read of its own around the steps, every write of others
// would make the copy begin again.
int copy_pages(Db& from, Db& to, const std::atomic<bool>& stop) {
  from.exec("BEGIN");
  {
    Query first = from.query("SELECT count(*) FROM sqlite_schema");
    first.next();
  }
  if (!from.ok()) return SQLITE_ERROR;
  sqlite3_backup* copy = sqlite3_backup_init(to.raw(), "main", from.raw(), "main");
  if (copy == nullptr) return SQLITE_ERROR;
  int code = SQLITE_OK;
  while (code == SQLITE_OK)
    code = stop ? SQLITE_INTERRUPT : sqlite3_backup_step(copy, kCopiedPages);
  sqlite3_backup_finish(copy);
  from.exec("COMMIT");
  return code;
}

}  // namespace

Status drop_cut_copy(const std::string& to) {
  for (const char* suffix : {"-journal", ""}) {
    const Status removed = remove_synced(to + kPart + suffix);
    if (!removed) return removed;
  }
  return {};
}

Status copy_store(const std::string& from, const char* vfs, const std::string& to,
                  const std::atomic<bool>& stop) {
  if (exists(to)) {
    return fail("The file " + to + " is there already: name another one or move it away.");
  }
  const std::string part = to + kPart;
  if (exists(part)) {
    return fail("The file " + part +
                " is there, of a copy that is under way or was cut: wait for it, or remove it and "
                "try again.");
  }
  {
    // A connection of its own reads one state of the store while others go on writing.
    auto source = Db::open(from, Db::Mode::read_only, vfs);
    if (!source) return std::unexpected(source.error());
    auto target = Db::open(part, Db::Mode::create, nullptr);
    if (!target) {
      return fail("The file " + to +
                  " cannot be made: check that its directory is there and may be written.");
    }
    const int code = copy_pages(**source, **target, stop);
    if (code == SQLITE_INTERRUPT) return cut(to, fail("The copy " + to + kBrokenOff));
    if (code != SQLITE_DONE) {
      return cut(to, fail("Copying " + from + " to " + to + " did not work (" +
                          sqlite3_errstr(code) + "): check the disk and try again."));
    }
    // One file and no log beside it; opening it as a store turns the log on again.
    (*target)->exec("PRAGMA journal_mode=DELETE");
    if (const Status done = (*target)->status(); !done) return cut(to, done);
  }
  if (const Status synced = sync_file(part); !synced) return cut(to, synced);
  if (const Status named = rename_synced(part, to, false); !named) return cut(to, named);
  return {};
}

}  // namespace moot::store
