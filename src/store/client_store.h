#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/client_ops.h"
#include "store/client_faults.h"
#include "store/group_commit.h"

namespace moot::store {

struct ClientStoreOptions {
  std::string dir;  // made with mode 0700 when it is not there
  GroupCommit::Bounds bounds;
  const char* vfs = nullptr;
};

struct Conversation {
  UserId peer;
  std::uint64_t unread = 0;
  std::uint64_t last_seq = 0;
  UnixMs last_at;
  friend bool operator==(const Conversation&, const Conversation&) = default;
};

// Which messages, always oldest first.
struct HistoryQuery {
  std::optional<UserId> peer;
  std::uint64_t after_seq = 0;   // exclusive
  std::uint64_t before_seq = 0;  // exclusive; 0: no end
  UnixMs since;                  // by the time of the message
  std::string folded;            // only texts that hold this; empty: all
  std::size_t rows_max = 200;    // the newest of those that match
  bool oldest = false;           // the oldest of those that match instead: page by page
};

// Which committed messages of channels.
struct ChannelQuery {
  enum class Order : std::uint8_t {
    newest,   // the newest that match, ascending by key
    oldest,   // the oldest that match, ascending by key
    arrival,  // after `after_seq`, ascending by seq
  };
  std::optional<ChannelId> channel;  // none, with `arrival` and `folded` only: all
  std::optional<RecordKey> from;     // inclusive
  std::optional<RecordKey> below;    // exclusive
  std::uint64_t after_seq = 0;
  UnixMs since;
  std::string folded;  // only texts that hold this; empty: all
  std::size_t rows_max = 200;
  Order order = Order::newest;
};
struct ChannelUnread {
  ChannelId channel;
  std::uint64_t unread = 0;    // not written by `self`
  std::uint64_t last_seq = 0;  // 0: nothing is here
  friend bool operator==(const ChannelUnread&, const ChannelUnread&) = default;
};

// The client's disk: private messages, outbox, what was seen, contacts, drafts, settings, in one
// SQLite file (docs/store.md). One process owns a directory, see try_lock in files.h.
// Thread rule: `submit` from one thread; the rest from any thread but the store's own.
class ClientStore {
 public:
  static Result<std::unique_ptr<ClientStore>> open(ClientStoreOptions options, StoreHooks hooks);
  ~ClientStore();  // commits what was submitted

  Result<ClientSnapshot> load();

  // Blocks while `bounds.queue_ops_max` operations wait.
  void submit(Ticket ticket, std::vector<cop::Any> ops);

  // These wait for the store's thread and see everything submitted before.
  Result<std::vector<PrivateMessage>> history(HistoryQuery query);
  Result<std::optional<PrivateMessage>> message(UserId author, MsgId msg_id);
  Result<std::vector<Conversation>> conversations();
  Result<std::vector<CommittedMessage>> channel_history(ChannelQuery query);
  Result<std::vector<ChannelUnread>> channel_unread(UserId self);
  // A look at every page and every record of channels, through a connection of its own: commits and
  // reads go on meanwhile. `go_on` is asked every now and then; false ends it, as an error.
  Status check(const std::function<bool()>& go_on = {});
  // What was lost of channels when this store had to be mended at its opening.
  const std::optional<ChannelFaults>& mended() const;

 private:
  struct Parts;
  explicit ClientStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace moot::store
