// XMPP with an anonymous login (RFC 6120, XEP-0175) and a room (XEP-0045).
#include "bench/peers/peer.h"

namespace moot::bench {
namespace {

class Xmpp : public Peer {
 public:
  Xmpp(Names& names, std::size_t index) : names_(names), index_(index) {}

  void hello(std::string& out) override {
    out +=
        "<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
  }

  std::size_t hear(std::string_view in, std::string& out, Heard& heard) override {
    std::size_t taken = 0;
    while (taken < in.size()) {
      const std::size_t n = unit(in.substr(taken), out, heard);
      if (n == 0) break;
      taken += n;
    }
    return taken;
  }

  void join(std::string& out, bool) override {
    out += "<presence to='" + room() + "/n" + std::to_string(index_) +
           "'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>";
  }
  void say(std::string& out, std::size_t to, std::string_view body) override {
    out.append("<message to='").append(names_.address[to]).append("' type='chat'><body>");
    out.append(body).append("</body></message>");
  }
  void say_to_all(std::string& out, std::string_view body) override {
    out.append("<message to='").append(room()).append("' type='groupchat'><body>");
    out.append(body).append("</body></message>");
  }

 private:
  enum class State { features, auth, bind_features, bind, open };

  std::string room() const { return names_.prefix + "@conference.localhost"; }

  // One element at the front, or what lies before it; 0 when it is not whole yet.
  std::size_t unit(std::string_view in, std::string& out, Heard& heard) {
    if (state_ == State::features || state_ == State::bind_features) {
      constexpr std::string_view kEnd = "</stream:features>";
      const auto end = in.find(kEnd);
      if (end == std::string_view::npos) return 0;
      if (state_ == State::features) {
        out += "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>";
        state_ = State::auth;
      } else {
        out += "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
        state_ = State::bind;
      }
      return end + kEnd.size();
    }
    const auto name_end = in.find_first_of(" />\n", 1);
    const auto close = in.find('>');
    if (in[0] != '<') return 1;
    if (name_end == std::string_view::npos || close == std::string_view::npos) return 0;
    const std::string name(in.substr(1, name_end - 1));
    std::size_t size = close + 1;
    if (in[close - 1] != '/') {
      const std::string end = "</" + name + ">";
      const auto at = in.find(end);
      if (at == std::string_view::npos) return 0;
      size = at + end.size();
    }
    element(name, in.substr(0, size), out, heard);
    return size;
  }

  void element(const std::string& name, std::string_view whole, std::string& out, Heard& heard) {
    if (state_ == State::auth) {
      if (name != "success") return fail(heard, whole);
      hello(out);
      state_ = State::bind_features;
    } else if (state_ == State::bind) {
      const auto jid = whole.find("<jid>");
      if (jid == std::string_view::npos) return fail(heard, whole);
      if (names_.address.size() <= index_) names_.address.resize(index_ + 1);
      names_.address[index_] = whole.substr(jid + 5, whole.find("</jid>") - jid - 5);
      out += "<presence/>";
      state_ = State::open;
      ++heard.ready;
    } else if (whole.find("type='error'") != std::string_view::npos) {
      fail(heard, whole);
    } else if (name == "message") {
      if (whole.find("<body") != std::string_view::npos) ++heard.delivered;
    } else if (name == "presence") {
      if (whole.find("'110'") != std::string_view::npos) ++heard.ready;  // one's own, in the room
    }
  }

  static void fail(Heard& heard, std::string_view whole) {
    heard.failed = true;
    heard.why = whole;
  }

  Names& names_;
  std::size_t index_;
  State state_ = State::features;
};

}  // namespace

std::unique_ptr<Peer> make_xmpp_peer(Names& names, std::size_t index) {
  return std::make_unique<Xmpp>(names, index);
}

}  // namespace moot::bench
