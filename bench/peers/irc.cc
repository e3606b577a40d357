// IRC as a client without extensions speaks it (RFC 1459, RFC 2812).
#include "bench/peers/peer.h"

namespace moot::bench {
namespace {

class Irc : public Peer {
 public:
  Irc(Names& names, std::size_t index) : names_(names), index_(index) {}

  void hello(std::string& out) override {
    const std::string nick = name(index_);
    out += "NICK " + nick + "\r\nUSER " + nick + " 0 * :" + nick + "\r\n";
  }

  std::size_t hear(std::string_view in, std::string& out, Heard& heard) override {
    return each_line(in, [&](std::string_view text, std::size_t) {
      line(text, out, heard);
      return std::optional<std::size_t>(0);
    });
  }

  void join(std::string& out, bool) override { out += "JOIN " + room() + "\r\n"; }
  void say(std::string& out, std::size_t to, std::string_view body) override {
    out.append("PRIVMSG ").append(name(to)).append(" :").append(body).append("\r\n");
  }
  void say_to_all(std::string& out, std::string_view body) override {
    out.append("PRIVMSG ").append(room()).append(" :").append(body).append("\r\n");
  }

 private:
  std::string name(std::size_t i) const { return names_.prefix + std::to_string(i); }
  std::string room() const { return "#" + names_.prefix; }

  void line(std::string_view text, std::string& out, Heard& heard) {
    if (text.starts_with("PING")) {
      out.append("PONG").append(text.substr(4)).append("\n");
      return;
    }
    if (text.starts_with("ERROR")) {
      heard.failed = true;
      heard.why = text;
      return;
    }
    const auto blank = text.find(' ');
    if (blank == std::string_view::npos) return;
    const std::string_view word = text.substr(blank + 1, text.find(' ', blank + 1) - blank - 1);
    if (word == "PRIVMSG") {
      ++heard.delivered;
    } else if (word == "376" || word == "422" || word == "366") {  // end of MOTD, none, of NAMES
      ++heard.ready;
    } else if (word.size() == 3 && (word[0] == '4' || word[0] == '5')) {
      heard.failed = true;
      heard.why = text;
    }
  }

  Names& names_;
  std::size_t index_;
};

}  // namespace

std::unique_ptr<Peer> make_irc_peer(Names& names, std::size_t index) {
  return std::make_unique<Irc>(names, index);
}

}  // namespace moot::bench
