#include <array>

#include "store/schema.h"

namespace moot::store {
namespace {

// Version 1: private messages, what was seen, contacts, drafts, settings. docs/store.md says what
// each column holds.
constexpr char kStep1[] = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE message(
  seq INTEGER PRIMARY KEY, peer TEXT NOT NULL, author TEXT NOT NULL, msg_id BLOB NOT NULL,
  at INT NOT NULL, state TEXT NOT NULL, read INT NOT NULL, error TEXT NOT NULL,
  text TEXT NOT NULL, folded TEXT NOT NULL, msg BLOB NOT NULL);
CREATE UNIQUE INDEX message_key ON message(author, msg_id);
CREATE INDEX message_peer ON message(peer);
CREATE INDEX message_outbox ON message(seq) WHERE state IN ('queued', 'sent');
CREATE INDEX message_unread ON message(peer) WHERE read = 0;
CREATE TABLE seen(
  author TEXT NOT NULL, msg_id BLOB NOT NULL, PRIMARY KEY(author, msg_id)) WITHOUT ROWID;
CREATE TABLE contact(
  id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, keys BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE draft(target TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
)";

// Version 2: channels. A channel has a small number, so that the rows of its records are short.
// Records lie in the order of arrival; the index over their keys is all that is read of them to
// compare histories, and what stands last in a row is not read with the rest.
constexpr char kStep2[] = R"(
CREATE TABLE channel(
  n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, name TEXT NOT NULL, folded TEXT NOT NULL,
  keeper TEXT NOT NULL, topic TEXT NOT NULL, replica BLOB NOT NULL, member INT NOT NULL,
  read_seq INT NOT NULL, election_seen INT NOT NULL);
CREATE TABLE record(
  seq INTEGER PRIMARY KEY, channel INT NOT NULL, key BLOB NOT NULL, author TEXT NOT NULL,
  late INT NOT NULL, acks TEXT NOT NULL, acks_n INT NOT NULL, stamp BLOB NOT NULL,
  row_check BLOB NOT NULL, cert BLOB NOT NULL, folded TEXT NOT NULL, msg BLOB NOT NULL);
CREATE UNIQUE INDEX record_key ON record(channel, key);
CREATE INDEX record_arrival ON record(channel, seq, author);
CREATE TABLE pending(
  channel INT NOT NULL, key BLOB NOT NULL, author TEXT NOT NULL, own INT NOT NULL,
  acks TEXT NOT NULL, acks_n INT NOT NULL, stamp BLOB NOT NULL, row_check BLOB NOT NULL,
  cert BLOB NOT NULL, msg BLOB NOT NULL, PRIMARY KEY(channel, key)) WITHOUT ROWID;
CREATE TABLE leaf(
  channel INT NOT NULL, lower BLOB NOT NULL, sum BLOB NOT NULL, count INT NOT NULL,
  PRIMARY KEY(channel, lower)) WITHOUT ROWID;
CREATE TABLE waiting(n INTEGER PRIMARY KEY, channel BLOB NOT NULL, msg BLOB NOT NULL);
)";

constexpr std::array<const char*, 2> kSteps{kStep1, kStep2};

}  // namespace

const Schema kClientSchema{
    .application_id = 0x6d6f6f43,  // "mooC"
    .steps = kSteps,
    .when_damaged =
        "move it away and start with a new one. The key is in a file of its own; what "
        "the server and the members of channels hold comes back, and what only this "
        "device had is lost.",
    .when_newer = "use the newer program again."};

}  // namespace moot::store
