#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "model/codes.h"
#include "model/ids.h"
#include "model/replica_ops.h"
#include "model/store_ops.h"

// What the client's core asks of its disk, and what it finds there at a start: plain values, as in
// store_ops.h. Applied in order, many in one transaction; a Ticket tells what is on disk.
namespace moot {

// queued: not yet safe at the server. sent: a barrier after it was answered, no MSG_ACK yet.
// acked: the recipient confirmed.
// received: somebody else's. failed: refused for good, `error` says why.
enum class MessageState : std::uint8_t { queued, sent, acked, received, failed };
template <>
struct EnumTexts<MessageState> {
  static constexpr std::array<std::string_view, 5> value{"queued", "sent", "acked", "received",
                                                         "failed"};
};

// A private message as this device knows it. Its key is (author, msg_id): a second one with the
// same key is the same message (protocol.md 6.2).
struct PrivateMessage {
  std::uint64_t seq = 0;  // place in the order of storing; given by the store
  UserId peer;            // the other one, whoever wrote it
  UserId author;
  MsgId msg_id;
  ByteBuf msg;         // as on the wire
  std::string text;    // what a person reads and searches
  std::string folded;  // `text` case-folded, for the search
  UnixMs at;
  MessageState state = MessageState::queued;
  bool read = false;
  std::string error;
  friend bool operator==(const PrivateMessage&, const PrivateMessage&) = default;
};

struct Contact {
  UserId id;
  std::string name;
  UserStatus status = UserStatus::offline;
  ByteBuf keys;
  friend bool operator==(const Contact&, const Contact&) = default;
};

struct Draft {
  std::string target;  // "@ada", "#ops"
  std::string text;
  friend bool operator==(const Draft&, const Draft&) = default;
};

// A small named value: settings, the offset of the server's clock.
struct MetaValue {
  std::string key;
  std::string value;
  friend bool operator==(const MetaValue&, const MetaValue&) = default;
};

// ---- channels (protocol.md 6.3, replication.md 2.4) --------------------------------------------

// A channel of which this device has a replica: whether it is a member still or not.
struct KnownChannel {
  ChannelId id;
  std::string name;    // as CH_STATUS said last
  std::string folded;  // `name` case-folded: unique among the channels of a server
  Keeper keeper = Keeper::members;
  std::string topic;
  ReplicaId replica;           // made with the row; another one only after DCNN `replaced`
  bool member = true;          // false: left, kicked, removed; what is here stays readable
  std::uint64_t read_seq = 0;  // everything that arrived up to here has been read
  friend bool operator==(const KnownChannel&, const KnownChannel&) = default;
};

// What somebody wrote while it could not be sent: without an id until it is composed.
struct WaitingText {
  std::uint64_t n = 0;  // grows; also the order of sending
  ChannelId channel;
  ByteBuf msg;  // as it will be on the wire
  friend bool operator==(const WaitingText&, const WaitingText&) = default;
};

struct StoredChannel {
  KnownChannel channel;
  ReplicaSnapshot replica;
};

// A committed record as this device has it. `seq`: place in the order of arrival over all channels;
// its place in the history is its key.
struct CommittedMessage {
  std::uint64_t seq = 0;
  ChannelId channel;
  bool late = false;  // arrived well behind its time: shown with a mark
  StoredRecord record;
  friend bool operator==(const CommittedMessage&, const CommittedMessage&) = default;
};

namespace cop {

// A repeated key (author, msg_id) changes nothing.
struct PutMessage {
  PrivateMessage message;
};
// Only forwards: queued, sent, acked; `failed` ends any but acked.
struct SetState {
  UserId author;
  MsgId msg_id;
  MessageState state = MessageState::sent;
  std::string error;
};
// A message that no server took yet goes under another id; its place stays.
struct Renumber {
  UserId author;
  MsgId from;
  MsgId to;
};
// Every message of the peer up to and with `seq` has been read.
struct MarkRead {
  UserId peer;
  std::uint64_t upto = 0;
};
struct PutContact {
  Contact contact;
};
struct DropContact {
  UserId id;
};
struct PutDraft {  // an empty text: the draft goes
  Draft draft;
};
struct PutMeta {
  MetaValue value;
};
// What was seen before `before` is forgotten; later than any id may still come (limits::kIdAgeMax
// plus limits::kOfflineAge).
struct ForgetSeen {
  UnixMs before;
};
// New, or the same id with other values; `read_seq` only grows.
struct PutChannel {
  KnownChannel channel;
};
struct MarkChannelRead {
  ChannelId channel;
  std::uint64_t upto = 0;
};
// What a replica asked for, all or nothing, in its order. REQUIRES: the channel was put.
struct ReplicaOps {
  struct Op {
    rop::Any op;
    std::string folded;  // of PutCommitted: the text case-folded, for the search
    bool late = false;   // of PutCommitted; known only when it is put first
  };
  ChannelId channel;
  std::vector<Op> ops;
};
struct PutWaiting {
  WaitingText text;
};
struct DropWaiting {
  std::uint64_t n = 0;
};

using Any = std::variant<PutMessage, SetState, Renumber, MarkRead, PutContact, DropContact,
                         PutDraft, PutMeta, ForgetSeen, PutChannel, MarkChannelRead, ReplicaOps,
                         PutWaiting, DropWaiting>;

}  // namespace cop

// One received message, for telling duplicates.
struct SeenId {
  UserId author;
  MsgId msg_id;
  friend bool operator==(const SeenId&, const SeenId&) = default;
  friend auto operator<=>(const SeenId&, const SeenId&) = default;
};

// All that a client core holds in memory. Of messages only the outbox, of channels what a replica
// needs to begin.
struct ClientSnapshot {
  std::vector<PrivateMessage> outbox;  // queued and sent, in the order of storing
  std::vector<SeenId> seen;
  std::vector<Contact> contacts;
  std::vector<Draft> drafts;
  std::vector<MetaValue> meta;
  std::vector<StoredChannel> channels;  // by id
  std::vector<WaitingText> waiting;     // by n
};

}  // namespace moot
