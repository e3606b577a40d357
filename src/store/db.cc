#include "store/db.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "base/check.h"

namespace moot::store {
namespace {

constexpr int kBusyWaitMs = 5'000;

constexpr char kRestore[] = "move it away and restore the last backup.";

std::string sentence(int code, const std::string& path, const char* advice = kRestore) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "The disk that holds " + path +
             " is full: make room, then start again; nothing that was acknowledged is lost.";
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return "The store " + path + " is damaged and was not touched: " + advice;
    case SQLITE_CANTOPEN:
      return "The store " + path + " cannot be opened: check the path and its permissions.";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "The store " + path +
             " cannot be written: give the user that runs this program the right to write it.";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "The store " + path + " is used by another program: stop it and start again.";
    case SQLITE_IOERR:
      return "Reading or writing " + path +
             " failed: check the disk, then start again; nothing that was acknowledged is lost.";
    default:
      return "The store " + path + " refused an operation (" + sqlite3_errstr(code) +
             "): start again, and report it if it comes back.";
  }
}

}  // namespace

Db::Db(sqlite3* db, std::string path) : db_(db), path_(std::move(path)), advice_(kRestore) {}

Db::~Db() {
  for (const auto& [sql, stmt] : statements_) sqlite3_finalize(stmt);
  // After a failure nothing more goes into the file: the next start finds what the log has.
  if (error_) keep_log_on_close(true);
  sqlite3_close(db_);
}

Result<std::unique_ptr<Db>> Db::open(const std::string& path, Mode mode, const char* vfs) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  if (mode == Mode::read_only) {
    flags |= SQLITE_OPEN_READONLY;
  } else {
    flags |= SQLITE_OPEN_READWRITE;
  }
  if (mode == Mode::create) {
    // SQLite gives its log and shared memory the mode of the file itself.
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return fail(sentence(SQLITE_CANTOPEN, path));
    ::close(fd);
  }
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, vfs);
  std::unique_ptr<Db> db(new Db(raw, path));
  if (code != SQLITE_OK) return fail(sentence(code, path));
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyWaitMs);
  // The file may come from anywhere: no functions or tables from its schema, no odd structures.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  db->keep_log_on_close(true);
  sqlite3_wal_hook(
      raw,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Db*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      db.get());
  return db;
}

void Db::fail_code(int code) {
  if (error_) return;
  damaged_ = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
  std::string message = sentence(code, path_, advice_);
  if ((code & 0xff) == SQLITE_CONSTRAINT) {
    message = "The store " + path_ + " refused a row that must be unique or whole (" +
              sqlite3_errmsg(db_) + "): start again, and report it if it comes back.";
  }
  error_ = Error{std::move(message)};
}

void Db::fail_row(std::string what) {
  if (error_) return;
  damaged_ = true;
  error_ = Error{"The store " + path_ + " holds " + what +
                 ", so it is damaged and was not touched: " + advice_};
}

void Db::fail_with(Error error) {
  if (!error_) error_ = std::move(error);
}

Status Db::status() const {
  if (error_) return std::unexpected(*error_);
  return {};
}

void Db::exec(const char* sql) {
  if (error_) return;
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail_code(code);
}

Query Db::query(const char* sql) {
  if (error_) return Query(*this, nullptr);
  sqlite3_stmt*& stmt = statements_[sql];
  if (stmt == nullptr) {
    const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
    if (code != SQLITE_OK) {
      fail_code(code);
      return Query(*this, nullptr);
    }
  }
  MOOT_CHECK(sqlite3_stmt_busy(stmt) == 0);
  return Query(*this, stmt);
}

void Db::keep_log_on_close(bool keep) {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, nullptr);
}

bool Db::checkpoint_if_due(int pages_max) {
  if (error_ || wal_pages_ < pages_max) return false;
  const int code =
      sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  // A reader (a backup) keeps the log as long as it needs it.
  if (code == SQLITE_BUSY) return false;
  wal_pages_ = 0;
  if (code != SQLITE_OK) fail_code(code);
  return !error_;
}

void Db::checkpoint_all() {
  if (error_) return;
  const int code =
      sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (code != SQLITE_OK && code != SQLITE_BUSY) fail_code(code);
}

Query::Query(Query&& other) noexcept
    : db_(other.db_), stmt_(std::exchange(other.stmt_, nullptr)), bound_(other.bound_) {}

Query::~Query() {
  if (stmt_ == nullptr) return;
  sqlite3_reset(stmt_);
  sqlite3_clear_bindings(stmt_);  // no view of the caller's memory stays
}

void Query::put(std::int64_t v) {
  if (stmt_ != nullptr) MOOT_CHECK(sqlite3_bind_int64(stmt_, ++bound_, v) == SQLITE_OK);
}
void Query::put(std::string_view v) {
  if (stmt_ == nullptr) return;
  // A null pointer would bind NULL, not the empty text.
  const char* p = v.data() == nullptr ? "" : v.data();
  MOOT_CHECK(sqlite3_bind_text64(stmt_, ++bound_, p, v.size(), SQLITE_STATIC, SQLITE_UTF8) ==
             SQLITE_OK);
}
void Query::put(Bytes v) {
  if (stmt_ == nullptr) return;
  const void* p = v.data() == nullptr ? static_cast<const void*>("") : v.data();
  MOOT_CHECK(sqlite3_bind_blob64(stmt_, ++bound_, p, v.size(), SQLITE_STATIC) == SQLITE_OK);
}
void Query::put(std::nullptr_t) {
  if (stmt_ != nullptr) MOOT_CHECK(sqlite3_bind_null(stmt_, ++bound_) == SQLITE_OK);
}

void Query::run() {
  while (next()) {
  }
}

bool Query::next() {
  if (stmt_ == nullptr || !db_->ok()) return false;
  const int code = sqlite3_step(stmt_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) db_->fail_code(code);
  return false;
}

std::int64_t Query::i64(int column) { return sqlite3_column_int64(stmt_, column); }
bool Query::null(int column) { return sqlite3_column_type(stmt_, column) == SQLITE_NULL; }

std::string_view Query::text(int column) {
  const auto* p = reinterpret_cast<const char*>(sqlite3_column_text(stmt_, column));
  if (p == nullptr) return {};
  return {p, static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column))};
}
Bytes Query::blob(int column) {
  const auto* p = static_cast<const std::uint8_t*>(sqlite3_column_blob(stmt_, column));
  if (p == nullptr) return {};
  return {p, static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column))};
}
ByteBuf Query::bytes(int column) {
  const Bytes b = blob(column);
  return {b.begin(), b.end()};
}
UserId Query::user(int column) {
  const std::string_view t = text(column);
  if (t.empty()) return {};
  const auto id = UserId::parse(t);
  return id ? *id : bad_column<UserId>(column);
}
void Query::refuse_column(int column) {
  const char* name = sqlite3_column_name(stmt_, column);
  db_->fail_row(std::string("a row with a bad value in column ") + (name ? name : "?"));
}

InterruptWhen::InterruptWhen(Db& db, std::function<bool()> when)
    : db_(&db), when_(std::move(when)) {
  // A few milliseconds of work.
  constexpr int kStepsBetween = 100'000;
  const auto ask = [](void* self) { return static_cast<InterruptWhen*>(self)->when_() ? 1 : 0; };
  sqlite3_progress_handler(db_->raw(), kStepsBetween, ask, this);
}

InterruptWhen::~InterruptWhen() { sqlite3_progress_handler(db_->raw(), 0, nullptr, nullptr); }

}  // namespace moot::store
