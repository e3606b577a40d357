#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "channel/memory_records.h"
#include "client/content.h"
#include "client/engine.h"
#include "model/print.h"
#include "session/server_session.h"

// What the tests of this folder share: a server made of the real server session, whose answers the
// test writes, and a runner that keeps what an engine asks for.
namespace moot::client {

inline UserId user(std::string_view name) { return *UserId::parse(name); }

inline constexpr std::array<std::uint8_t, 32> kTestKey{1, 2, 3, 4};

// The other end of one connection: checks frames as mootd does and remembers the commands.
class ServerEnd {
 public:
  ServerEnd(const session::ServerInfo& info, Now now)
      : key_(kTestKey), session_(rules_, info, chal(), now, Seconds{10}) {
    session_.greet(out_, now);
  }

  void receive(Bytes octets, Now now) {
    in_.put(octets);
    while (reader_.next(in_.bytes(), session_.payload_max()) == wire::FrameReader::Status::frame) {
      frame(reader_.frame(), now);
      in_.drop_front(reader_.frame().octets);
    }
  }

  void send(const s::Any& cmd, Now now) {
    Buffer fields;
    const auto pairs = wire::encode_fields(fields, cmd);
    const wire::Body body{wire::name_of(cmd), pairs, fields.bytes(), wire::is_flat(cmd)};
    session_.outgoing().put(out_, now.wall.seconds(), {&body, 1}, to_sign_);
    session::sign_all(out_, to_sign_, &key_);
    to_sign_.clear();
  }
  void barrier(Now now) {
    MOOT_CHECK(!infos_.empty());
    send(session_.sinfo(now, infos_.front()), now);
    infos_.pop_front();
  }

  ByteBuf take() {
    const ByteBuf octets(out_.bytes().begin(), out_.bytes().end());
    out_.clear();
    return octets;
  }

  // Every command since the last call, as text, in order.
  std::vector<std::string> heard() { return std::exchange(heard_, {}); }
  // That passed, with CNN.
  std::size_t frames() const { return frames_; }
  bool open() const { return session_.open(); }
  std::uint64_t nonce_of(const std::string& cmd) const { return nonces_.at(cmd); }
  std::uint64_t last_sent() const { return session_.outgoing().next_nonce() - 1; }

 private:
  static Challenge chal() {
    Challenge c;
    c.octets.fill(7);
    return c;
  }

  void frame(const wire::Frame& f, Now now) {
    arena_.reset();
    ++frames_;
    const bool mac_ok = session::signature_is(f.sig, key_.sign(f.payload));
    if (!session_.open()) {
      const auto claim = session_.read_cnn(f, arena_);
      MOOT_CHECK(claim.has_value());
      session::CredentialFacts facts;
      facts.usable = true;
      MOOT_CHECK(session_.judge_cnn(*claim, mac_ok, facts, now).kind ==
                 session::Verdict::Kind::deliver);
      send(session_.sinfo(now), now);
      return;
    }
    const auto got = session_.accept(f, mac_ok, now);
    MOOT_CHECK(got.verdict.kind == session::Verdict::Kind::deliver);
    const auto cmd = wire::decode_client(f.cmd, f.payload, arena_);
    MOOT_CHECK(cmd.has_value());
    if (const auto* batch = std::get_if<c::Batch>(&*cmd)) {
      for (wire::Elements elements(batch->cmds); !elements.done();) {
        const auto e = elements.next();
        note(*wire::decode_client(e->cmd, e->map, arena_), got.nonce);
      }
    } else {
      note(*cmd, got.nonce);
    }
  }
  void note(const c::Any& cmd, std::uint64_t nonce) {
    heard_.push_back(moot::text(cmd));
    nonces_[heard_.back()] = nonce;
    if (std::holds_alternative<c::Info>(cmd)) infos_.push_back(nonce);
  }

  std::size_t frames_ = 0;
  session::ListenerRules rules_;
  MacKey key_;
  session::ServerSession session_;
  wire::FrameReader reader_;
  Buffer in_;
  Buffer out_;
  Arena arena_;
  std::vector<session::Unsigned> to_sign_;
  std::vector<std::string> heard_;
  std::map<std::string, std::uint64_t> nonces_;
  std::deque<std::uint64_t> infos_;
};

// The disk of replicas, as far as they read it.
class MemoryReplicas : public ReplicaRecords {
 public:
  const RecordReader& of(const ChannelId& channel) const override { return channels_[channel]; }
  MemoryRecords& records(const ChannelId& channel) { return channels_[channel]; }

