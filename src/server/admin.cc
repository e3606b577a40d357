#include "base/counted.h"
#include "base/utf8.h"
#include "server/core_impl.h"
#include "server/wall_subject.h"

// What an operator may change (interface.md "mootd"). The same code runs behind the admin socket
// and on the store of a stopped server.
namespace moot::server {
namespace {

std::unexpected<Error> no_user(std::string_view id) {
  return fail("There is no user @" + std::string(id) + "; `mootd user list` shows them.");
}
std::unexpected<Error> no_key(const Kid& kid) {
  return fail("There is no key " + text(kid) + "; `mootd key list` shows them.");
}

Credential hmac_credential(const UserId& account, std::string_view label, const MadeKey& key,
                           Now now, std::string_view by) {
  return {.kid = key.kid,
          .account = account,
          .sealed = key.sealed,
          .mk_id = key.mk_id,
          .label = std::string(label),
          .created = now.wall,
          .created_by = std::string(by),
          .dup = key.dup};
}

Credential wall_credential(std::string_view label, const WallIdentity& identity, const Kid& kid,
                           Now now, std::string_view by) {
  return {.kid = kid,
          .kind = identity.kind,
          .subject = identity.subject,
          .label = std::string(label),
          .created = now.wall,
          .created_by = std::string(by)};
}

Status check_label(std::string_view label) {
  if (label.size() > limits::kLabelBytesMax)
    return fail("A label has at most 64 octets; shorten it.");
  if (wire::check_text(as_bytes(label)) != wire::ProfileError::ok)
    return fail("A label is UTF-8 text; correct it.");
  if (has_controls(label)) return fail("A label has no control characters; leave them out.");
  return {};
}

}  // namespace

// A new account, and the first way to be it: `first`, whose account is filled in.
Result<Core::Done> Core::Impl::user_add(const Step& step, std::string_view actor,
                                        std::string_view id, std::string_view name,
                                        Credential first) {
  const auto user = UserId::parse(id);
  if (!user) {
    return fail("`" + std::string(id) +
                "` is no user id: 1 to 32 of a-z 0-9 . _ - and a letter or digit first.");
  }
  if (user->reserved())
    return fail("`" + std::string(id) + "` is a word of the protocol; choose another id.");
  if (const Account* a = accounts.find(*user)) {
    return fail(a->state == AccountState::removed
                    ? "@" + std::string(id) +
                          " was removed, and ids are never used again; choose another id."
                    : "@" + std::string(id) + " exists; `mootd key add` makes another key.");
  }
  if (name.empty()) name = id;
  if (!wire::is_name(name) || !text.is_nfc(name)) {
    return fail("A nickname has 1 to 64 characters in NFC and no control characters; correct it.");
  }
  if (auto ok = prepare(first, *user, step.now); !ok) return std::unexpected(ok.error());
  accounts.add(step, actor, {.id = *user, .name = std::string(name), .created = step.now.wall});
  Ticket t = accounts.add_credential(step, actor, "key.add", std::move(first));
  presence.changed(*user);
  AdminSink sink = admin_sink(step, t);
  channels.user_added(step.now, *user, sink);
  presence.tick(step);
  return Done{sink.last(), {}};
}

// Makes `c` one of `user`, in its right form; an error says why it cannot be.
Status Core::Impl::prepare(Credential& c, const UserId& user, Now now) const {
  c.account = user;
  if (auto ok = check_label(c.label); !ok) return ok;
  if (is_wall(c.kind)) {
    auto subject = wall_subject(c.kind, c.subject, user);
    if (!subject) return std::unexpected(subject.error());
    c.subject = std::move(*subject);
  }
  return accounts.may_add(c, now.wall);
}

Result<Core::Done> Core::user_add(Now now, std::string_view actor, std::string_view id,
                                  std::string_view name, std::string_view label, const MadeKey& key,
                                  Effects& fx) {
  return impl_->user_add({now, fx}, actor, id, name, hmac_credential({}, label, key, now, actor));
}

Result<Core::Done> Core::user_add_wall(Now now, std::string_view actor, std::string_view id,
                                       std::string_view name, std::string_view label,
                                       const WallIdentity& identity, const Kid& kid, Effects& fx) {
  return impl_->user_add({now, fx}, actor, id, name,
                         wall_credential(label, identity, kid, now, actor));
}

Result<Core::Done> Core::user_set_state(Now now, std::string_view actor, std::string_view id,
                                        AccountState to, Effects& fx) {
  const Step step{now, fx};
  const auto user = UserId::parse(id);
  const Account* a = user ? impl_->accounts.present(*user) : nullptr;
  if (a == nullptr) return no_user(id);
  if (a->state == to)
    return Done{{}, "@" + std::string(id) + " is " + std::string(moot::text(to)) + " already."};
  if (to == AccountState::removed) {
    for (const Credential& c : impl_->accounts.credentials_of(&*user)) {
      if (c.state != CredentialState::revoked) impl_->end_credential(step, c.kid, {});
    }
    Ticket t = impl_->accounts.set_state(step, actor, *user, to);
    impl_->messages.user_removed(step, *user);
    AdminSink sink = impl_->admin_sink(step, t);
    impl_->channels.user_removed(now, *user, sink);
    impl_->presence.removed(*user);
    impl_->presence.tick(step);
    return Done{sink.last(), {}};
  }
  const Ticket t = impl_->accounts.set_state(step, actor, *user, to);
  if (to == AccountState::disabled) {
    for (const ConnId conn : impl_->conns.of(*user)) {
      impl_->end(step, *impl_->conns.find(conn), DcnnCode::revoked,
                 "This account was disabled; ask the server's operator.", t);
    }
  }
  return Done{t, {}};
}

Result<Core::Done> Core::Impl::key_add(const Step& step, std::string_view actor,
                                       std::string_view id, Credential c) {
  const auto user = UserId::parse(id);
  if (!user || accounts.present(*user) == nullptr) return no_user(id);
  if (auto ok = prepare(c, *user, step.now); !ok) return std::unexpected(ok.error());
  return Done{accounts.add_credential(step, actor, "key.add", std::move(c)), {}};
}

Result<Core::Done> Core::key_add(Now now, std::string_view actor, std::string_view id,
                                 std::string_view label, const MadeKey& key, Effects& fx) {
  return impl_->key_add({now, fx}, actor, id, hmac_credential({}, label, key, now, actor));
}

Result<Core::Done> Core::key_add_wall(Now now, std::string_view actor, std::string_view id,
                                      std::string_view label, const WallIdentity& identity,
                                      const Kid& kid, Effects& fx) {
  return impl_->key_add({now, fx}, actor, id, wall_credential(label, identity, kid, now, actor));
}

Result<Core::Done> Core::key_rotate(Now now, std::string_view actor, const Kid& kid, Millis overlap,
                                    const MadeKey& key, Effects& fx) {
  const Step step{now, fx};
  const Credential* found = impl_->accounts.credential(kid);
  if (found == nullptr) return no_key(kid);
  if (found->kind != CredentialKind::hmac)
    return fail("Only a key can be rotated; revoke this identity and add another.");
  if (!impl_->accounts.usable(*found, now.wall)) {
    return fail("The key " + moot::text(kid) +
                " is revoked, expired or its account disabled; use `mootd key add`.");
  }
  Credential old = *found;
  Credential fresh = hmac_credential(old.account, old.label, key, now, actor);
  if (overlap.count() > 0) {
    if (auto ok = impl_->accounts.may_add(fresh, now.wall); !ok) return std::unexpected(ok.error());
  }
  Ticket t;
  if (overlap.count() <= 0) {
    t = impl_->accounts.revoke(step, actor, "key.rotate", kid);
    impl_->end_credential(step, kid, t);
  } else {
    old.state = CredentialState::retiring;
    const UnixMs over{now.wall.ms + static_cast<std::uint64_t>(overlap.count())};
    old.not_after = old.not_after.ms == 0 ? over : std::min(old.not_after, over);
    t = impl_->accounts.change_credential(step, actor, "key.rotate", std::move(old));
  }
  t = impl_->accounts.add_credential(step, actor, "key.add", std::move(fresh));
  return Done{t, {}};
}

Result<Core::Done> Core::key_revoke(Now now, std::string_view actor, const Kid& kid, Effects& fx) {
  const Step step{now, fx};
  const Credential* c = impl_->accounts.credential(kid);
  if (c == nullptr) return no_key(kid);
  if (c->state == CredentialState::revoked)
    return Done{{}, "The key " + moot::text(kid) + " is revoked already."};
  const Ticket t = impl_->accounts.revoke(step, actor, "key.revoke", kid);
  impl_->end_credential(step, kid, t);
  return Done{t, {}};
}

Result<Core::Done> Core::key_revoke_all(Now now, std::string_view actor, std::string_view id,
                                        Effects& fx) {
  const Step step{now, fx};
  const auto user = UserId::parse(id);
  if (!user || impl_->accounts.present(*user) == nullptr) return no_user(id);
  Ticket t;
  std::size_t revoked = 0;
  for (const Credential& c : impl_->accounts.credentials_of(&*user)) {
    if (c.state == CredentialState::revoked) continue;
    t = impl_->accounts.revoke(step, actor, "key.revoke", c.kid);
    impl_->end_credential(step, c.kid, t);
    ++revoked;
  }
  return Done{t, counted(revoked, "key") + " revoked."};
}

Result<Core::Done> Core::invite(Now now, std::string_view actor, std::uint32_t uses, Millis expires,
                                std::string_view channel, const MadeKey& key, Effects& fx) {
  if (uses == 0) return fail("An invitation needs at least one use; say --uses 1 or more.");
  if (expires.count() <= 0)
    return fail("An invitation needs a time to live; say --expires 24h or so.");
  Credential c = hmac_credential(invite_user(), {}, key, now, actor);
  c.kind = CredentialKind::invite;
  c.uses_left = uses;
  c.not_after = {now.wall.ms + static_cast<std::uint64_t>(expires.count())};
  if (!channel.empty()) {
    c.channel = impl_->channels.find(channel);
    if (!c.channel) {
      return fail("There is no channel #" + std::string(channel) +
                  "; `mootd channel list` shows them.");
    }
  }
  if (auto ok = impl_->accounts.may_add(c, now.wall); !ok) return std::unexpected(ok.error());
  return Done{impl_->accounts.add_credential({now, fx}, actor, "invite", std::move(c)), {}};
}

Result<Core::Done> Core::channel_role(Now now, std::string_view actor, std::string_view channel,
                                      std::string_view user, Role role, Effects& fx) {
  const Step step{now, fx};
  const auto id = impl_->channels.find(channel);
  if (!id)
    return fail("There is no channel #" + std::string(channel) +
                "; `mootd channel list` shows them.");
  const auto who = UserId::parse(user);
  if (!who || impl_->accounts.present(*who) == nullptr) return no_user(user);
  AdminSink sink = impl_->admin_sink(step);
  if (auto ok = impl_->channels.set_role(now, *id, *who, role, sink); !ok)
    return std::unexpected(ok.error());
  return Done{
      step.persist(op::Audit{{now.wall,
                              std::string(actor),
                              "channel.role",
                              std::string(user),
                              {},
                              "#" + std::string(channel) + " " + std::string(moot::text(role))}}),
      {}};
}

Result<Core::Done> Core::channel_remove(Now now, std::string_view actor, std::string_view channel,
                                        Effects& fx) {
  const Step step{now, fx};
  const auto id = impl_->channels.find(channel);
  if (!id)
    return fail("There is no channel #" + std::string(channel) +
                "; `mootd channel list` shows them.");
  AdminSink sink = impl_->admin_sink(step);
  if (auto ok = impl_->channels.remove(now, *id, sink); !ok) return std::unexpected(ok.error());
  return Done{
      step.persist(op::Audit{
          {now.wall, std::string(actor), "channel.remove", {}, {}, "#" + std::string(channel)}}),
      {}};
}

}  // namespace moot::server
