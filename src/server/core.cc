#include "server/core.h"

#include <algorithm>

#include "base/arena.h"
#include "base/check.h"
#include "server/accounts.h"
#include "server/cnn_nonces.h"
#include "server/context.h"
#include "server/core_impl.h"
#include "server/presence.h"
#include "server/private_messages.h"
#include "wire/commands.h"

namespace moot::server {

Core::Impl::Impl(const Config& cfg, const TextRules& text_rules, const ServerSnapshot& stored,
                 const KeptRecords& records, Now now)
    : config(cfg),
      text(text_rules),
      accounts(stored),
      nonces(stored.replays),
      channels(cfg.channels, text_rules, stored, records),
      presence(cfg.presence, accounts, conns, channels),
      messages(private_limits(cfg), accounts, conns, stored, now) {}

PrivateLimits Core::Impl::private_limits(const Config& c) {
  return {c.max_msg, c.offline_keep, c.offline_messages, c.offline_bytes, c.offline_age};
}

Core::Core(const Config& config, const TextRules& text, const ServerSnapshot& stored,
           const KeptRecords& records, Now now)
    : impl_(std::make_unique<Impl>(config, text, stored, records, now)) {}
Core::~Core() = default;

void Core::start(Now now, Effects& fx) {
  const Step step{now, fx};
  ChannelSink sink = impl_->sink(step);
  impl_->channels.start(now, sink);
  impl_->expire(step);
}

void Core::configure(Now now, const Config& config, Effects& fx) {
  impl_->config = config;
  ChannelSink sink = impl_->sink({now, fx});
  impl_->channels.configure(now, config.channels, sink);
  impl_->presence.configure(config.presence);
  impl_->messages.configure(Impl::private_limits(config));
}

const Credential* Core::find(const UserId& account, const Kid& kid) const {
  const Credential* c = impl_->accounts.credential(kid);
  return c != nullptr && c->account == account ? c : nullptr;
}

std::vector<const Credential*> Core::candidates(const UserId& account) const {
  return impl_->accounts.usable_of(account, impl_->wall);
}

const Credential* Core::find_wall(const WallIdentity& identity) const {
  return impl_->accounts.by_subject(identity);
}

bool Core::revoked_wall(const WallIdentity& identity) const {
  return impl_->accounts.by_subject(identity) == nullptr && impl_->accounts.was_revoked(identity);
}

session::CredentialFacts Core::facts(const Credential& credential, const session::Claim& claim,
                                     Now now) const {
  const bool literal = !claim.cnn.chal.has_value();
  return {.usable = impl_->accounts.usable(credential, now.wall),
          .chal_pinned = credential.chal_pinned,
          .cb_pinned = credential.cb_pinned,
          .nonce_seen = impl_->nonces.seen(credential.kid, claim.nonce) ||
                        (literal && impl_->nonces.literal_full(credential.kid)),
          .channel_binding = {}};
}

void Core::admit(Now now, const Admission& who, Effects& fx) {
  const Step step{now, fx};
  impl_->wall = now.wall;
  const Credential* credential = impl_->accounts.credential(who.kid);
  MOOT_CHECK(credential != nullptr);
  const bool invite = credential->kind == CredentialKind::invite;
  const UserId user = invite ? invite_user() : credential->account;

  // R6, R8: this CNN nonce is spent before anything answers it.
  impl_->nonces.add(who.kid, who.nonce);
  Ticket ticket;
  if (!who.challenged) {
    ticket =
        step.persist(op::PutReplay{impl_->nonces.add_literal(who.kid, who.nonce, who.timestamp)});
  }
  if (!invite) {
    // R11: the same device again. Its older connection must not be told of anything any more.
    if (Conn* old = impl_->conns.of_credential(who.kid); old != nullptr) {
      // What it has not acknowledged is its successor's, which asks for it below.
      impl_->messages.disconnected(step, *old);
      impl_->end(step, *old, DcnnCode::replaced,
                 "The same key connected again; this connection does not come back by itself.");
    }
  }
  const bool first = !invite && !impl_->conns.online(user);
  Conn& conn = impl_->conns.add({.id = who.conn,
                                 .user = user,
                                 .kid = who.kid,
                                 .wall = who.wall,
                                 .secure = who.secure,
                                 .batch = who.batch});
  fx.sinfo(conn.id, std::nullopt, ticket);
  if (invite) return;
  impl_->accounts.used(step, who.kid, who.challenged, who.bound);
  if (first) impl_->presence.came(user);
  ChannelSink sink = impl_->sink(step, &conn);
  impl_->channels.connected(now, conn.id, user, sink);
  impl_->messages.connected(step, conn);
  impl_->presence.tick(step);
}

void Core::gone(Now now, ConnId id, Effects& fx) {
  const Step step{now, fx};
  impl_->wall = now.wall;
  Conn* conn = impl_->conns.find(id);
  if (conn == nullptr) return;
  const UserId user = conn->user;
  const bool invite = user == invite_user();
  if (!invite) {
    // Of one that was replaced that is done, and what its key has now is its successor's.
    if (impl_->conns.of_credential(conn->kid) == conn) impl_->messages.disconnected(step, *conn);
    ChannelSink sink = impl_->sink(step);
    impl_->channels.disconnected(now, id, sink);
  }
  impl_->conns.remove(id);
  impl_->keys_wanted.erase(id);
  impl_->presence.gone(id);
  if (!invite && !impl_->conns.online(user)) impl_->presence.went(user);
  impl_->presence.tick(step);
}

void Core::committed(Now now, Ticket upto, Effects& fx) {
  impl_->wall = now.wall;
  ChannelSink sink = impl_->sink({now, fx});
  impl_->channels.committed(now, upto, sink);
}

void Core::offline_page(Now now, ConnId id, OfflinePage page, Effects& fx) {
  if (Conn* conn = impl_->conns.find(id); conn != nullptr && !conn->closing) {
    impl_->messages.page({now, fx}, *conn, page);
  }
}

void Core::reached(Now now, ConnId id, std::uint64_t token, Effects& fx) {
  if (const Conn* conn = impl_->conns.find(id))
    impl_->messages.reached({now, fx}, conn->user, token);
}

void Core::behind(Now now, ConnId id, Effects& fx) {
  if (Conn* conn = impl_->conns.find(id)) Step{now, fx}.behind(*conn);
}

void Core::drained(Now now, ConnId id, Effects& fx) {
  const Step step{now, fx};
  impl_->wall = now.wall;
  Conn* conn = impl_->conns.find(id);
  if (conn == nullptr || conn->closing) return;
  conn->behind = false;
  conn->seldom().bulk = 0;
  conn->seldom().bulk_after = {};
  impl_->answer_held(step, *conn);
  if (conn->closing || conn->behind) return;
  impl_->messages.drained(step, *conn);
  impl_->presence.drained(id);
  impl_->presence.tick(step);
}

Tick Core::next_deadline() const {
  Tick at = impl_->next_expiry_check;
  for (const auto& other : {impl_->messages.next_deadline(), impl_->presence.next_deadline(),
                            impl_->channels.next_deadline()}) {
    if (other) at = std::min(at, *other);
  }
  return at;
}

void Core::tick(Now now, Effects& fx) {
  const Step step{now, fx};
  impl_->wall = now.wall;
  impl_->messages.tick(step);
  impl_->presence.tick(step);
  ChannelSink sink = impl_->sink(step);
  if (const auto at = impl_->channels.next_deadline(); at && *at <= now.tick)
    impl_->channels.tick(now, sink);
  if (now.tick >= impl_->next_expiry_check) impl_->expire(step);
}

void Core::shutdown(Now now, std::uint64_t retry_s, Effects& fx) {
  const Step step{now, fx};
  impl_->messages.settle_all(step);
  impl_->conns.for_each([&](Conn& conn) {
    if (conn.closing) return;
    conn.closing = true;
    fx.close(conn.id, DcnnCode::shutdown, "The server stops or restarts; connect again.", retry_s,
             {});
  });
}

std::vector<Account> Core::accounts() const {
  std::vector<Account> out;
  for (const auto& [id, a] : impl_->accounts.all()) out.push_back(a);
  return out;
}

std::vector<Credential> Core::credentials(std::string_view account) const {
  if (account.empty()) return impl_->accounts.credentials_of(nullptr);
  const auto id = UserId::parse(account);
  return id ? impl_->accounts.credentials_of(&*id) : std::vector<Credential>{};
}

const Channels& Core::channels() const { return impl_->channels; }
bool Core::online(const UserId& user) const { return impl_->here(user); }

Counts Core::counts() const {
  Counts n;
  for (const auto& [id, a] : impl_->accounts.all())
    n.accounts += a.state == AccountState::removed ? 0 : 1;
  n.connections = impl_->conns.size();
  n.users_online = impl_->conns.users();
  n.offline_messages = impl_->messages.kept();
  n.channels = impl_->channels.size();
  return n;
}

const Received& Core::received() const { return impl_->received; }

std::size_t Core::send_queue_max(ConnId conn) const {
  return impl_->channels.attached_channels(conn) > 0 ? limits::kSendQueueReplicaBytes
                                                     : limits::kSendQueueHardBytes;
}

void Core::check_invariants() const {
  impl_->messages.check_invariants();
  impl_->channels.check_invariants();
}

// ---- Impl ---------------------------------------------------------------------------------

bool Core::Impl::here(const UserId& user) const {
  return std::ranges::any_of(conns.of(user),
                             [this](ConnId id) { return !conns.find(id)->closing; });
}

void Core::Impl::end(const Step& step, Conn& conn, DcnnCode code, std::string_view sentence,
                     Ticket after) {
  if (conn.closing) return;
  conn.closing = true;
  step.fx.close(conn.id, code, sentence, std::nullopt, after);
}

void Core::Impl::end_credential(const Step& step, const Kid& kid, Ticket after) {
  conns.for_each([&](Conn& conn) {
    if (conn.kid != kid && conn.wall != kid) return;
    end(step, conn, DcnnCode::revoked,
        "This key was revoked; ask the server's operator for a new one.", after);
  });
  nonces.forget(kid);
  messages.credential_gone(step, kid);
}

void Core::Impl::expire(const Step& step) {
  next_expiry_check = step.now.tick + Seconds{1};
  for (const Kid& kid : accounts.expired(step.now.wall)) {
    const Ticket t = accounts.revoke(step, "server", "key.expire", kid);
    end_credential(step, kid, t);
  }
  if (nonces.expire(step.now.wall)) step.persist(op::DropReplays{step.now.wall});
}

}  // namespace moot::server
