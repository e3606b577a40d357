#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "model/store_ops.h"
#include "seal/vault.h"
#include "store/audit_log.h"
#include "store/db.h"
#include "store/kept_rows.h"

namespace moot::store {

struct OfflineRow {
  std::uint64_t seq = 0;  // grows in the order of storing; `after` for the next page
  OfflineCopy copy;       // body and all
};
struct OfflinePage {
  std::vector<OfflineRow> rows;
  bool more = false;
};

// What a page may hold. The first row always fits.
struct PageBounds {
  std::size_t rows_max = 256;
  std::size_t bytes_max = 256 * 1024;
};

// Operations become rows, rows become values. What is secret is sealed on the way in, bound to what
// names its row, and unsealed on the way out.
// Thread rule: the store's thread. Failures stick to the Db.
class ServerTables {
 public:
  ServerTables(Db& db, const seal::Vault& vault)
      : db_(db), vault_(vault), kept_(db, vault), audit_(db, vault) {}

  // Before the first operation.
  void open();
  void apply(const op::Any& op);

  ServerSnapshot load();
  Result<OfflinePage> offline(Kid kid, std::uint64_t after_seq, PageBounds bounds);

  // Of the channels that the server keeps: whether their leaves sum up their records, the newest
  // leaf of each or all of them.
  bool kept_leaves_fit(bool all);
  // Inside a transaction.
  void make_kept_leaves_anew();

  // Every account key under the vault's current master key. Inside a transaction.
  void reseal_credentials();
  // Every seal opened once. Nothing sticks to the Db.
  Status check_seals();

  AuditLog& audit() { return audit_; }

 private:
  void on(const op::PutAccount& o);
  void on(const op::RemoveAccount& o);
  void on(const op::PutCredential& o);
  void on(const op::UseCredential& o);
  void on(const op::PutEnrolment& o);
  void on(const op::DropEnrolment& o);
  void on(const op::PutOffline& o);
  void on(const op::DropOffline& o);
  void on(const op::PutNotice& o);
  void on(const op::DropNotices& o);
  void on(const op::DropNotice& o);
  void on(const op::PutReplay& o);
  void on(const op::DropReplays& o);
  void on(const op::Audit& o);
  void on(const op::PutChannel& o);
  void on(const op::RemoveChannel& o);
  void on(const op::PutMember& o);
  void on(const op::RemoveMember& o);
  void on(const op::PutInvited& o);
  void on(const op::PutRecord& o);
  void on(const op::PutStampKey& o);
  void on(const op::PutClockMark& o);

  void load_users(ServerSnapshot& s);
  void load_messages(ServerSnapshot& s);
  void load_channels(ServerSnapshot& s);
  // A credential's key under the current master key, whichever one it came under.
  seal::SealedKey under_current(const Credential& c);
  std::vector<ChannelId> kept_channels();

  Db& db_;
  const seal::Vault& vault_;
  KeptRows kept_;
  AuditLog audit_;
  std::uint64_t next_offline_ = 1;  // never used twice in this process, so that a page is a page
};

}  // namespace moot::store
