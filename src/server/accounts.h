#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/slot_table.h"
#include "model/id_hash.h"
#include "model/store_ops.h"
#include "model/wall.h"
#include "server/context.h"
#include "server/made_key.h"

namespace moot::server {

// Who may connect: accounts, their credentials of every kind, invitations and what they gave
// (security.md 2, protocol.md 6.1). Every change is an operation for the store and a line of the
// audit log; ids are never used again.
class Accounts {
 public:
  explicit Accounts(const ServerSnapshot& stored);

  // ---- looking up ----
  const Account* find(const UserId& id) const;     // removed ones too
  const Account* present(const UserId& id) const;  // not removed, no reserved name
  const Credential* credential(const Kid& kid) const;
  const Credential* by_subject(const WallIdentity& identity) const;
  bool was_revoked(const WallIdentity& identity) const;  // there is a tombstone of it
  // Active or retiring, in time, of an account that is active. An invitation: with a use left.
  bool usable(const Credential& c, UnixMs now) const;
  std::vector<const Credential*> usable_of(const UserId& id, UnixMs now) const;
  // For whom a private message to `id` is kept (protocol.md 6.2). Cheap: no allocation when warm.
  void delivery(const UserId& id, UnixMs now, std::vector<Kid>& out) const;
  const std::map<UserId, Account>& all() const { return accounts_; }
  std::vector<Credential> credentials_of(const UserId* id) const;
  const Enrolment* enrolment(const Kid& invite, const UserId& wanted) const;

  // ---- changes; the ticket covers them ----
  Ticket add(const Step& step, std::string_view actor, Account account);
  Ticket put(const Step& step, const Account& account);  // changed by its user: not audited
  Ticket set_state(const Step& step, std::string_view actor, const UserId& id, AccountState to);
  Ticket add_credential(const Step& step, std::string_view actor, std::string_view action,
                        Credential c);
  Ticket change_credential(const Step& step, std::string_view actor, std::string_view action,
                           Credential c);
  // Sets `revoked` and who did it. REQUIRES: not revoked yet.
  Ticket revoke(const Step& step, std::string_view actor, std::string_view action, const Kid& kid);
  void used(const Step& step, const Kid& kid, bool challenged, bool bound);
  Ticket enrolled(const Step& step, const Kid& invite, Account account, Credential made);
  // The next moment at which a credential expires, and those that have.
  std::optional<UnixMs> next_expiry() const;
  std::vector<Kid> expired(UnixMs now) const;

  // Why a new credential cannot be: too many, the same secret twice, the same subject twice.
  Status may_add(const Credential& c, UnixMs now) const;

 private:
  void bury(Credential& c, std::string_view actor, UnixMs now);
  void index(const Credential& c);
  Ticket audit(const Step& step, std::string_view actor, std::string_view action,
               std::string_view account, std::string_view kid);

  // Of one id: the account, where there is one, and its credentials, oldest first.
  struct Person {
    Account* account = nullptr;
    std::vector<Credential*> credentials;
  };

  Account& place(Account account);
  Credential& place(Credential c);
  Account& mine(const UserId& id) { return *people_.find(id)->value.account; }
  Credential& mine(const Kid& kid) { return *by_kid_.find(kid)->value; }

  // Nothing is ever taken out of these, so what leads to them stays right.
  std::map<UserId, Account> accounts_;
  std::map<Kid, Credential> credentials_;
  SlotTable<UserId, Person, UserHash> people_;
  SlotTable<Kid, Credential*, KidHash> by_kid_;
  std::map<std::pair<CredentialKind, std::string>, Kid> by_subject_;
  std::set<std::pair<CredentialKind, std::string>> revoked_subjects_;
  std::set<Octets<32, DupTag>> dups_;
  std::map<std::pair<Kid, UserId>, Enrolment> enrolments_;  // by invitation and wanted id
  std::map<Kid, std::pair<Kid, UserId>> enrolment_of_;      // by the key it made
  std::set<std::pair<UnixMs, Kid>> expiries_;
};

// Days since the unix epoch: all that is kept of when a key was used (security.md 2.5).
std::uint32_t day_of(UnixMs at);

}  // namespace moot::server
