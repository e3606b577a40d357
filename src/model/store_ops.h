#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "model/codes.h"
#include "model/ids.h"
#include "model/replica_ops.h"

// What the server's cores ask of the disk, and what they find there at a start: plain values that
// own their memory. The server core emits operations in order; the store applies them in that
// order, many in one transaction, and tells which ticket is on disk.
namespace moot {

// Names a point in the order of a server core's operations. On disk up to t: every operation
// handed over with a ticket <= t is.
struct Ticket {
  std::uint64_t n = 0;
  friend constexpr auto operator<=>(Ticket, Ticket) = default;
};

enum class AccountState : std::uint8_t { active, disabled, removed };
enum class CredentialKind : std::uint8_t { hmac, invite, x509_spki, x509_uri, proxy_cn, unix_uid };
enum class CredentialState : std::uint8_t { active, retiring, revoked };

template <>
struct EnumTexts<AccountState> {
  static constexpr std::array<std::string_view, 3> value{"active", "disabled", "removed"};
};
template <>
struct EnumTexts<CredentialKind> {
  static constexpr std::array<std::string_view, 6> value{"hmac",     "invite",   "x509-spki",
                                                         "x509-uri", "proxy-cn", "unix-uid"};
};
template <>
struct EnumTexts<CredentialState> {
  static constexpr std::array<std::string_view, 3> value{"active", "retiring", "revoked"};
};

// A removed account stays as a tombstone: its id is never given to anybody else.
struct Account {
  UserId id;
  std::string name;
  AccountState state = AccountState::active;
  bool away = false;
  ByteBuf keys;  // public keys for end-to-end encryption, opaque
  UnixMs created;
  UnixMs removed;
  friend bool operator==(const Account&, const Account&) = default;
};

// One way to be somebody (security.md 2.1). Revoked ones stay as tombstones. Times of 0: none.
struct Credential {
  Kid kid;
  UserId account;  // `invite` for an invitation
  CredentialKind kind = CredentialKind::hmac;
  std::string subject;  // of a wall identity; else empty
  ByteBuf sealed;       // the key under the master key; empty for wall identities
  std::uint32_t mk_id = 0;
  CredentialState state = CredentialState::active;
  std::string label;
  UnixMs created;
  UnixMs not_after;
  bool chal_pinned = false;  // has answered a challenge once: never again a CNN without
  bool cb_pinned = false;
  std::uint32_t last_used_day = 0;  // days since the unix epoch
  std::string created_by;
  UnixMs revoked_at;
  std::string revoked_by;
  Octets<32, struct DupTag> dup;  // keyed hash of the key: equal secrets cannot be enrolled twice
  // An invitation:
  std::uint32_t uses_left = 0;
  std::optional<ChannelId> channel;  // joined on enrolment
  friend bool operator==(const Credential&, const Credential&) = default;
};

// "The same invitation and the same wanted id get the same answer" (protocol.md 6.1).
struct Enrolment {
  Kid invite;
  UserId account;
  Kid kid;
  friend bool operator==(const Enrolment&, const Enrolment&) = default;
};

// A private message kept for one credential that has not acknowledged it (protocol.md 6.2).
struct OfflineCopy {
  Kid kid;           // for whom
  UserId recipient;  // of the message; the queue it counts in
  UserId author;
  MsgId msg_id;
  bool own = false;  // the author's other device: MSG with `to`, no MSG_ACK
  UnixMs stored;
  ByteBuf msg;  // plain here, sealed on disk; empty in a snapshot
  std::uint32_t msg_bytes = 0;
  Octets<8, struct ContentTag> content;  // first 8 of SHA3-256(msg): tells conflicts
  friend bool operator==(const OfflineCopy&, const OfflineCopy&) = default;
};

// Something to tell an author at his next CNN: a MSG_ACK, or ERR `expired`.
struct KeptNotice {
  std::uint64_t seq = 0;  // grows; the order of sending
  UserId author;
  MsgId msg_id;
  UserId from;  // who confirmed; for `expired` the recipient
  bool expired = false;
  friend bool operator==(const KeptNotice&, const KeptNotice&) = default;
};

// A literal CNN that was accepted (security.md R8): refused again until `until`.
struct ReplayEntry {
  Kid kid;
  std::uint64_t nonce = 0;
  UnixMs until;
  friend bool operator==(const ReplayEntry&, const ReplayEntry&) = default;
};

struct AuditEntry {
  UnixMs at;
  std::string actor;  // "uid=0 pid=12 via=socket", or "server"
  std::string action;
  std::string account;
  std::string kid;
  std::string result;
  friend bool operator==(const AuditEntry&, const AuditEntry&) = default;
};

// ---- channels (replication.md 2.1, the relay's hard state) ---------------------------------

struct ChannelMember {
  UserId user;
  Role role = Role::none;
  UnixMs joined;
  friend bool operator==(const ChannelMember&, const ChannelMember&) = default;
};

struct ChannelState {
  ChannelId id;
  std::string name;
  std::string folded;  // unique on a server
  Keeper keeper = Keeper::server;
  Visibility visibility = Visibility::public_;
  History history = History::all;
  std::string topic;
  UnixMs created;
  UserId creator;
  std::uint64_t epoch = 0;  // raised and synced before the channel is served
  friend bool operator==(const ChannelState&, const ChannelState&) = default;
};

// A committed record that the server keeps; sealed at rest.
struct KeptRecord {
  ChannelId channel;
  MsgId id;
  Digest digest;
  UserId from;
  ByteBuf msg;
  ByteBuf stamp;
  std::vector<UserId> acks;
  std::uint64_t acks_n = 0;
  ByteBuf cert;
  friend bool operator==(const KeptRecord&, const KeptRecord&) = default;
};

// A key that makes stamps; kept for ever, rotated by adding (replication.md, hole 31).
struct StampKey {
  std::uint32_t id = 0;
  KeyBytes key;
  friend bool operator==(const StampKey&, const StampKey&) = default;
};

// ---- operations ---------------------------------------------------------------------------
namespace op {

struct PutAccount {
  Account account;
};
// The account becomes a tombstone; its credentials are revoked; queue, notices and memberships go.
struct RemoveAccount {
  UserId id;
  UnixMs at;
  std::string by;
};
struct PutCredential {
  Credential credential;
};
struct UseCredential {
  Kid kid;
  std::uint32_t day = 0;
  bool chal_pinned = false;
  bool cb_pinned = false;
};
struct PutEnrolment {
  Enrolment enrolment;
};
struct DropEnrolment {  // the first CNN with the new key
  Kid kid;
};
struct PutOffline {
  OfflineCopy copy;
};
struct DropOffline {
  Kid kid;
  UserId author;
  MsgId msg_id;
};
struct PutNotice {
  KeptNotice notice;
};
// Every notice of the author up to and with `seq`.
struct DropNotices {
  UserId author;
  std::uint64_t upto = 0;
};
struct DropNotice {
  UserId author;
  std::uint64_t seq = 0;
};
struct PutReplay {
  ReplayEntry entry;
};
struct DropReplays {  // those over at `now`
  UnixMs now;
};
struct Audit {
  AuditEntry entry;
};
struct PutChannel {
  ChannelState channel;
};
struct RemoveChannel {
  ChannelId id;
};
struct PutMember {
  ChannelId channel;
  ChannelMember member;
};
struct RemoveMember {
  ChannelId channel;
  UserId user;
};
// Who may join a private channel, or whom a kick bars until he is invited again.
struct PutInvited {
  ChannelId channel;
  UserId user;
  bool invited = false;
  bool barred = false;  // neither: the row goes
};
struct PutRecord {
  KeptRecord record;
  std::vector<LeafSummary> leaves;  // of its channel's index, those that the record changed
};
struct PutStampKey {
  StampKey key;
};
struct PutClockMark {  // replication.md, hole 7
  UnixMs mark;
};

using Any = std::variant<PutAccount, RemoveAccount, PutCredential, UseCredential, PutEnrolment,
                         DropEnrolment, PutOffline, DropOffline, PutNotice, DropNotices, DropNotice,
                         PutReplay, DropReplays, Audit, PutChannel, RemoveChannel, PutMember,
                         RemoveMember, PutInvited, PutRecord, PutStampKey, PutClockMark>;

}  // namespace op

struct ChannelSnapshot {
  ChannelState channel;
  std::vector<ChannelMember> members;
  std::vector<UserId> invited;
  std::vector<UserId> barred;
};

// All that a server core holds in memory, as it stood on disk. Message bodies are not in it.
struct ServerSnapshot {
  std::vector<Account> accounts;
  std::vector<Credential> credentials;
  std::vector<Enrolment> enrolments;
  std::vector<OfflineCopy> offline;  // in the order of storing; `msg` empty
  std::vector<KeptNotice> notices;
  std::vector<ReplayEntry> replays;
  std::vector<ChannelSnapshot> channels;
  std::vector<StampKey> stamp_keys;
  UnixMs clock_mark;
};

}  // namespace moot
