#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/store_ops.h"
#include "seal/vault.h"
#include "store/db.h"

namespace moot::store {

inline constexpr std::uint64_t kAuditCheckpointEvery = 1'000;

struct AuditReport {
  std::uint64_t lines = 0;
  std::string trouble;  // empty: the log is whole
};

// JSON lines, each with the BLAKE2b-256 of the one before it (security.md 2.4). Every 1,000th line
// and the newest one have a keyed tag beside them, so that whoever edits the file cannot make the
// chain fit again, nor cut off its end, without the store key.
// Thread rule: the store's thread.
class AuditLog {
 public:
  AuditLog(Db& db, const seal::Vault& vault) : db_(db), vault_(vault) {}

  // Finds the end of the log. Before the first `append`.
  void open();
  void append(const AuditEntry& entry);
  AuditReport verify();
  std::vector<std::string> tail(std::size_t lines);
  void each(std::uint64_t after, const std::function<void(std::string_view)>& line);

 private:
  Db& db_;
  const seal::Vault& vault_;
  std::uint64_t seq_ = 0;  // of the newest line
  seal::Hash newest_{};    // of its text; zeros before the first
};

}  // namespace moot::store
