#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// libmoot: one user's device on a moot server, for programs. It keeps its messages in a directory,
// stays connected by itself, and loses nothing: what `send` took is on disk before it leaves, and
// goes again until the other side has confirmed it.
//
//   auto client = moot::Client::open({.key_file = "ada.key", .home = "ada.moot"});
//   if (!client) return complain(client.error().sentence);
//   (*client)->send("bob", "hello");
//   while (auto event = (*client)->wait(std::chrono::hours(1))) ...
namespace moot {

// Thread rule: any thread, several at once. Work happens on threads of its own; what happened is
// told as events, in order, to whoever calls `wait` or `next`. Who does not read them stops the
// rest: from 16,384 of them on (or 32 MiB) nothing is read from the server, which may end the
// connection, and `send` and `post` refuse, until half of them were read.
class Client {
 public:
  struct Options {
    std::string key_file;           // as `moot join` or `mootd key add` wrote it; mode 0600
    std::string home;               // where messages are kept; made when it is not there
    bool connect = true;            // false: only the messages that are here
    bool answer_handshakes = true;  // say "ready" to people who open a conversation
    std::string trace_file;  // gets a line for each command to and from the server; empty: none
  };

  enum class State : std::uint8_t {
    queued,    // ours, on disk here
    sent,      // ours, safe on the server
    acked,     // ours, confirmed by a device of the recipient
    received,  // somebody else's
    failed,    // ours, refused for good: `error` says why
    // In channels only, after `queued`:
    pending,    // on its way: members have it on disk, not yet the majority
    committed,  // part of the channel's history
  };
  struct Message {
    std::string id;    // 26 characters
    std::string from;  // user ids, without "@"
    std::string to;
    std::string text;
    std::string error;
    std::uint64_t at_ms = 0;  // since the unix epoch
    State state = State::queued;
    std::uint64_t seq = 0;  // place in the store; 0 in events
  };
  struct User {
    std::string id;
    std::string name;
    std::string status;  // "online", "away", "offline"
  };

  // A channel: what this device knows of it, and how it stands there.
  struct Channel {
    std::string id;    // 26 characters
    std::string name;  // without "#"
    std::string topic;
    std::string keeper;  // "members", "server"
    std::string status;  // "healthy", "few", "electing", "server"; empty: not connected
    std::string leader;  // user id, or "server"; empty: nobody
    std::uint64_t election = 0;
    std::uint64_t min = 0;             // people who have to be online for a message to be sent
    std::vector<std::string> members;  // at most 1,000 of them
    std::vector<std::string> online;   // the same
    std::uint64_t members_n = 0;
    std::uint64_t online_n = 0;
    std::vector<std::pair<std::string, std::string>> roles;  // user and "owner" or "admin"
    bool member = false;                                     // we are
    bool invited = false;                                    // we may enter
    bool attached = false;  // this connection carries our replica of it
    bool leading = false;   // our replica leads
    bool synced = false;    // our replica has what the leader had
    std::uint64_t unread = 0;
  };
  // A message of a channel. `id` is empty while it waits for the channel to be healthy; until then
  // `draft` names it.
  struct Post {
    std::string channel;     // its name
    std::string channel_id;  // 26 characters; stays when the channel is renamed
    std::string id;
    std::uint64_t draft = 0;  // of ours: what `post` gave
    std::string from;
    std::string text;
    std::string error;  // of `failed`, and of `queued`: why it waits
    std::uint64_t at_ms = 0;
    State state = State::queued;
    std::vector<std::string> acks;  // who has it on disk, as far as known; at most 32
    std::uint64_t acks_n = 0;
    std::uint64_t need = 0;  // of `pending`: acknowledgements still missing
    bool own = false;
    bool late = false;      // arrived behind its time: stands where it belongs, marked
    bool conflict = false;  // another message has the same id: both are shown
    std::uint64_t seq = 0;  // order of arrival, of committed ones; 0 in events
  };
  struct Member {
    std::string user;
    bool online = false;
  };

