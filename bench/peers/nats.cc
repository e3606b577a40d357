// The client protocol of NATS: one subject a user, one for all.
#include <charconv>

#include "bench/peers/peer.h"

namespace moot::bench {
namespace {

class Nats : public Peer {
 public:
  Nats(Names& names, std::size_t index) : names_(names), index_(index) {}

  void hello(std::string& out) override {
    out += "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\nSUB " +
           subject(index_) + " 1\r\nPING\r\n";
  }

  std::size_t hear(std::string_view in, std::string& out, Heard& heard) override {
    return each_line(in, [&](std::string_view line, std::size_t behind) {
      std::optional<std::size_t> payload(0);
      if (line.starts_with("MSG ")) {
        std::size_t size = 0;
        const auto digits = line.substr(line.rfind(' ') + 1);
        std::from_chars(digits.data(), digits.data() + digits.size(), size);
        payload = size + 2;
        if (*payload > behind) return std::optional<std::size_t>();
        ++heard.delivered;
      } else if (line.starts_with("PING")) {
        out += "PONG\r\n";
      } else if (line.starts_with("PONG")) {
        ++heard.ready;
      } else if (line.starts_with("-ERR")) {
        heard.failed = true;
        heard.why = line;
      }
      return payload;
    });
  }

  void join(std::string& out, bool receives) override {
    if (receives) out += "SUB " + names_.prefix + ".all 2\r\n";
    out += "PING\r\n";
  }
  void say(std::string& out, std::size_t to, std::string_view body) override {
    publish(out, subject(to), body);
  }
  void say_to_all(std::string& out, std::string_view body) override {
    publish(out, names_.prefix + ".all", body);
  }

 private:
  std::string subject(std::size_t i) const { return names_.prefix + ".u" + std::to_string(i); }
  static void publish(std::string& out, const std::string& subject, std::string_view body) {
    out.append("PUB ").append(subject).append(" ").append(std::to_string(body.size()));
    out.append("\r\n").append(body).append("\r\n");
  }

  Names& names_;
  std::size_t index_;
};

}  // namespace

std::unique_ptr<Peer> make_nats_peer(Names& names, std::size_t index) {
  return std::make_unique<Nats>(names, index);
}

}  // namespace moot::bench
