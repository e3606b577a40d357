#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the load needs of somebody else's protocol: one object a connection, octets in and out.
// Each knows just the commands that a plain client sends for this work.
namespace moot::bench {

// What a connection heard in the octets it was given.
struct Heard {
  unsigned ready = 0;      // logged in; later: joined
  unsigned delivered = 0;  // messages of others
  bool failed = false;     // the server refused something: `why` says what
  std::string why;
};

// The names of one run: a second run on the same server must not meet the first one's.
struct Names {
  std::string prefix;
  std::vector<std::string> address;  // by index, where the server chooses it (XMPP)
};

class Peer {
 public:
  virtual ~Peer() = default;
  // What a client says first; the server may have greeted or not.
  virtual void hello(std::string& out) = 0;
  // Takes the whole units at the front of `in`; how many octets that was.
  virtual std::size_t hear(std::string_view in, std::string& out, Heard& heard) = 0;
  virtual void join(std::string& out, bool receives) = 0;
  virtual void say(std::string& out, std::size_t to, std::string_view body) = 0;
  virtual void say_to_all(std::string& out, std::string_view body) = 0;
};

// Calls `line(text, behind)` for every whole line, `behind` octets of `in` lie behind it; it says
// how many of those belong to it as well, or nothing when they are not all there. How many were
// taken.
template <class Line>
std::size_t each_line(std::string_view in, const Line& line) {
  std::size_t taken = 0;
  for (auto end = in.find('\n'); end != std::string_view::npos; end = in.find('\n', taken)) {
    const std::optional<std::size_t> more =
        line(in.substr(taken, end - taken), in.size() - end - 1);
    if (!more) break;
    taken = end + 1 + *more;
  }
  return taken;
}

using MakePeer = std::function<std::unique_ptr<Peer>(Names& names, std::size_t index)>;

std::unique_ptr<Peer> make_relay_peer(Names& names, std::size_t index);
std::unique_ptr<Peer> make_irc_peer(Names& names, std::size_t index);
std::unique_ptr<Peer> make_nats_peer(Names& names, std::size_t index);
std::unique_ptr<Peer> make_mqtt_peer(Names& names, std::size_t index, int qos);
std::unique_ptr<Peer> make_xmpp_peer(Names& names, std::size_t index);

}  // namespace moot::bench