  struct Event {
    enum class Kind : std::uint8_t {
      connecting,
      connected,
      caught_up,     // the server has answered everything said so far on a new connection
      disconnected,  // `text` says why; tries again in `retry_in`
      stopped,       // `text` says why; does not try again
      message,       // `message` is new here: received, or ours
      state,         // `message.id` has got `message.state`; `text`: why it still waits, or failed
      renumbered,    // `message.id` goes as `text` from now on
      presence,      // `user` came, went or changed
      removed,       // `user` has no account any more
      users,         // `users`, one page; the last one has `last`
      ready,         // `user` is there and ready to talk
      asked,         // `user` opened a conversation with us
      away,          // `user` is not connected: what is sent waits for them
      silent,        // `user` is connected but nobody answers
      done,          // of `request`; `text` says why not, empty when it is done
      notice,        // `text`
      channel,       // `channel` is new or has changed
      left,          // `channel` is ours no more; `text`: "left", "kicked", "removed"
      channels,      // of `request`: `channels`, one page; the last one has `last`
      members,       // of `request`: `members`, one page
      post,          // `post` is new, or has changed its state; by id, or `draft` when it had none
      acks,          // `post` was committed before, and more have acknowledged it
      election,      // in `channel`: `user` asks for votes
      leader,        // in `channel`: who leads has changed
      sync,          // in `channel`: `records` pulled so far, of `differences`; 0: of nobody knows
                     // how many
      synced,        // in `channel`: everything the leader had is here
      store_failed,  // `text`; nothing works any more
    };
    Kind kind = Kind::notice;
    std::string text;
    Message message;
    User user;
    std::vector<User> users;
    bool last = false;
    bool refused = false;  // disconnected, stopped: the server will not have us as we are
    std::uint64_t request = 0;
    std::chrono::milliseconds retry_in{0};
    Channel channel;
    Post post;
    std::vector<Channel> channels;
    std::vector<Member> members;
    std::uint64_t records = 0;
    std::uint64_t differences = 0;
  };

  struct Failure {
    std::string sentence;
    bool in_use = false;  // another process has `home`
  };
  static std::expected<std::unique_ptr<Client>, Failure> open(Options options);
  // Says good-bye, waits until everything is on disk.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The next event, or nothing when there was none in time.
  std::optional<Event> wait(std::chrono::milliseconds time);
  std::optional<Event> next() { return wait(std::chrono::milliseconds(0)); }
  // Readable while there are events: for programs with an event loop of their own.
  int event_fd() const;

  // Takes a message and gives its id, or says what is wrong with it. `request` comes back in the
  // message's first event.
  std::expected<std::string, std::string> send(std::string_view to, std::string_view text,
                                               std::uint64_t request = 0);
  // Answered by `users`; by `done` when refused.
  void list_users(std::uint64_t request);
  // Answered by `done`.
  void set_name(std::uint64_t request, std::string_view name);
  void set_away(std::uint64_t request, bool away);
  // Opens a conversation; answered by `ready`, `away` or `silent`.
  void greet(std::string_view user);
  void mark_read(std::string_view user, std::uint64_t upto_seq);
  // ---- channels; every name with or without "#", or the id of a channel of ours ----
  // What this device knows by itself.
  std::vector<Channel> my_channels() const;
  // This connection carries our replica of the channel from now on: we count as online there, get
  // its messages and can send. Empty: of every channel of ours, also those to come.
  std::expected<void, std::string> attach(std::string_view channel);
  // Takes a message for the channel and gives its draft number. It goes when the channel is
  // healthy and attached; until then it waits on this disk.
  std::expected<std::uint64_t, std::string> post(std::string_view channel, std::string_view text);
  struct NewChannel {
    std::string name;
    std::string keeper;  // "members", "server"; empty: as the server is configured
    bool private_ = false;
    bool since_join = false;  // who comes sees nothing from before
  };
  // The following are answered by `done`; the lists before by their pages.
  void list_channels(std::uint64_t request);
  void list_members(std::uint64_t request, std::string_view channel);
  void create(std::uint64_t request, const NewChannel& channel);
  void enter(std::uint64_t request, std::string_view channel);
  void leave(std::uint64_t request, std::string_view channel);
  void invite(std::uint64_t request, std::string_view channel, std::string_view user);
  void kick(std::uint64_t request, std::string_view channel, std::string_view user);
  struct Changes {
    std::optional<std::string> name;
    std::optional<std::string> topic;
    std::vector<std::pair<std::string, std::string>> roles;  // "owner", "admin", "none"
  };
  void set(std::uint64_t request, std::string_view channel, const Changes& changes);
  // Compares with the leader now and pulls what is missing: `sync`, `synced`, `done`. Attaches.
  void pull(std::uint64_t request, std::string_view channel);
  // At most what is here: what comes later is unread.
  void mark_channel_read(std::string_view channel, std::uint64_t upto_seq);

