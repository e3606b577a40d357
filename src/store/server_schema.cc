#include <array>

#include "store/schema.h"

namespace moot::store {
namespace {

// Version 1: accounts, credentials, private messages, audit log. docs/store.md says what each
// column holds. Bodies stand last in their rows, so that a scan of the others does not read them.
constexpr char kStep1[] = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE account(
  id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, away INT NOT NULL,
  created INT NOT NULL, removed INT NOT NULL, keys BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE credential(
  kid BLOB PRIMARY KEY, account TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
  mk_id INT NOT NULL, state TEXT NOT NULL, label TEXT NOT NULL, created INT NOT NULL,
  not_after INT NOT NULL, chal_pinned INT NOT NULL, cb_pinned INT NOT NULL,
  last_used_day INT NOT NULL, created_by TEXT NOT NULL, revoked_at INT NOT NULL,
  revoked_by TEXT NOT NULL, dup BLOB UNIQUE, uses_left INT NOT NULL, channel BLOB,
  sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX credential_account ON credential(account);
CREATE UNIQUE INDEX credential_subject ON credential(kind, subject)
  WHERE subject <> '' AND state <> 'revoked';
CREATE TABLE enrolment(
  kid BLOB PRIMARY KEY, invite BLOB NOT NULL, account TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE offline(
  seq INTEGER PRIMARY KEY, kid BLOB NOT NULL, recipient TEXT NOT NULL, author TEXT NOT NULL,
  msg_id BLOB NOT NULL, own INT NOT NULL, stored INT NOT NULL, msg_bytes INT NOT NULL,
  content BLOB NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX offline_message ON offline(kid, author, msg_id);
CREATE INDEX offline_kid ON offline(kid);
CREATE TABLE notice(
  author TEXT NOT NULL, seq INT NOT NULL, msg_id BLOB NOT NULL, from_user TEXT NOT NULL,
  expired INT NOT NULL, PRIMARY KEY(author, seq)) WITHOUT ROWID;
CREATE TABLE replay(
  kid BLOB NOT NULL, nonce INT NOT NULL, until INT NOT NULL,
  PRIMARY KEY(kid, nonce)) WITHOUT ROWID;
CREATE TABLE audit(seq INTEGER PRIMARY KEY, line TEXT NOT NULL);
CREATE TABLE audit_checkpoint(seq INTEGER PRIMARY KEY, mac BLOB NOT NULL);
)";

// Version 2: channels, the records of those the server keeps, the keys that make stamps.
constexpr char kStep2[] = R"(
CREATE TABLE channel(
  id BLOB PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL UNIQUE, keeper TEXT NOT NULL,
  visibility TEXT NOT NULL, history TEXT NOT NULL, topic TEXT NOT NULL, created INT NOT NULL,
  creator TEXT NOT NULL, epoch INT NOT NULL) WITHOUT ROWID;
CREATE TABLE member(
  channel BLOB NOT NULL, user TEXT NOT NULL, role TEXT NOT NULL, joined INT NOT NULL,
  PRIMARY KEY(channel, user)) WITHOUT ROWID;
CREATE INDEX member_user ON member(user);
CREATE TABLE invited(
  channel BLOB NOT NULL, user TEXT NOT NULL, invited INT NOT NULL, barred INT NOT NULL,
  PRIMARY KEY(channel, user)) WITHOUT ROWID;
CREATE INDEX invited_user ON invited(user);
CREATE TABLE record(
  channel BLOB NOT NULL, id BLOB NOT NULL, digest BLOB NOT NULL, from_user TEXT NOT NULL,
  acks TEXT NOT NULL, acks_n INT NOT NULL, stamp BLOB NOT NULL, cert BLOB NOT NULL,
  body BLOB NOT NULL);
CREATE UNIQUE INDEX record_key ON record(channel, id, digest);
CREATE TABLE stamp_key(id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
)";

// Version 3: the leaves of the kept channels' indexes, so that a channel opens without its keys.
constexpr char kStep3[] = R"(
CREATE TABLE leaf(
  channel BLOB NOT NULL, lower BLOB NOT NULL, sum BLOB NOT NULL, count INT NOT NULL,
  PRIMARY KEY(channel, lower)) WITHOUT ROWID;
)";

constexpr std::array<const char*, 3> kSteps{kStep1, kStep2, kStep3};

}  // namespace

const Schema kServerSchema{
    .application_id = 0x6d6f6f53,  // "mooS"
    .steps = kSteps,
    .when_damaged = "move it away and restore the last backup.",
    .when_newer = "use the newer program again, or restore a backup made before it."};

}  // namespace moot::store
