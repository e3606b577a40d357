#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/codes.h"
#include "model/ids.h"

struct sqlite3;
struct sqlite3_stmt;

namespace moot::store {

class Query;

// A connection to one SQLite file. The first failure sticks: from then on every statement does
// nothing and finds no rows, and `status` says what to do. So code runs straight through and asks
// once at the end; and nothing is written after a failure.
// Thread rule: one thread at a time.
class Db {
 public:
  enum class Mode : std::uint8_t { read_only, read_write, create };
  static Result<std::unique_ptr<Db>> open(const std::string& path, Mode mode, const char* vfs);
  ~Db();
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  // A statement, prepared once for each text. REQUIRES: `sql` is a literal.
  Query query(const char* sql);
  void exec(const char* sql);

  Status status() const;
  bool ok() const { return !error_; }
  // It failed because the file is not what was written.
  bool damaged() const { return damaged_; }
  // What is to be done about a damaged file; without it, that a backup is to be restored.
  // REQUIRES: a literal.
  void when_damaged(const char* advice) { advice_ = advice; }
  // The file says what it must not: a row that our own code cannot have written.
  void fail_row(std::string what);
  void fail_with(Error error);

  // Closing leaves the file and its log as they are. So it is until a file is known to be ours.
  void keep_log_on_close(bool keep);
  // The log goes to the file here, never inside a commit that somebody waits for.
  // True when it did.
  bool checkpoint_if_due(int pages_max);
  void checkpoint_all();

  const std::string& path() const { return path_; }
  sqlite3* raw() { return db_; }

 private:
  friend class Query;
  Db(sqlite3* db, std::string path);
  void fail_code(int code);

  sqlite3* db_;
  const std::string path_;
  std::map<const char*, sqlite3_stmt*> statements_;
  std::optional<Error> error_;
  bool damaged_ = false;
  const char* advice_;
  int wal_pages_ = 0;
};

// While it lives, `when` is asked between the steps of statements; true ends the one that runs, and
// the connection with it. Thread rule: that of `db`.
class InterruptWhen {
 public:
  InterruptWhen(Db& db, std::function<bool()> when);
  ~InterruptWhen();
  InterruptWhen(const InterruptWhen&) = delete;
  InterruptWhen& operator=(const InterruptWhen&) = delete;

 private:
  Db* db_;
  std::function<bool()> when_;
};

// One use of a statement: bind in order, then `run` or `next`. Ends by itself.
class Query {
 public:
  Query(Query&& other) noexcept;
  ~Query();
  Query& operator=(Query&&) = delete;

  template <class... Args>
  Query& bind(const Args&... args) {
    (put(args), ...);
    return *this;
  }
  void run();
  bool next();

  std::int64_t i64(int column);
  std::uint64_t u64(int column) { return static_cast<std::uint64_t>(i64(column)); }
  bool flag(int column) { return i64(column) != 0; }
  UnixMs ms(int column) { return {u64(column)}; }
  bool null(int column);
  // Views live until the next call of `next`, `run` or the end.
  std::string_view text(int column);
  Bytes blob(int column);
  std::string string(int column) { return std::string(text(column)); }
  ByteBuf bytes(int column);
  UserId user(int column);  // the empty text is the empty id
  template <class Id>
  Id id(int column) {
    const Bytes octets = blob(column);
    if (octets.size() != Id::kSize) return bad_column<Id>(column);
    return Id::of(octets);
  }
  template <WireEnum E>
  E word(int column) {
    const auto e = parse_enum<E>(text(column));
    return e ? *e : bad_column<E>(column);
  }

 private:
  friend class Db;
  Query(Db& db, sqlite3_stmt* stmt) : db_(&db), stmt_(stmt) {}
  void put(std::int64_t v);
  void put(std::uint64_t v) { put(static_cast<std::int64_t>(v)); }
  void put(std::uint32_t v) { put(static_cast<std::int64_t>(v)); }
  void put(bool v) { put(static_cast<std::int64_t>(v)); }
  void put(UnixMs v) { put(v.ms); }
  void put(std::string_view v);
  void put(const std::string& v) { put(std::string_view(v)); }
  void put(const char* v) { put(std::string_view(v)); }
  void put(const UserId& v) { put(v.str()); }
  void put(Bytes v);
  void put(const ByteBuf& v) { put(Bytes(v)); }
  void put(std::nullptr_t);
  template <std::size_t N, class Tag>
  void put(const Octets<N, Tag>& v) {
    put(v.bytes());
  }
  template <std::size_t N>
  void put(const std::array<std::uint8_t, N>& v) {
    put(Bytes(v));
  }
  template <WireEnum E>
  void put(E v) {
    put(moot::text(v));
  }
  template <class T>
  void put(const std::optional<T>& v) {
    v ? put(*v) : put(nullptr);
  }
  template <class T>
  T bad_column(int column) {
    refuse_column(column);
    return T{};
  }
  void refuse_column(int column);

  Db* db_;
  sqlite3_stmt* stmt_;
  int bound_ = 0;
};

}  // namespace moot::store
