#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/admin_wire.h"
#include "net/hub.h"
#include "net/long_work.h"

namespace moot::net {

class TlsIdentity;

// Where people reach the server through one of its listeners: goes into key files and invitations.
struct PublicAddress {
  std::string address;      // "127.0.0.1:7667", "unix:/run/moot/wall"
  std::string tls = "off";  // as in a key file
  Door door = Door::tcp;
  session::Auth auth = session::Auth::key;
};
// Of a listener that is, or will be, at `where`.
PublicAddress public_address(const ServerOptions& options, const ListenOptions& listener,
                             const std::string& where, const TlsIdentity* tls);
// The first at which a key is asked for; where there is none, the first.
const PublicAddress& key_address(std::span<const PublicAddress> where);
// An error, saying what to do, for an address that nobody can connect to: 0.0.0.0.
Status reachable(const PublicAddress& where);

// The options of `user add` and `key add` that say whom a wall vouches for, instead of a new key.
struct WallOption {
  const char* name;
  const char* meaning;  // for people
  CredentialKind kind;
  Door door;  // through which such people come
};
std::span<const WallOption> wall_options();

// What `mootd doctor` asks a running server besides: what became of its fronts.
inline constexpr std::string_view kAskFronts = "fronts";
// What `mootd backup` says once it has copied the store to `file`: a line for the audit log. A
// server in the sandbox of its unit could not write where the operator may.
inline constexpr std::string_view kBackupMade = "backup made";

// What is known only where connections are served.
struct Serving {
  std::function<std::vector<AdminReply::Key>()> fronts;    // what became of them since the start
  std::function<std::vector<AdminReply::Key>()> findings;  // of the process that serves
};

// What a command came to. `after`: answer once that is on disk.
struct AdminResult {
  AdminReply reply;
  Ticket after;
  // A command that takes as long as the disk does comes to nothing yet: `work` is to be done first,
  // on any thread, and `then` makes the result of it, on the hub's.
  LongWork::Work work;
  std::function<AdminResult(Hub& hub, const Status& worked)> then;
};

// Carries out an operator's command: behind the admin socket of a running server, or on the store
// of a stopped one. The same code for both (interface.md "mootd").
// `actor` goes into the audit log; `serving`: of a server that runs. On the store of a stopped one,
// which has none, nothing is left to do afterwards.
// `where`: one for each listener, in their order.
AdminResult administer(Hub& hub, const ServerOptions& options, std::span<const PublicAddress> where,
                       std::string_view actor, const Serving* serving, const AdminRequest& request);

// "7d", "24h", "30m", "10s", "500ms".
Result<Millis> parse_duration(std::string_view text);

}  // namespace moot::net
