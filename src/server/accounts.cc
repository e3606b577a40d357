#include "server/accounts.h"

#include <algorithm>

#include "base/check.h"

namespace moot::server {
namespace {

bool alive(const Credential& c, UnixMs now) {
  return c.state != CredentialState::revoked && (c.not_after.ms == 0 || now < c.not_after);
}

}  // namespace

std::uint32_t day_of(UnixMs at) { return static_cast<std::uint32_t>(at.ms / 86'400'000); }

Accounts::Accounts(const ServerSnapshot& stored) {
  for (const Account& a : stored.accounts) place(a);
  for (const Credential& c : stored.credentials) index(place(c));
  for (const Enrolment& e : stored.enrolments) {
    enrolments_[{e.invite, e.account}] = e;
    enrolment_of_[e.kid] = {e.invite, e.account};
  }
}

Account& Accounts::place(Account account) {
  const UserId id = account.id;
  const auto [it, fresh] = accounts_.emplace(id, std::move(account));
  MOOT_CHECK(fresh);
  people_.get(id).value.account = &it->second;
  return it->second;
}

Credential& Accounts::place(Credential c) {
  const Kid kid = c.kid;
  const auto [it, fresh] = credentials_.emplace(kid, std::move(c));
  MOOT_CHECK(fresh);
  by_kid_.get(kid).value = &it->second;
  people_.get(it->second.account).value.credentials.push_back(&it->second);
  return it->second;
}

void Accounts::index(const Credential& c) {
  if (is_wall(c.kind) && c.state != CredentialState::revoked)
    by_subject_[{c.kind, c.subject}] = c.kid;
  if (is_wall(c.kind) && c.state == CredentialState::revoked)
    revoked_subjects_.insert({c.kind, c.subject});
  if (!is_wall(c.kind)) dups_.insert(c.dup);
  if (c.not_after.ms != 0 && c.state != CredentialState::revoked)
    expiries_.insert({c.not_after, c.kid});
}

const Account* Accounts::find(const UserId& id) const {
  const auto* person = people_.find(id);
  return person == nullptr ? nullptr : person->value.account;
}

const Account* Accounts::present(const UserId& id) const {
  const Account* a = find(id);
  return a != nullptr && a->state != AccountState::removed ? a : nullptr;
}

const Credential* Accounts::credential(const Kid& kid) const {
  const auto* entry = by_kid_.find(kid);
  return entry == nullptr ? nullptr : entry->value;
}

const Credential* Accounts::by_subject(const WallIdentity& identity) const {
  const auto it = by_subject_.find({identity.kind, identity.subject});
  return it == by_subject_.end() ? nullptr : credential(it->second);
}

bool Accounts::was_revoked(const WallIdentity& identity) const {
  return revoked_subjects_.contains({identity.kind, identity.subject});
}

bool Accounts::usable(const Credential& c, UnixMs now) const {
  if (!alive(c, now)) return false;
  if (c.kind == CredentialKind::invite) {
    // A spent one still answers the ids it gave, until their first CNN.
    return c.uses_left > 0 ||
           std::ranges::any_of(enrolments_, [&](const auto& e) { return e.first.first == c.kid; });
  }
  const Account* a = find(c.account);
  return a != nullptr && a->state == AccountState::active;
}

std::vector<const Credential*> Accounts::usable_of(const UserId& id, UnixMs now) const {
  std::vector<const Credential*> out;
  const auto* person = people_.find(id);
  if (person == nullptr) return out;
  for (const Credential* c : person->value.credentials) {
    if (c->kind == CredentialKind::hmac && usable(*c, now)) out.push_back(c);
  }
  return out;
}

void Accounts::delivery(const UserId& id, UnixMs now, std::vector<Kid>& out) const {
  out.clear();
  const auto* person = people_.find(id);
  if (person == nullptr) return;
  const auto fresh_day = day_of(
      {now.ms - std::min<std::uint64_t>(
                    now.ms, static_cast<std::uint64_t>(
                                std::chrono::milliseconds(limits::kCredentialFreshAge).count()))});
  for (const bool fresh_only : {true, false}) {
    for (const Credential* c : person->value.credentials) {
      if (!alive(*c, now) || c->kind == CredentialKind::invite) continue;
      // A wall's record may be a second factor alone, whose connections are those of a key: it is
      // fresh by its own connections, not by having been made.
      const std::uint32_t born = is_wall(c->kind) ? 0 : day_of(c->created);
      if (fresh_only && c->last_used_day < fresh_day && born < fresh_day) continue;
      out.push_back(c->kid);
    }
    if (!out.empty()) return;
  }
}

std::vector<Credential> Accounts::credentials_of(const UserId* id) const {
  std::vector<Credential> out;
  for (const auto& [kid, c] : credentials_) {
    if (id == nullptr || c.account == *id) out.push_back(c);
  }
  return out;
}

const Enrolment* Accounts::enrolment(const Kid& invite, const UserId& wanted) const {
  const auto it = enrolments_.find({invite, wanted});
  return it == enrolments_.end() ? nullptr : &it->second;
}

Ticket Accounts::audit(const Step& step, std::string_view actor, std::string_view action,
                       std::string_view account, std::string_view kid) {
  return step.persist(op::Audit{{step.now.wall, std::string(actor), std::string(action),
                                 std::string(account), std::string(kid), "done"}});
}

Ticket Accounts::add(const Step& step, std::string_view actor, Account account) {
  step.persist(op::PutAccount{account});
  const UserId id = place(std::move(account)).id;
  return audit(step, actor, "user.add", id.str(), {});
}

Ticket Accounts::put(const Step& step, const Account& account) {
  mine(account.id) = account;
  return step.persist(op::PutAccount{account});
}

Ticket Accounts::set_state(const Step& step, std::string_view actor, const UserId& id,
                           AccountState to) {
  Account& a = mine(id);
  a.state = to;
  if (to != AccountState::removed) {
    step.persist(op::PutAccount{a});
    return audit(step, actor, to == AccountState::active ? "user.enable" : "user.disable", id.str(),
                 {});
  }
  a.removed = step.now.wall;
  a.keys.clear();
  step.persist(op::RemoveAccount{id, step.now.wall, std::string(actor)});
  for (Credential* c : people_.find(id)->value.credentials) {
    if (c->state == CredentialState::revoked) continue;
    bury(*c, actor, step.now.wall);
    c->sealed.clear();
  }
  return audit(step, actor, "user.remove", id.str(), {});
}

Status Accounts::may_add(const Credential& c, UnixMs now) const {
  if (!is_wall(c.kind) && dups_.contains(c.dup)) {
    return fail("This secret is already somebody's key; make a new one.");
  }
  if (is_wall(c.kind)) {
    if (const Credential* other = by_subject({c.kind, c.subject})) {
      return fail("That identity belongs to @" + std::string(other->account.str()) + " (key " +
                  text(other->kid) + "); revoke it first.");
    }
  }
  if (c.kind == CredentialKind::invite) return {};
  const auto* person = people_.find(c.account);
  if (person == nullptr) return {};
  const auto live = std::ranges::count_if(
      person->value.credentials, [&](const Credential* other) { return alive(*other, now); });
  if (static_cast<std::size_t>(live) >= limits::kCredentialsPerUser) {
    return fail("@" + std::string(c.account.str()) +
                " has 8 keys, which is the most; revoke one with `mootd key revoke KID`.");
  }
  return {};
}

Ticket Accounts::add_credential(const Step& step, std::string_view actor, std::string_view action,
                                Credential c) {
  step.persist(op::PutCredential{c});
  const Credential& placed = place(std::move(c));
  index(placed);
  return audit(step, actor, action, placed.account.str(), text(placed.kid));
}

Ticket Accounts::change_credential(const Step& step, std::string_view actor,
                                   std::string_view action, Credential c) {
  Credential& old = mine(c.kid);
  MOOT_CHECK(old.account == c.account);
  expiries_.erase({old.not_after, old.kid});
  old = std::move(c);
  index(old);
  step.persist(op::PutCredential{old});
  return audit(step, actor, action, old.account.str(), text(old.kid));
}

// A tombstone from now on: no index leads to it any more.
void Accounts::bury(Credential& c, std::string_view actor, UnixMs now) {
  expiries_.erase({c.not_after, c.kid});
  if (is_wall(c.kind)) {
    by_subject_.erase({c.kind, c.subject});
    revoked_subjects_.insert({c.kind, c.subject});
  }
  c.state = CredentialState::revoked;
  c.revoked_at = now;
  c.revoked_by = actor;
}

Ticket Accounts::revoke(const Step& step, std::string_view actor, std::string_view action,
                        const Kid& kid) {
  Credential& c = mine(kid);
  MOOT_CHECK(c.state != CredentialState::revoked);
  bury(c, actor, step.now.wall);
  // The sealed key stays until the connections it signs for are told (security.md R10); a tombstone
  // on disk holds none.
  Credential tombstone = c;
  tombstone.sealed.clear();
  step.persist(op::PutCredential{std::move(tombstone)});
  return audit(step, actor, action, c.account.str(), text(kid));
}

void Accounts::used(const Step& step, const Kid& kid, bool challenged, bool bound) {
  Credential& c = mine(kid);
  const std::uint32_t today = day_of(step.now.wall);
  const bool pin_chal = challenged && !c.chal_pinned;
  const bool pin_cb = bound && !c.cb_pinned;
  if (c.last_used_day != today || pin_chal || pin_cb) {
    c.last_used_day = today;
    c.chal_pinned = c.chal_pinned || challenged;
    c.cb_pinned = c.cb_pinned || bound;
    step.persist(op::UseCredential{kid, today, c.chal_pinned, c.cb_pinned});
  }
  if (const auto it = enrolment_of_.find(kid); it != enrolment_of_.end()) {
    enrolments_.erase(it->second);
    enrolment_of_.erase(it);
    step.persist(op::DropEnrolment{kid});
  }
}

Ticket Accounts::enrolled(const Step& step, const Kid& invite, Account account, Credential made) {
  Credential& inv = mine(invite);
  MOOT_CHECK(inv.uses_left > 0);
  --inv.uses_left;
  inv.last_used_day = day_of(step.now.wall);
  step.persist(op::PutCredential{inv});
  const Enrolment e{invite, account.id, made.kid};
  step.persist(op::PutEnrolment{e});
  enrolments_[{invite, account.id}] = e;
  enrolment_of_[made.kid] = {invite, account.id};
  const std::string actor = "invite " + text(invite);
  add(step, actor, std::move(account));
  return add_credential(step, actor, "key.enrol", std::move(made));
}

std::optional<UnixMs> Accounts::next_expiry() const {
  if (expiries_.empty()) return std::nullopt;
  return expiries_.begin()->first;
}

std::vector<Kid> Accounts::expired(UnixMs now) const {
  std::vector<Kid> out;
  for (const auto& [at, kid] : expiries_) {
    if (now < at) break;
    out.push_back(kid);
  }
  return out;
}

}  // namespace moot::server
