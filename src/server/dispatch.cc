#include <algorithm>
#include <type_traits>
#include <variant>

#include "base/check.h"
#include "base/utf8.h"
#include "server/core_impl.h"
#include "wire/commands.h"

// From a frame to whoever handles its command.
namespace moot::server {
namespace {

using Rate = RateMeter::Class;

template <class T>
constexpr Rate rate_class() {
  if constexpr (std::same_as<T, c::LstUsr> || std::same_as<T, c::ChLst> ||
                std::same_as<T, c::ChMembers>) {
    return Rate::list;
  } else if constexpr (std::same_as<T, c::CnnUsr>) {
    return Rate::handshake;
  } else {
    return Rate::plain;
  }
}

// What goes to another client with the server's additions has to fit into a frame and the profile
// then too, or a member could end a leader's connection (protocol.md 6.3).
constexpr std::size_t kAddedOctetsMax = 128;  // `user`, `sid`, `since`

template <class Records>
std::size_t nodes_of(const Records& records) {
  std::size_t nodes = 0;
  for (const auto& record : records) nodes += 1 + 2 * 8 + record.acks.size();
  return nodes;
}
std::size_t nodes_of(const std::optional<Ranges>& ranges) {
  std::size_t nodes = 0;
  if (!ranges) return nodes;
  for (const Range& range : *ranges) {
    nodes += 4 + (range.mode == Range::Mode::fingerprint ? 2 : range.list.size());
  }
  return nodes;
}
bool may_be_passed_on(const c::Any& any, std::size_t octets, std::size_t frame_bytes_max) {
  std::size_t nodes = 0;
  bool alone = false;  // one record may be more than a page
  if (const auto* pull = std::get_if<c::ChPull>(&any)) {
    nodes = nodes_of(pull->ranges);
  } else if (const auto* page = std::get_if<c::ChAppend>(&any)) {
    nodes = nodes_of(page->messages) + nodes_of(page->ranges);
    alone = page->messages.size() == 1;
  } else if (const auto* merge = std::get_if<c::ChMerge>(&any)) {
    nodes = nodes_of(merge->msg);
    alone = merge->msg.size() == 1;
  } else {
    return true;
  }
  const std::size_t room = alone ? kAddedOctetsMax : limits::kPageBytesSlack;
  return octets + room <= frame_bytes_max && nodes <= limits::kPageNodesMax;
}

constexpr std::string_view kNameTaken = "That user id is taken or was; choose another one.";
constexpr std::string_view kUsedUp = "The invitation is used up or over; ask for a new one.";

// Before ENROL nobody is anybody: an invitation's connection takes nothing else.
template <class T>
inline constexpr bool kForInvite = std::same_as<T, c::Enrol> || std::same_as<T, c::Info> ||
                                   std::same_as<T, c::Kalive> || std::same_as<T, c::Dcnn>;

// Whose answers are bulk (protocol.md 10).
template <class T>
inline constexpr bool kAsksForBulk = std::same_as<T, c::ChPull> || std::same_as<T, c::LstUsr> ||
                                     std::same_as<T, c::ChLst> || std::same_as<T, c::ChMembers>;
bool is_bulk(const s::Any& cmd) {
  return std::holds_alternative<s::ChAppend>(cmd) || std::holds_alternative<s::LstCh>(cmd) ||
         std::holds_alternative<s::ChMembers>(cmd);
}

template <class T>
inline constexpr bool kOfChannels =
    requires(Channels ch, const T& cmd, ChannelEffects& fx) { ch.step(Now{}, ConnId{}, cmd, fx); };

}  // namespace

void ChannelSink::send_after(Ticket after, Conns to, const s::Any& cmd) {
  if (Causes::concerned(cmd)) {
    for (const ConnId id : to) {
      if (Conn* conn = conns_.find(id)) conn->causes.sent(cmd);
    }
  }
  step_.fx.send(to, cmd, after);
  charge_fan_out(to, cmd);
  if (is_bulk(cmd)) {
    for (const ConnId id : to) {
      if (Conn* conn = conns_.find(id)) step_.count_bulk(*conn, cmd, after);
    }
  }
  // The next barrier of this connection is not past what it is still to hear.
  if (conn_ != nullptr && std::ranges::binary_search(to, conn_->id))
    conn_->barrier = std::max(conn_->barrier, after);
}

// Who says something pays for its copies. A leader who proposes what others said, and who merges,
// does what the channel needs of him, and is charged for what he sends alone.
void ChannelSink::charge_fan_out(Conns to, const s::Any& cmd) {
  const auto* msg = std::get_if<s::ChMsg>(&cmd);
  if (msg == nullptr || ref_ == nullptr || ref_->cmd != c::ChMsg::kTable.name) return;
  if (msg->from != conn_->user) return;
  conn_->meter.fan_out(step_.now.tick, rates_, to.size(), msg->msg.size());
}

Ticket ChannelSink::persist(op::Any op) {
  const Ticket t = step_.persist(std::move(op));
  // What a command of this connection made durable, its next barrier waits for.
  if (conn_ != nullptr) conn_->barrier = t;
  return t;
}

void ChannelSink::disconnect(ConnId conn, DcnnCode code, std::string_view sentence) {
  Conn* c = conns_.find(conn);
  if (c == nullptr || c->closing) return;
  c->closing = true;
  step_.fx.close(conn, code, sentence, std::nullopt, {});
}

void ChannelSink::refused_candidate(ConnId conn) {
  if (Conn* c = conns_.find(conn)) c->meter.refused_candidate(step_.now.tick, rates_);
}

void ChannelSink::err(ConnId, Errc code, std::string_view sentence, const ErrDetail& detail) {
  if (conn_ == nullptr || ref_ == nullptr) return;  // nobody asked
  if (detail.channel) conn_->causes.refused(*detail.channel);
  senseless_ = senseless_ || code == Errc::bad_payload;
  step_.err(*conn_, *ref_, code, sentence, detail);
}

void Core::frame(Now now, const Incoming& in, Effects& fx) {
  const Step step{now, fx};
  impl_->wall = now.wall;
  Conn* conn = impl_->conns.find(in.conn);
  if (conn == nullptr || conn->closing) return;
  impl_->arena.reset();
  impl_->decode(step, *conn, {in.nonce, in.cmd, std::nullopt}, in.payload, in.octets);
  // `decode` may have decided the connection's end, never removed it.
  if (conn->closing) return;
  if (const auto until = conn->meter.pause_until(now.tick, impl_->config.rates)) {
    if (conn->meter.starved(now.tick)) {
      impl_->end(step, *conn, DcnnCode::limit,
                 "More was sent than the rates allow for 60 s; slow down and connect again.");
    } else {
      fx.pause(in.conn, *until);
    }
  }
  impl_->presence.tick(step);
}

void Core::Impl::decode(const Step& step, Conn& conn, const Ref& ref, Bytes map,
                        std::size_t octets) {
  const auto cmd = wire::decode_client(ref.cmd, map, arena);
  if (!ref.index) ++received[cmd ? cmd->index() : received.size() - 1];
  if (!cmd) {
    conn.meter.charge(step.now.tick, config.rates, Rate::plain, 1, octets);
    senseless(step, conn, ref, cmd.error().code, wire::explain(cmd.error(), ref.cmd));
    return;
  }
  if (!may_be_passed_on(*cmd, map.size(), config.channels.frame_bytes_max)) {
    conn.meter.charge(step.now.tick, config.rates, Rate::plain, 1, octets);
    senseless(step, conn, ref, Errc::bad_payload,
              "The page leaves no room for what the server adds; close it 1,024 octets before "
              "`max_frame` and at 12,000 nodes.");
    return;
  }
  charge(step, conn, *cmd, octets);
  if (!held_back(step, conn, ref, *cmd, map)) command(step, conn, ref, *cmd, octets);
}

void Core::Impl::charge(const Step& step, Conn& conn, const c::Any& any, std::size_t octets) {
  std::visit(
      [&]<class T>(const T& cmd) {
        if constexpr (requires { conn.causes.weigh(cmd); }) {
          const Causes::Cost cost = conn.causes.weigh(cmd);
          if (cost.weight > 0) {
            conn.meter.charge(step.now.tick, config.rates, cost.what, cost.weight,
                              cost.weight * octets);
          }
        } else if constexpr (!std::same_as<T, c::Batch>) {
          conn.meter.charge(step.now.tick, config.rates, rate_class<T>(), 1, octets);
        }
      },
      any);
}

bool Core::Impl::held_back(const Step& step, Conn& conn, const Ref& ref, const c::Any& any,
                           Bytes map) {
  const bool others_wait = conn.holds_questions();
  if (!conn.behind && !others_wait) return false;
  return std::visit(
      [&]<class T>(const T&) {
        if (!kAsksForBulk<T> && !(std::same_as<T, c::Info> && others_wait)) return false;
        auto& held = conn.seldom().held;
        if (!held) held.emplace();
        if (!held->put({ref.nonce, T::kTable.name, ref.index, {map.begin(), map.end()}})) {
          end(step, conn, DcnnCode::sendq,
              "Too much was asked for at once; connect again and wait for answers.");
        }
        return true;
      },
      any);
}

void Core::Impl::answer_held(const Step& step, Conn& conn) {
  while (conn.holds_questions() && !conn.behind && !conn.closing) {
    auto& held = conn.seldom().held;
    const HeldQuestions::Question q = held->take();
    if (held->empty()) held.reset();
    arena.reset();
    const auto cmd = wire::decode_client(q.cmd, q.map, arena);
    MOOT_CHECK(cmd.has_value());  // it was, when it came
    command(step, conn, {q.nonce, q.cmd, q.index}, *cmd, q.map.size());
  }
}

void Core::Impl::senseless(const Step& step, Conn& conn, const Ref& ref, Errc code,
                           std::string_view sentence) {
  step.err(conn, ref, code, sentence);
  count_senseless(step, conn);
}

void Core::Impl::count_senseless(const Step& step, Conn& conn) {
  Conn::Seldom& of = conn.seldom();
  if (of.senseless == 0 || step.now.tick - of.senseless_since > std::chrono::minutes{1}) {
    of.senseless_since = step.now.tick;
    of.senseless = 0;
  }
  if (++of.senseless >= limits::kSenselessPerMinuteMax) {
    end(step, conn, DcnnCode::proto, "Too many commands made no sense; mend the client.");
  }
}

void Core::Impl::command(const Step& step, Conn& conn, const Ref& ref, const c::Any& any,
                         std::size_t octets) {
  std::visit(
      [&]<class T>(const T& cmd) {
        if (conn.user == invite_user() && !kForInvite<T> && !std::same_as<T, c::Batch>) {
          step.err(conn, ref, Errc::not_allowed,
                   "An invitation only enrols: send ENROL, then connect with the new key.");
          return;
        }
        if constexpr (requires { cmd.seen; }) {
          if (cmd.seen) step.fx.seen(conn.id, *cmd.seen);
        }
        if constexpr (kOfChannels<T>) {
          ChannelSink effects = sink(step, &conn, &ref);
          channels.step(step.now, conn.id, cmd, effects);
          if (effects.senseless()) count_senseless(step, conn);
        } else if constexpr (std::same_as<T, c::Batch>) {
          batch(step, conn, ref, cmd, octets);
        } else if constexpr (std::same_as<T, c::Kalive>) {
          // Its arrival was all it had to say.
        } else if constexpr (std::same_as<T, c::Dcnn>) {
          conn.closing = true;
          step.fx.finish(conn.id);
        } else if constexpr (std::same_as<T, c::Info>) {
          info(step, conn, ref);
        } else if constexpr (std::same_as<T, c::Enrol>) {
          enrol(step, conn, ref, cmd);
        } else if constexpr (std::same_as<T, c::LstUsr>) {
          presence.list(step, conn, cmd, config.channels.frame_bytes_max);
        } else if constexpr (std::same_as<T, c::UsrSet>) {
          usr_set(step, conn, ref, cmd);
        } else if constexpr (std::same_as<T, c::CnnUsr>) {
          cnn_usr(step, conn, ref, cmd);
        } else if constexpr (std::same_as<T, c::PvMsg>) {
          messages.pv_msg(step, conn, ref, cmd);
        } else if constexpr (std::same_as<T, c::AckMsg>) {
          messages.ack_msg(step, conn, ref, cmd);
        } else {
          static_assert(std::same_as<T, c::Cnn>, "a command that nobody handles");
          // The session ends a connection at its second CNN.
        }
      },
      any);
}

void Core::Impl::batch(const Step& step, Conn& conn, const Ref& ref, const c::Batch& cmd,
                       std::size_t octets) {
  if (!conn.batch) {
    conn.meter.charge(step.now.tick, config.rates, Rate::plain, 1, octets);
    senseless(step, conn, ref, Errc::unknown_command,
              "BATCH was not agreed on: CNN must say `batch` true where SINFO has it.");
    return;
  }
  const auto forbidden = [](std::string_view name) {
    return name == "CNN" || name == "SINFO" || name == "DCNN" || name == "ENROL" || name == "BATCH";
  };
  // All of it is looked at before any of it is done.
  const std::span<wire::Element> elements = arena.make<wire::Element>(cmd.cmds.count);
  wire::Elements each(cmd.cmds);
  for (wire::Element& element : elements) {
    const auto e = each.next();
    if (!e || forbidden(e->cmd)) {
      conn.meter.charge(step.now.tick, config.rates, Rate::plain, 1, octets);
      senseless(step, conn, ref, Errc::bad_payload,
                "A BATCH holds commands by their `cmd`, never CNN, SINFO, DCNN, ENROL or BATCH; "
                "send those alone.");
      return;
    }
    element = *e;
  }
  std::uint64_t index = 0;
  const std::size_t share = octets / cmd.cmds.count;
  for (const wire::Element& element : elements) {
    if (conn.closing) break;
    decode(step, conn, {ref.nonce, element.cmd, index}, element.map, share);
    ++index;
  }
}

// protocol.md 5.7: everything before it on this connection is done, and on disk, when SINFO leaves.
void Core::Impl::info(const Step& step, Conn& conn, const Ref& ref) {
  conn.barrier = std::max(conn.barrier, messages.settle(step, conn));
  step.fx.sinfo(conn.id, ref.nonce, conn.barrier);
}

void Core::Impl::usr_set(const Step& step, Conn& conn, const Ref& ref, const c::UsrSet& cmd) {
  if (cmd.name && !text.is_nfc(cmd.name->text)) {
    senseless(step, conn, ref, Errc::bad_payload,
              "`name` must be NFC; normalise it and send again.");
    return;
  }
  if (cmd.status == UserStatus::offline) {
    senseless(step, conn, ref, Errc::bad_payload,
              "`status` may be online or away; to go offline send DCNN.");
    return;
  }
  Account a = *accounts.find(conn.user);
  if (cmd.name) a.name = cmd.name->text;
  if (cmd.status) a.away = *cmd.status == UserStatus::away;
  if (cmd.keys) a.keys.assign(cmd.keys->begin(), cmd.keys->end());
  conn.barrier = accounts.put(step, a);
  presence.changed(conn.user);
}

void Core::Impl::cnn_usr(const Step& step, Conn& conn, const Ref& ref, const c::CnnUsr& cmd) {
  if (accounts.present(cmd.to) == nullptr) {
    step.err(conn, ref, Errc::unknown_user, "There is no such user; `moot users` lists them.",
             {.id = cmd.to});
    return;
  }
  if (!here(cmd.to)) {
    step.err(conn, ref, Errc::not_connected,
             "The user is not connected; messages are delivered later.", {.id = cmd.to});
    return;
  }
  presence.seen(conn.user, conns.of(cmd.to));
  step.send(conns.of(cmd.to),
            s::UsrHsk{.id = conn.user, .name = {accounts.find(conn.user)->name}, .hsk = cmd.hsk});
}

void Core::Impl::enrol(const Step& step, Conn& conn, const Ref& ref, const c::Enrol& cmd) {
  const auto no = [&](Errc code, std::string_view sentence) {
    step.err(conn, ref, code, sentence, {.id = cmd.id});
  };
  if (conn.user != invite_user()) {
    return no(Errc::not_allowed,
              "ENROL needs a connection that used an invitation; this one is somebody already.");
  }
  if (!conn.secure)
    return no(Errc::not_allowed,
              "A key travels over TLS or loopback only; use the server's TLS address.");
  if (keys_wanted.contains(conn.id))
    return no(Errc::busy, "The first ENROL is still under way; wait for its answer.");
  const std::string_view name = cmd.name ? cmd.name->text : cmd.id.str();
  if (!text.is_nfc(name)) {
    return senseless(step, conn, ref, Errc::bad_payload,
                     "`name` must be NFC; normalise it and send again.");
  }
  if (cmd.label && has_controls(*cmd.label)) {
    return senseless(step, conn, ref, Errc::bad_payload,
                     "`label` has control characters; leave them out and send again.");
  }
  const Enrolment* before = accounts.enrolment(conn.kid, cmd.id);
  const Credential& invite = *accounts.credential(conn.kid);
  if (before != nullptr && !accounts.usable(*accounts.credential(before->kid), step.now.wall)) {
    if (accounts.present(cmd.id) == nullptr) return no(Errc::name_taken, kNameTaken);
    return no(Errc::expired,
              "The key that this invitation made is not valid any more; ask for a new one.");
  }
  if (before == nullptr) {
    if (cmd.id.reserved() || accounts.find(cmd.id) != nullptr) {
      return no(Errc::name_taken, kNameTaken);
    }
    if (invite.state == CredentialState::revoked ||
        (invite.not_after.ms != 0 && invite.not_after <= step.now.wall) || invite.uses_left == 0) {
      return no(Errc::expired, kUsedUp);
    }
  }
  // The name of the command outlives this step only in the table of commands.
  keys_wanted[conn.id] = {cmd.id,
                          std::string(name),
                          std::string(cmd.label.value_or("")),
                          {ref.nonce, c::Enrol::kTable.name, ref.index},
                          before != nullptr};
  step.fx.need_key(conn.id, cmd.id, before != nullptr ? std::optional(before->kid) : std::nullopt);
}

void Core::key_ready(Now now, ConnId id, const MadeKey& key, Effects& fx) {
  const Step step{now, fx};
  Conn* conn = impl_->conns.find(id);
  const auto it = impl_->keys_wanted.find(id);
  if (conn == nullptr || conn->closing || it == impl_->keys_wanted.end()) return;
  const Impl::Wanted wanted = it->second;
  impl_->keys_wanted.erase(it);
  if (wanted.again) {
    step.send(id,
              s::Enrolled{wanted.id, key.kid, key.key, {impl_->accounts.find(wanted.id)->name}});
    return;
  }
  const Credential& invite = *impl_->accounts.credential(conn->kid);
  // What was so when the key was asked for may have changed in between.
  if (impl_->accounts.find(wanted.id) != nullptr)
    return step.err(*conn, wanted.ref, Errc::name_taken, kNameTaken, {.id = wanted.id});
  if (invite.uses_left == 0)
    return step.err(*conn, wanted.ref, Errc::expired, kUsedUp, {.id = wanted.id});
  Account account{.id = wanted.id, .name = wanted.name, .created = now.wall};
  Credential made{.kid = key.kid,
                  .account = wanted.id,
                  .sealed = key.sealed,
                  .mk_id = key.mk_id,
                  .label = wanted.label,
                  .created = now.wall,
                  .created_by = "invite " + moot::text(conn->kid),
                  .dup = key.dup};
  const std::optional<ChannelId> channel = invite.channel;
  Ticket t = impl_->accounts.enrolled(step, conn->kid, std::move(account), std::move(made));
  conn->barrier = t;
  impl_->presence.changed(wanted.id);
  ChannelSink sink = impl_->sink(step, conn);
  impl_->channels.user_added(now, wanted.id, sink);
  if (channel) {
    // It may be gone or full by now; the account is made all the same.
    [[maybe_unused]] const auto entered =
        impl_->channels.add_member(now, *channel, wanted.id, sink);
  }
  step.send(id, s::Enrolled{wanted.id, key.kid, key.key, {wanted.name}}, conn->barrier);
  impl_->presence.tick(step);
}

}  // namespace moot::server
