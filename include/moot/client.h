#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
// told as events, in order, to whoever calls `wait` or `next`.
class Client {
 public:
  struct Options {
    std::string key_file;           // as `moot join` or `mootd key add` wrote it; mode 0600
    std::string home;               // where messages are kept; made when it is not there
    bool connect = true;            // false: only the messages that are here
    bool answer_handshakes = true;  // say "ready" to people who open a conversation
  };

  enum class State : std::uint8_t {
    queued,    // ours, on disk here
    sent,      // ours, safe on the server
    acked,     // ours, confirmed by a device of the recipient
    received,  // somebody else's
    failed,    // ours, refused for good: `error` says why
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
  // Connects now if it is waiting to.
  void hurry();

  struct Query {
    std::string peer;  // empty: everybody
    std::uint64_t after_seq = 0;
    std::uint64_t since_ms = 0;
    std::string containing;   // without regard to case
    std::size_t count = 200;  // the newest of those that match, oldest first
    bool first = false;       // the oldest of those that match instead
  };
  std::expected<std::vector<Message>, std::string> history(const Query& query) const;
  std::expected<std::optional<Message>, std::string> message(std::string_view author,
                                                             std::string_view id) const;
  struct Conversation {
    std::string peer;
    std::uint64_t unread = 0;
    std::uint64_t last_at_ms = 0;
  };
  std::expected<std::vector<Conversation>, std::string> conversations() const;
  // Reads the whole store; an error says what to do.
  std::expected<void, std::string> check_store() const;

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