 private:
  mutable std::map<ChannelId, MemoryRecords> channels_;
};

// An engine, its disk that answers when told to, and its server.
class World : public Engine::Runner {
 public:
  explicit World(ClientSnapshot snapshot = {}, bool answers = false)
      : key_(kTestKey), identity_{user("ada"), Kid{}, "moot.test"} {
    info_.srv = info_.server_name = "moot.test";
    info_.features = {"offline", "batch"};
    begin(std::move(snapshot), answers);
  }

  // ---- what an engine asks for
  void connect() override { ++connects_; }
  void write(Bytes octets) override { append(to_server_, octets); }
  void close() override { closed_ = true; }
  void store(Ticket ticket, std::vector<cop::Any> ops) override {
    MOOT_CHECK(ticket > submitted_);
    submitted_ = ticket;
    for (cop::Any& op : ops) ops_.push_back(std::move(op));
  }
  void event(const Event& event) override { events_.push_back(describe(event)); }

  // ---- what a test does
  // The process starts again, with what its disk has of channels.
  void begin(ClientSnapshot snapshot, bool answers = false) {
    engine_.reset();
    submitted_ = {};
    const CoreParts parts{.self = identity_.account,
                          .answers = answers,
                          .text = {},
                          .records = &replicas_,
                          .seed = ++seed_};
    engine_ = std::make_unique<Engine>(identity_, key_, parts, std::move(snapshot), *this);
    engine_->start(now_);
  }
  void open() {
    server_ = std::make_unique<ServerEnd>(info_, now_);
    to_server_.clear();
    closed_ = false;
    engine_->connected(now_, 41, std::nullopt);
    run();
    MOOT_CHECK(server_->open());
  }
  // Until nobody has anything for the other.
  void run() {
    for (int i = 0; i < 100; ++i) {
      const ByteBuf to_client = server_->take();
      const ByteBuf to_server = std::exchange(to_server_, {});
      if (to_client.empty() && to_server.empty()) break;
      server_->receive(to_server, now_);
      if (!to_client.empty()) engine_->octets(now_, to_client);
    }
    engine_->core().check_invariants();
  }
  void from_server(const s::Any& cmd) {
    server_->send(cmd, now_);
    run();
  }
  void barrier() {
    server_->barrier(now_);
    run();
  }
  void commit() {
    for (; applied_ < ops_.size(); ++applied_) {
      const auto* put = std::get_if<cop::ReplicaOps>(&ops_[applied_]);
      if (put == nullptr) continue;
      for (const auto& op : put->ops) replicas_.records(put->channel).apply(op.op);
    }
    engine_->stored(now_, submitted_);
    run();
  }
  template <class F>
  auto on_channels(F work) {
    auto result = engine_->on_channels(now_, std::move(work));
    if (server_) run();
    return result;
  }
  void lose(std::string_view why = "gone") {
    engine_->lost(now_, why, 0);
    engine_->core().check_invariants();
  }
  // A server that answers CNN with silence.
  void refuse_in_silence() {
    server_ = std::make_unique<ServerEnd>(info_, now_);
    engine_->connected(now_, 41, std::nullopt);
    engine_->octets(now_, server_->take());
    MOOT_CHECK(!std::exchange(to_server_, {}).empty());
    server_.reset();
    lose();
  }
  void pass(Millis time) {
    now_.tick = now_.tick + time;
    now_.wall.ms += static_cast<std::uint64_t>(time.count());
    engine_->tick(now_);
    if (server_) run();
  }
  MsgId say(std::string_view to, std::string_view text) {
    const auto id =
        engine_->send_message(now_, {user(to), std::string(text), std::nullopt, {++random_}, {}});
    MOOT_CHECK(id.has_value());
    return *id;
  }
  std::vector<std::string> heard() { return server_->heard(); }
  std::vector<std::string> events() { return std::exchange(events_, {}); }
  std::vector<cop::Any> ops() {
    applied_ = 0;
    return std::exchange(ops_, {});
  }
  MemoryReplicas& replicas() { return replicas_; }

  ServerEnd& server() { return *server_; }
  Engine& engine() { return *engine_; }
  Now now() const { return now_; }
  int connects() const { return connects_; }
  bool closed() const { return closed_; }

  static std::string describe(const Event& event);

