#include "net/admin.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <ctime>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "base/counted.h"
#include "base/hex.h"
#include "crypto/wipe.h"
#include "net/admin_lists.h"
#include "net/backup_age.h"
#include "net/listener.h"
#include "net/transport.h"

namespace moot::net {
namespace {

struct Context {
  Hub& hub;
  const ServerOptions& options;
  std::span<const PublicAddress> all;  // where people reach it, a place a listener
  const PublicAddress& where = key_address(all);
  std::string_view actor;
  const Serving* serving;  // null: nobody is connected
  const AdminRequest& request;

  server::Core& core() const { return hub.core(); }
  Now now() const { return hub.now(); }
  FanOut& fx() const { return hub.effects(); }
};

AdminResult replied(AdminReply reply, Ticket after = {}) {
  AdminResult result;
  result.reply = std::move(reply);
  result.after = after;
  return result;
}
AdminResult printed(std::string out) { return replied({0, std::move(out), {}, {}}); }
AdminResult failed(const Error& e) { return replied(AdminReply::failure(e.message)); }
AdminResult failed(std::string sentence) {
  return replied(AdminReply::failure(std::move(sentence)));
}

AdminResult done(const Result<server::Core::Done>& result, std::string out) {
  if (!result) return failed(result.error());
  return replied({0, std::move(out), result->note, {}}, result->after);
}

// Adds what a key file holds.
AdminResult with_key(AdminResult result, const Context& c, const server::MadeKey& key,
                     std::string_view account, std::string_view label) {
  if (result.reply.code != 0) return result;
  result.reply.keys = {{{"account", std::string(account)},
                        {"kid", text(key.kid)},
                        {"key", hex(key.key.bytes())},
                        {"srv", c.options.name},
                        {"address", c.where.address},
                        {"tls", c.where.tls},
                        {"label", std::string(label)}}};
  return result;
}

// ---- walls --------------------------------------------------------------------------------

constexpr WallOption kWallOptions[] = {
    {"x509-spki", "no key: the SHA-256 of a certificate's public key, 64 hex digits",
     CredentialKind::x509_spki, Door::tls},
    {"x509-uri", "no key: the URI in a certificate, moot:account/NAME", CredentialKind::x509_uri,
     Door::tls},
    {"proxy-cn", "no key: the CN that a front tells", CredentialKind::proxy_cn, Door::proxy},
    {"unix-uid", "no key: the number of a user of this machine", CredentialKind::unix_uid,
     Door::local},
};

const WallOption* wall_option(const AdminRequest& request) {
  for (const WallOption& o : kWallOptions) {
    if (request.has(o.name)) return &o;
  }
  return nullptr;
}

// The first listener that asks for such an identity; preferred is one that asks for nothing else.
const PublicAddress* wall_address(const Context& c, Door door) {
  const PublicAddress* found = nullptr;
  for (const PublicAddress& at : c.all) {
    if (at.door != door || at.auth == session::Auth::key) continue;
    if (at.auth == session::Auth::wall) return &at;
    if (found == nullptr) found = &at;
  }
  return found;
}

// A record of somebody whom a wall vouches for, of a new account or of one there is. The answer
// holds what the person's client has to be told; beside a key there is nothing to tell.
AdminResult add_wall(const Context& c, const WallOption& option, bool new_account) {
  const PublicAddress* at = wall_address(c, option.door);
  if (at == nullptr) {
    return failed("No listener of this server takes a " + std::string(text(option.kind)) +
                  "; add a [[listen]] block with auth = \"wall\" for it first.");
  }
  const std::string id = c.request.arg("name");
  const std::string label = c.request.arg("label");
  const WallIdentity identity{option.kind, c.request.arg(option.name)};
  Kid kid;
  seal::random_bytes(kid.octets);
  auto result =
      done(new_account ? c.core().user_add_wall(c.now(), c.actor, id, c.request.arg("nick"), label,
                                                identity, kid, c.fx())
                       : c.core().key_add_wall(c.now(), c.actor, id, label, identity, kid, c.fx()),
           {});
  if (result.reply.code != 0) return result;
  result.reply.keys = {{{"account", id},
                        {"kid", text(kid)},
                        {"wall", at->auth == session::Auth::wall ? "alone" : "beside a key"},
                        {"srv", c.options.name},
                        {"address", at->address},
                        {"tls", at->tls},
                        {"label", label}}};
  if (at->auth == session::Auth::wall && option.door != Door::local) {
    result.reply.note = option.door == Door::proxy
                            ? "The file needs the front's address and `tls`, and `cert` and "
                              "`cert_key` of the person's certificate."
                            : "The file needs `cert` and `cert_key` of the person's certificate.";
  }
  return result;
}

AdminResult user_add(const Context& c) {
  if (const WallOption* o = wall_option(c.request)) return add_wall(c, *o, true);
  const std::string id = c.request.arg("name");
  const auto user = UserId::parse(id);
  server::MadeKey key = c.hub.make_key(user.value_or(UserId{}), CredentialKind::hmac);
  auto result = done(c.core().user_add(c.now(), c.actor, id, c.request.arg("nick"),
                                       c.request.arg("label"), key, c.fx()),
                     {});
  result = with_key(std::move(result), c, key, id, c.request.arg("label"));
  wipe(key.key.octets.data(), key.key.octets.size());
  return result;
}

AdminResult user_state(const Context& c, AccountState to, std::string_view word) {
  const std::string id = c.request.arg("name");
  return done(c.core().user_set_state(c.now(), c.actor, id, to, c.fx()),
              std::string(word) + " @" + id + "\n");
}

AdminResult key_add(const Context& c) {
  if (const WallOption* o = wall_option(c.request)) return add_wall(c, *o, false);
  const std::string id = c.request.arg("name");
  const auto user = UserId::parse(id);
  server::MadeKey key = c.hub.make_key(user.value_or(UserId{}), CredentialKind::hmac);
  auto result =
      done(c.core().key_add(c.now(), c.actor, id, c.request.arg("label"), key, c.fx()), {});
  result = with_key(std::move(result), c, key, id, c.request.arg("label"));
  wipe(key.key.octets.data(), key.key.octets.size());
  return result;
}

AdminResult rotate_one(const Context& c, const Credential& old, Millis overlap) {
  server::MadeKey key = c.hub.make_key(old.account, CredentialKind::hmac);
  auto result = done(c.core().key_rotate(c.now(), c.actor, old.kid, overlap, key, c.fx()), {});
  result = with_key(std::move(result), c, key, old.account.str(), old.label);
  wipe(key.key.octets.data(), key.key.octets.size());
  if (!result.reply.keys.empty()) result.reply.keys.front()["replaces"] = text(old.kid);
  return result;
}

// Every key of everybody, or of one account. What cannot be rotated (an account that is disabled,
// no room for one more key) is named, and the rest goes on. Without an overlap no older key works
// afterwards: what was retiring ends as well.
AdminResult rotate_all(const Context& c, Millis overlap) {
  AdminResult all;
  std::size_t left = 0;
  for (const Credential& old : c.core().credentials(c.request.arg("all"))) {
    AdminResult one;
    if (old.kind != CredentialKind::hmac || old.state == CredentialState::revoked) continue;
    if (old.state == CredentialState::active) {
      one = rotate_one(c, old, overlap);
    } else if (overlap.count() <= 0) {
      one = done(c.core().key_revoke(c.now(), c.actor, old.kid, c.fx()), {});
    }
    if (one.reply.code != 0) {
      ++left;
      all.reply.note += one.reply.note + "\n";
    }
    for (AdminReply::Key& key : one.reply.keys) all.reply.keys.push_back(std::move(key));
    all.after = std::max(all.after, one.after);
  }
  if (all.reply.keys.empty() && left == 0) {
    return failed("There is no key to rotate; `mootd key list` shows all.");
  }
  if (left > 0) {
    all.reply.code = 1;
    all.reply.note += (left == 1 ? "1 key was" : std::to_string(left) + " keys were") +
                      " not rotated: revoke what is named above, or mend it and rotate again.";
  }
  return all;
}

AdminResult key_rotate(const Context& c) {
  const auto overlap = parse_duration(c.request.has("overlap") ? c.request.arg("overlap") : "7d");
  if (!overlap) return failed(overlap.error());
  if (c.request.has("all")) return rotate_all(c, *overlap);
  Credential old;
  const auto kid = parse_kid(c.request.arg("kid"));
  if (!kid) return failed("A kid has 16 hex digits; `mootd key list` shows them.");
  old.kid = *kid;
  for (Credential& cred : c.core().credentials({})) {
    if (cred.kid == *kid) old = std::move(cred);
  }
  return rotate_one(c, old, *overlap);
}

AdminResult key_revoke(const Context& c) {
  if (c.request.has("all")) {
    return done(c.core().key_revoke_all(c.now(), c.actor, c.request.arg("all"), c.fx()),
                "revoked every key of @" + c.request.arg("all") + "\n");
  }
  // Several are one command: none is revoked when one of them is no kid.
  std::vector<Kid> kids;
  std::istringstream words(c.request.arg("kid"));
  for (std::string word; words >> word;) {
    const auto kid = parse_kid(word);
    if (!kid) return failed("A kid has 16 hex digits; `mootd key list` shows them.");
    kids.push_back(*kid);
  }
  if (kids.empty()) return failed("Name a key, or --all NAME; `mootd key list` shows them.");
  AdminResult all;
  for (const Kid& kid : kids) {
    AdminResult one =
        done(c.core().key_revoke(c.now(), c.actor, kid, c.fx()), "revoked " + text(kid) + "\n");
    all.reply.out += one.reply.out;
    all.after = std::max(all.after, one.after);
    if (one.reply.code != 0) {
      all.reply.code = one.reply.code;
      all.reply.note = one.reply.note;
      return all;
    }
  }
  return all;
}

AdminResult invite(const Context& c) {
  const auto expires = parse_duration(c.request.has("expires") ? c.request.arg("expires") : "24h");
  if (!expires) return failed(expires.error());
  std::uint32_t uses = 1;
  if (c.request.has("uses")) {
    const std::string n = c.request.arg("uses");
    const auto [end, ec] = std::from_chars(n.data(), n.data() + n.size(), uses);
    if (ec != std::errc{} || end != n.data() + n.size() || uses == 0) {
      return failed("--uses takes a number from 1 on.");
    }
  }
  std::string channel = c.request.arg("channel");
  if (channel.starts_with('#')) channel.erase(0, 1);
  server::MadeKey key = c.hub.make_key(invite_user(), CredentialKind::invite);
  auto result = done(c.core().invite(c.now(), c.actor, uses, *expires, channel, key, c.fx()), {});
  result = with_key(std::move(result), c, key, "invite", {});
  wipe(key.key.octets.data(), key.key.octets.size());
  return result;
}

std::optional<ChannelReport> find_channel(const Context& c) {
  std::string name = c.request.arg("channel");
  if (name.starts_with('#')) name.erase(0, 1);
  const auto id = c.core().channels().find(name);
  return id ? c.core().channels().report(*id) : std::nullopt;
}

AdminResult channel_show(const Context& c) {
  const auto report = find_channel(c);
  if (!report) {
    return failed("There is no channel " + c.request.arg("channel") +
                  "; `mootd channel list` shows them.");
  }
  return printed(show_channel(*report, c.request.has("json")));
}

AdminResult channel_role(const Context& c) {
  std::string name = c.request.arg("channel");
  if (name.starts_with('#')) name.erase(0, 1);
  std::string user = c.request.arg("user");
  if (user.starts_with('@')) user.erase(0, 1);
  const auto role = parse_enum<Role>(c.request.arg("role"));
  if (!role) return failed("A role is owner, admin or none.");
  return done(c.core().channel_role(c.now(), c.actor, name, user, *role, c.fx()),
              "#" + name + ": @" + user + " is " + std::string(text(*role)) + "\n");
}

AdminResult channel_remove(const Context& c) {
  std::string name = c.request.arg("channel");
  if (name.starts_with('#')) name.erase(0, 1);
  return done(c.core().channel_remove(c.now(), c.actor, name, c.fx()), "removed #" + name + "\n");
}

AdminResult said(const Status& ok, std::string out) {
  if (!ok) return failed(ok.error());
  return printed(std::move(out));
}

AdminResult audit(Hub& hub, std::string_view actor, std::string_view action, AdminResult result) {
  if (result.reply.code == 0) {
    result.after = hub.effects().persist(op::Audit{{.at = hub.now().wall,
                                                    .actor = std::string(actor),
                                                    .action = std::string(action),
                                                    .account = {},
                                                    .kid = {},
                                                    .result = "done"}});
  }
  return result;
}

AdminResult master_rotate(const Context& c) {
  return audit(c.hub, c.actor, "master.rotate",
               said(c.hub.store().master_rotate(), "rotated the master key; back it up apart\n"));
}

AdminResult backup_made(const Context& c) {
  return audit(c.hub, c.actor, "backup",
               printed("wrote " + c.request.arg("file") +
                       "; it needs the master key, which is not in it\n"));
}

AdminResult audit_verify(const Context& c) {
  const auto lines = std::make_shared<std::uint64_t>(0);
  AdminResult result;
  result.work = [&store = c.hub.store(), lines](const std::atomic<bool>&) -> Status {
    const auto report = store.audit_verify();
    if (!report) return std::unexpected(report.error());
    if (!report->trouble.empty()) return fail(report->trouble);
    *lines = report->lines;
    return {};
  };
  result.then = [lines](Hub&, const Status& worked) {
    return said(worked, "audit log whole, " + counted(*lines, "line") + "\n");
  };
  return result;
}

// What `mootd doctor` asks about the store.
AdminResult doctor(const Context& c) {
  const auto backup = std::make_shared<AdminReply::Key>();
  AdminResult result;
  result.work = [&store = c.hub.store(), now = c.now().wall, backup](const std::atomic<bool>&) {
    *backup = backup_finding(store, now);
    return store.check();
  };
  result.then = [backup, serving = c.serving](Hub&, const Status& worked) {
    std::vector<AdminReply::Key> all;
    if (serving != nullptr) all = serving->findings();
    if (!worked) return replied({1, {}, worked.error().message, std::move(all)});
    all.push_back(finding("store", "good", "every seal opens"));
    all.push_back(*backup);
    return replied({0, {}, {}, std::move(all)});
  };
  return result;
}

AdminResult fronts(const Context& c) {
  if (c.serving == nullptr) return failed("No server runs that fronts could connect to; start it.");
  return replied({0, {}, {}, c.serving->fronts()});
}

AdminResult carry_out(const Context& c) {
  const bool json = c.request.has("json");
  using Handler = AdminResult (*)(const Context&);
  static const std::map<std::string_view, Handler> kHandlers{
      {"user add", user_add},
      {"user disable",
       [](const Context& x) { return user_state(x, AccountState::disabled, "disabled"); }},
      {"user enable",
       [](const Context& x) { return user_state(x, AccountState::active, "enabled"); }},
      {"user remove",
       [](const Context& x) { return user_state(x, AccountState::removed, "removed"); }},
      {"key add", key_add},
      {"key rotate", key_rotate},
      {"key revoke", key_revoke},
      {"invite", invite},
      {"channel show", channel_show},
      {"channel role", channel_role},
      {"channel remove", channel_remove},
      {"master rotate", master_rotate},
      {kBackupMade, backup_made},
      {"audit verify", audit_verify},
      {"doctor", doctor},
      {kAskFronts, fronts},
  };
  if (c.request.command == "user list") return printed(list_users(c.core(), json));
  if (c.request.command == "key list") {
    return printed(list_keys(c.core(), c.now().wall, c.request.arg("name"), json));
  }
  if (c.request.command == "channel list") return printed(list_channels(c.core(), json));
  if (c.request.command == "status") {
    return printed(show_status(c.core(), c.options, c.where, c.serving != nullptr, json));
  }
  static const std::set<std::string_view> kMakeKeys{"user add", "key add", "key rotate", "invite"};
  if (kMakeKeys.contains(c.request.command) && wall_option(c.request) == nullptr) {
    if (const Status ok = reachable(c.where); !ok) return failed(ok.error());
  }
  const auto it = kHandlers.find(c.request.command);
  if (it == kHandlers.end()) {
    return failed("This mootd does not know `" + c.request.command +
                  "`; `mootd --help` lists all.");
  }
  return it->second(c);
}

}  // namespace

AdminResult administer(Hub& hub, const ServerOptions& options, std::span<const PublicAddress> where,
                       std::string_view actor, const Serving* serving,
                       const AdminRequest& request) {
  try {
    AdminResult result = carry_out({.hub = hub,
                                    .options = options,
                                    .all = where,
                                    .actor = actor,
                                    .serving = serving,
                                    .request = request});
    if (serving != nullptr || !result.work) return result;
    const std::atomic<bool> never{false};
    return result.then(hub, result.work(never));
  } catch (const store::ReadFailed& e) {
    hub.failed(e.error());
    return failed(e.error().message);
  }
}

std::span<const WallOption> wall_options() { return kWallOptions; }

PublicAddress public_address(const ServerOptions& options, const ListenOptions& listener,
                             const std::string& where, const TlsIdentity* tls) {
  PublicAddress at{where, "off", listener.door, listener.rules.auth};
  if (listener.door == Door::local) {
    at.address = local_address_text(where);
  } else if (listener.door == Door::proxy) {
    // Where people reach the front nobody knows here, but that they need TLS.
    at.address = options.live.public_address.empty() ? "FRONT:PORT" : options.live.public_address;
    at.tls = "system";
  } else if (!options.live.public_address.empty()) {
    at.address = options.live.public_address;
  }
  if (tls != nullptr) at.tls = "pin:" + tls->pin();
  return at;
}

const PublicAddress& key_address(std::span<const PublicAddress> where) {
  MOOT_CHECK(!where.empty());
  const auto it = std::ranges::find_if(
      where, [](const PublicAddress& at) { return at.auth != session::Auth::wall; });
  return it == where.end() ? where.front() : *it;
}

Status reachable(const PublicAddress& where) {
  const auto at = parse_endpoint(where.address);
  const Address everywhere{.octets = {}, .v6 = at && at->address.v6};
  if (!at || at->address != everywhere) return {};
  return fail(
      "The first listener is at " + where.address +
      ", which nobody can connect to: set `public_address` to the host and port that people "
      "reach this server at.");
}

Result<Millis> parse_duration(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::uint64_t ms = 0;
  if (unit == "ms") ms = 1;
  if (unit == "s") ms = 1000;
  if (unit == "m") ms = 60'000;
  if (unit == "h") ms = 3'600'000;
  if (unit == "d") ms = 86'400'000;
  constexpr std::uint64_t kMost = 100ull * 366 * 86'400'000;
  if (ec != std::errc{} || (ms == 0 && !(n == 0 && unit.empty())) || (ms > 0 && n > kMost / ms)) {
    return fail("'" + std::string(text) + "' is no duration; write one like 30s, 24h or 7d.");
  }
  return Millis{static_cast<std::int64_t>(n * ms)};
}

}  // namespace moot::net
