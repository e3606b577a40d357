#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/store_ops.h"
#include "seal/vault.h"
#include "store/group_commit.h"
#include "store/server_tables.h"

namespace moot::store {

struct ServerStoreOptions {
  std::string dir;              // made with mode 0700 when it is not there
  std::string credentials_dir;  // what $CREDENTIALS_DIRECTORY says, or empty
  GroupCommit::Bounds bounds;
  const char* vfs = nullptr;  // a SQLite VFS by name; the system's when null
};

// The server's disk: accounts, keys, queues, channels, audit log, in one SQLite file
// (docs/store.md). One process owns a data directory. Invariant: on_commit(t) comes after the fsync
// that covers every operation with a ticket <= t. Message bodies, account keys and stamp keys are
// sealed in the file. Thread rule: `submit` and `fetch_offline` from one thread; the rest from any
// thread but the store's own.
class ServerStore {
 public:
  // Opens, or makes, the store of a data directory; upgrades an older one after a backup copy.
  static Result<std::unique_ptr<ServerStore>> open(ServerStoreOptions options, StoreHooks hooks);
  ~ServerStore();  // commits what was submitted

  Result<ServerSnapshot> load();

  // Blocks while `bounds.queue_ops_max` operations wait. An empty list is a barrier of its own.
  void submit(Ticket ticket, std::vector<op::Any> ops);

  // Reads see what was submitted before them; their callbacks run once that is on disk.
  void fetch_offline(Kid kid, std::uint64_t after_seq, PageBounds bounds,
                     std::function<void(Result<OfflinePage>&&)> done);
  // The newest lines of the audit log, oldest first.
  Result<std::vector<std::string>> audit_tail(std::size_t lines);
  // Every line with a number above `after`, as JSON lines.
  Status audit_export(std::uint64_t after, const std::function<void(std::string_view)>& line);
  Result<AuditReport> audit_verify();

  // A new master key: all that was sealed under the old one is sealed under the new one in one
  // transaction, then the key file is replaced. The old key is not needed afterwards; this process
  // still opens with it what it holds in memory.
  Status master_rotate();

  // The long look: PRAGMA quick_check and every seal. For `mootd doctor`.
  Status check();

  // From any thread.
  const GroupCommit::Tallies& tallies() const;

  // Seals new keys, opens stored ones; any thread.
  const seal::Vault& vault() const;

 private:
  struct Parts;
  explicit ServerStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// A whole copy of the store in `dir`, also while another process has it open; mode 0600, synced,
// never over an existing file. It has all that was committed, as sealed rows, and no master key.
// Once `stop` is true it ends with an error and leaves no file.
Status backup(const std::string& dir, const std::string& file,
              const std::atomic<bool>& stop = false);

struct RestoreReport {
  std::uint64_t accounts = 0;
  std::uint32_t mk_id = 0;  // the master key that the restored store needs
};

// Puts a backup where a store would be, after checking it. Refuses over a store that has accounts.
// Root gives what it makes to the owner of the directory.
Result<RestoreReport> restore(const std::string& backup_file, const std::string& dir);

}  // namespace moot::store