 private:
  MacKey key_;
  session::ClientIdentity identity_;
  session::ServerInfo info_;
  MemoryReplicas replicas_;
  std::uint64_t seed_ = 0;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ServerEnd> server_;
  Now now_{{1'000'000}, {1'700'000'000'000}};
  ByteBuf to_server_;
  Ticket submitted_;
  std::vector<cop::Any> ops_;
  std::size_t applied_ = 0;  // of ops_, to the replicas' disk
  std::vector<std::string> events_;
  int connects_ = 0;
  bool closed_ = false;
  std::uint8_t random_ = 0;
};

inline std::string World::describe(const Event& event) {
  struct Describe {
    std::string operator()(const ev::Connection& c) const {
      constexpr std::string_view kStates[] = {"connecting", "open", "waiting", "stopped"};
      return (c.refused ? "refused, " : "") + std::string(kStates[static_cast<int>(c.state)]) +
             (c.sentence.empty() ? "" : ": " + std::string(c.sentence));
    }
    std::string operator()(const ev::Message& m) const {
      return "message @" + std::string(m.message.author.str()) + " " + m.message.text;
    }
    std::string operator()(const ev::State& s) const {
      return "state " + std::string(text(s.state)) +
             (s.error.empty() ? "" : ": " + std::string(s.error));
    }
    std::string operator()(const ev::Renumbered&) const { return "renumbered"; }
    std::string operator()(const ev::Presence& p) const {
      return "presence @" + std::string(p.contact.id.str()) + " " +
             std::string(text(p.contact.status));
    }
    std::string operator()(const ev::Users& u) const {
      return "users " + std::to_string(u.page.size()) + (u.last ? " last" : "");
    }
    std::string operator()(const ev::Handshake& h) const {
      constexpr std::string_view kKinds[] = {"ready", "asked", "away", "silent"};
      return std::string(kKinds[static_cast<int>(h.kind)]) + " @" + std::string(h.peer.str());
    }
    std::string operator()(const ev::Done& d) const {
      return "done " + std::to_string(d.request.n) +
             (d.error.empty() ? "" : ": " + std::string(d.error));
    }
    std::string operator()(const ev::Notice& n) const {
      return "notice " + std::string(n.sentence);
    }
    std::string operator()(const ev::CaughtUp&) const { return "caught up"; }

    static std::string name(const KnownChannel& c) { return "#" + c.name; }
    std::string operator()(const ev::ChannelChanged& c) const {
      return "channel " + name(c.state.known) + (c.state.invited ? " invited" : "") +
             (c.state.status ? " " + std::string(text(*c.state.status)) : "") +
             (c.state.attached ? " attached" : "");
    }
    std::string operator()(const ev::ChannelLeft& c) const {
      return "left " + name(c.state.known) + " " + std::string(c.reason);
    }
    std::string operator()(const ev::ChannelPage& p) const {
      std::string out = "channels";
      for (const ChannelState& s : p.page)
        out += " " + name(s.known) + (s.known.member ? "+" : "") + (s.invited ? "?" : "");
      return out + (p.last ? " last" : "");
    }
    std::string operator()(const ev::MemberPage& p) const {
      std::string out = "members";
      for (const MemberEntry& m : p.page)
        out += " @" + std::string(m.id.str()) + (m.online ? "+" : "");
      return out + (p.last ? " last" : "");
    }
    std::string operator()(const ev::Post& p) const {
      constexpr std::string_view kStates[] = {"waiting", "pending", "committed", "failed"};
      return "post " + name(p.channel) + " @" + std::string(p.from.str()) + " " +
             (p.msg.empty() ? "" : read_content(p.msg).text) + " " +
             std::string(kStates[static_cast<int>(p.state)]) + (p.key ? "" : " no id") +
             (p.draft != 0 ? " ours" : "") + (p.again ? " again" : "") +
             (p.need > 0 ? " need " + std::to_string(p.need) : "") +
             (p.why.empty() ? "" : ": " + std::string(p.why));
    }
    std::string operator()(const ev::Standing& s) const {
      return "election " + name(s.state.known) + " @" + std::string(s.candidate.str());
    }
    std::string operator()(const ev::LeaderChanged& l) const {
      return "leader " + name(l.state.known) +
             (l.state.leader ? " @" + std::string(l.state.leader->str()) : " nobody");
    }
    std::string operator()(const ev::SyncProgress& s) const {
      return "sync " + name(s.channel) + " " + std::to_string(s.records) + " of " +
             std::to_string(s.differences);
    }
    std::string operator()(const ev::Synced& s) const { return "synced " + name(s.channel); }
  };
  return std::visit(Describe{}, event);
}

}  // namespace moot::client
