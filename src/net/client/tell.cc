#include "net/client/tell.h"

namespace moot::net {
namespace {

namespace ev = client::ev;
using Kind = Client::Event::Kind;

Client::State state_of(MessageState s) {
  switch (s) {
    case MessageState::queued:
      return Client::State::queued;
    case MessageState::sent:
      return Client::State::sent;
    case MessageState::acked:
      return Client::State::acked;
    case MessageState::received:
      return Client::State::received;
    case MessageState::failed:
      break;
  }
  return Client::State::failed;
}

Client::User user_of(const Contact& c) {
  return {std::string(c.id.str()), c.name, std::string(text(c.status))};
}

struct Teller {
  const UserId& self;

  Client::Event operator()(const ev::Connection& c) const {
    Client::Event e;
    switch (c.state) {
      case ev::Connection::State::connecting:
        e.kind = Kind::connecting;
        break;
      case ev::Connection::State::open:
        e.kind = Kind::connected;
        break;
      case ev::Connection::State::waiting:
        e.kind = Kind::disconnected;
        break;
      case ev::Connection::State::stopped:
        e.kind = Kind::stopped;
        break;
    }
    e.text = c.sentence;
    e.retry_in = c.retry_in;
    e.refused = c.refused;
    return e;
  }
  Client::Event operator()(const ev::Message& m) const {
    Client::Event e;
    e.kind = Kind::message;
    e.message = tell(m.message, self);
    e.request = m.request.n;
    return e;
  }
  Client::Event operator()(const ev::State& s) const {
    Client::Event e;
    e.kind = Kind::state;
    e.message.id = text(s.id);
    e.message.from = s.author.str();
    e.message.to = s.peer.str();
    e.message.state = state_of(s.state);
    e.text = s.error;
    return e;
  }
  Client::Event operator()(const ev::Renumbered& r) const {
    Client::Event e;
    e.kind = Kind::renumbered;
    e.message.id = text(r.from);
    e.message.from = self.str();
    e.message.to = r.peer.str();
    e.text = text(r.to);
    return e;
  }
  Client::Event operator()(const ev::Presence& p) const {
    Client::Event e;
    e.kind = p.change == ev::Presence::Change::removed ? Kind::removed : Kind::presence;
    e.user = user_of(p.contact);
    if (p.change == ev::Presence::Change::came) e.text = "came";
    if (p.change == ev::Presence::Change::went) e.text = "went";
    return e;
  }
  Client::Event operator()(const ev::Users& u) const {
    Client::Event e;
    e.kind = Kind::users;
    e.request = u.request.n;
    e.last = u.last;
    for (const Contact& c : u.page) e.users.push_back(user_of(c));
    return e;
  }
  Client::Event operator()(const ev::Handshake& h) const {
    Client::Event e;
    switch (h.kind) {
      case ev::Handshake::Kind::ready:
        e.kind = Kind::ready;
        break;
      case ev::Handshake::Kind::asked:
        e.kind = Kind::asked;
        break;
      case ev::Handshake::Kind::away:
        e.kind = Kind::away;
        break;
      case ev::Handshake::Kind::silent:
        e.kind = Kind::silent;
        break;
    }
    e.user.id = h.peer.str();
    e.user.name = h.name;
    return e;
  }
  Client::Event operator()(const ev::Done& d) const {
    Client::Event e;
    e.kind = Kind::done;
    e.request = d.request.n;
    e.text = d.error;
    return e;
  }
  Client::Event operator()(const ev::CaughtUp&) const {
    Client::Event e;
    e.kind = Kind::caught_up;
    return e;
  }
  Client::Event operator()(const ev::Notice& n) const {
    Client::Event e;
    e.text = n.sentence;
    return e;
  }

  // ---- channels ----
  static Client::Event of(Kind kind, const client::ChannelState& state) {
    Client::Event e;
    e.kind = kind;
    e.channel = tell(state);
    return e;
  }
  static Client::Event of(Kind kind, const KnownChannel& known) {
    Client::Event e;
    e.kind = kind;
    e.channel.id = text(known.id);
    e.channel.name = known.name;
    return e;
  }
  Client::Event operator()(const ev::ChannelChanged& c) const { return of(Kind::channel, c.state); }
  Client::Event operator()(const ev::ChannelLeft& c) const {
    Client::Event e = of(Kind::left, c.state);
    e.text = c.reason;
    return e;
  }
  Client::Event operator()(const ev::ChannelPage& p) const {
    Client::Event e;
    e.kind = Kind::channels;
    e.request = p.request.n;
    e.last = p.last;
    for (const client::ChannelState& s : p.page) e.channels.push_back(tell(s));
    return e;
  }
  Client::Event operator()(const ev::MemberPage& p) const {
    Client::Event e;
    e.kind = Kind::members;
    e.request = p.request.n;
    e.last = p.last;
    for (const MemberEntry& m : p.page) e.members.push_back({std::string(m.id.str()), m.online});
    return e;
  }
  Client::Event operator()(const ev::Post& p) const {
    Client::Event e;
    e.kind = p.again ? Kind::acks : Kind::post;
    e.post = tell(p, self);
    return e;
  }
  Client::Event operator()(const ev::Standing& s) const {
    Client::Event e = of(Kind::election, s.state);
    e.user.id = s.candidate.str();
    return e;
  }
  Client::Event operator()(const ev::LeaderChanged& l) const { return of(Kind::leader, l.state); }
  Client::Event operator()(const ev::SyncProgress& s) const {
    Client::Event e = of(Kind::sync, s.channel);
    e.records = s.records;
    e.differences = s.differences;
    return e;
  }
  Client::Event operator()(const ev::Synced& s) const { return of(Kind::synced, s.channel); }
};

}  // namespace

Client::Message tell(const PrivateMessage& m, const UserId& self) {
  Client::Message out;
  out.id = text(m.msg_id);
  out.from = m.author.str();
  out.to = m.author == self ? std::string(m.peer.str()) : std::string(self.str());
  out.text = m.text;
  out.error = m.error;
  out.at_ms = m.at.ms;
  out.state = state_of(m.state);
  out.seq = m.seq;
  return out;
}

Client::Event tell(const client::Event& event, const UserId& self) {
  return std::visit(Teller{self}, event);
}

}  // namespace moot::net
