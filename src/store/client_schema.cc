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

constexpr std::array<const char*, 1> kSteps{kStep1};

}  // namespace

const Schema kClientSchema{.application_id = 0x6d6f6f43, .steps = kSteps};  // "mooC"

}  // namespace moot::store
