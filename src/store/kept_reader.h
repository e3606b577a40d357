#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/kept_records.h"
#include "seal/vault.h"
#include "store/db.h"
#include "store/kept_rows.h"
#include "store/read_failed.h"

namespace moot::store {

// The records that a server keeps, read and unsealed through a connection of its own while the
// store's thread writes: at once, and at least what the store told to be on disk. What cannot be
// read is thrown as ReadFailed, never left out.
// Ends before its ServerStore, which empties its log when it is the last. Thread rule: one thread.
class KeptReaders : public KeptRecords {
 public:
  // REQUIRES: a ServerStore of the directory is open; the vault is its vault.
  static Result<std::unique_ptr<KeptReaders>> open(const std::string& dir, const seal::Vault& vault,
                                                   const char* vfs = nullptr);
  ~KeptReaders() override;

  const RecordReader& of(const ChannelId& channel) const override;
  std::vector<LeafSummary> leaves(const ChannelId& channel) const override;

 private:
  class Reader;
  KeptReaders(std::unique_ptr<Db> db, const seal::Vault& vault, std::string dir);
  void check() const;
  [[noreturn]] void damaged() const;

  const std::string dir_;
  std::unique_ptr<Db> db_;
  mutable KeptRows rows_;
  // As long as this object, of removed channels too: then they are empty.
  mutable std::map<ChannelId, std::unique_ptr<Reader>> readers_;
};

}  // namespace moot::store