  // Connects now if it is waiting to.
  void hurry();

  struct Query {
    std::string peer;  // empty: everybody
    std::uint64_t after_seq = 0;
    std::uint64_t before_seq = 0;  // 0: up to the newest
    std::uint64_t since_ms = 0;
    std::string containing;   // without regard to case
    std::size_t count = 200;  // the newest of those that match, oldest first
    bool first = false;       // the oldest of those that match instead
  };
  std::expected<std::vector<Message>, std::string> history(const Query& query) const;
  std::expected<std::optional<Message>, std::string> message(std::string_view author,
                                                             std::string_view id) const;
  struct PostQuery {
    std::string channel;
    std::string from_id;   // from this place in the history on; empty: the beginning
    std::string below_id;  // before this place; empty: the end
    std::uint64_t since_ms = 0;
    std::string containing;  // without regard to case
    std::size_t count = 200;
    enum class Order : std::uint8_t {
      newest,   // the newest that match, in the order of the history
      oldest,   // the oldest that match, in the same order
      arrival,  // as they came, of those that came after `after_seq`; of all channels if none is
                // named
    } order = Order::newest;
    std::uint64_t after_seq = 0;
  };
  // Committed messages on this disk.
  std::expected<std::vector<Post>, std::string> posts(const PostQuery& query) const;
  // Ours and others' that are not committed, as far as they are known here; then what waits.
  std::vector<Post> pending_posts(std::string_view channel) const;
  struct Verified {
    std::uint64_t count = 0;
    std::string fingerprint;  // hex
  };
  // Told every now and then by what takes long, on the thread that asked for it: so many records
  // of so many (0 of 0: not by records). False: it ends, as an error.
  using Progress = std::function<bool(std::uint64_t records, std::uint64_t all)>;
  // Reads every record of the channel on this disk and proves digests and index. The comparison
  // with the leader is `pull`. Nobody else waits for it.
  std::expected<Verified, std::string> verify(std::string_view channel,
                                              const Progress& progress = {}) const;
  struct Conversation {
    std::string peer;
    std::uint64_t unread = 0;
    std::uint64_t last_at_ms = 0;
  };
  std::expected<std::vector<Conversation>, std::string> conversations() const;
  // Reads the whole store; an error says what to do. Nobody else waits for it.
  std::expected<void, std::string> check_store(const Progress& progress = {}) const;

  struct Status {
    std::string account;
    std::string label;
    std::string server;
    std::string address;
    bool connected = false;
    std::string sentence;  // why not
    std::size_t unconfirmed = 0;
    std::int64_t clock_offset_ms = 0;  // the server's clock less ours
  };
  Status status() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What an invitation gives: the text of a key file, to be kept like the key to a house.
struct Joined {
  std::string account;
  std::string key_file;
};
// Blocks until the server answered or could not be reached. `user` empty: none is wanted and it is
// an error.
std::expected<Joined, std::string> join(std::string_view link, std::string_view user,
                                        std::string_view name, std::string_view label);

}  // namespace moot
