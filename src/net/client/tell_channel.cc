#include "client/content.h"
#include "net/client/tell.h"

namespace moot::net {
namespace {

std::vector<std::string> names(std::span<const UserId> users) {
  std::vector<std::string> out;
  out.reserve(users.size());
  for (const UserId& user : users) out.emplace_back(user.str());
  return out;
}

Client::State state_of(client::ev::Post::State s) {
  switch (s) {
    case client::ev::Post::State::waiting:
      return Client::State::queued;
    case client::ev::Post::State::pending:
      return Client::State::pending;
    case client::ev::Post::State::committed:
      return Client::State::committed;
    case client::ev::Post::State::failed:
      break;
  }
  return Client::State::failed;
}

}  // namespace

Client::Channel tell(const client::ChannelState& state) {
  Client::Channel c;
  c.id = text(state.known.id);
  c.name = state.known.name;
  c.topic = state.known.topic;
  c.keeper = text(state.known.keeper);
  if (state.status) c.status = text(*state.status);
  if (state.leader) c.leader = state.leader->str();
  c.election = state.election;
  c.min = state.min;
  c.members = names(state.members);
  c.online = names(state.online);
  c.members_n = state.members_n;
  c.online_n = state.online_n;
  for (const auto& [user, role] : state.roles)
    c.roles.emplace_back(std::string(user.str()), std::string(text(role)));
  c.member = state.known.member;
  c.invited = state.invited;
  c.attached = state.attached;
  c.leading = state.leading;
  c.synced = state.synced;
  return c;
}

Client::Post tell(const client::ev::Post& post, const UserId& self) {
  Client::Post p;
  p.channel = post.channel.name;
  p.channel_id = text(post.channel.id);
  if (post.key) p.id = text(post.key->id);
  p.draft = post.draft;
  p.from = post.from.str();
  if (!post.msg.empty()) p.text = client::shown(client::read_content(post.msg));
  p.error = post.why;
  p.at_ms = post.at.ms;
  p.state = state_of(post.state);
  p.acks = names(post.acks);
  p.acks_n = post.acks_n;
  p.need = post.need;
  p.own = post.from == self;
  p.late = post.late;
  p.conflict = post.conflict;
  return p;
}

Client::Post tell(const CommittedMessage& m, std::string_view channel, const UserId& self) {
  Client::Post p;
  p.channel = channel;
  p.channel_id = text(m.channel);
  p.id = text(m.record.id);
  p.from = m.record.from.str();
  p.text = client::shown(client::read_content(m.record.msg));
  p.at_ms = m.record.id.time().ms;
  p.state = Client::State::committed;
  p.acks = names(m.record.acks.list);
  p.acks_n = m.record.acks.n;
  p.own = m.record.from == self;
  p.late = m.late;
  p.seq = m.seq;
  return p;
}

}  // namespace moot::net
