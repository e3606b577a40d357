#include "client/engine.h"

namespace moot::client {

// Stands between link, core and runner, so that none of them knows the other.
class Engine::Bridge final : public Effects, public Link::Sink {
 public:
  Bridge(Engine& engine, Runner& runner) : engine_(&engine), runner_(&runner) {}

  SentId send(const c::Any& cmd) override {
    MOOT_CHECK(engine_->link_ != nullptr);
    runner_->sent(cmd);
    return engine_->link_->send(cmd);
  }
  void store(Ticket ticket, std::vector<cop::Any> ops) override {
    runner_->store(ticket, std::move(ops));
  }
  void event(const Event& event) override { runner_->event(event); }
  void connect() override { runner_->connect(); }
  void hang_up() override { closing_ = true; }

  void on_opened() override {
    const session::ClientSession& s = engine_->link_->session();
    const bool members = s.server_has("channels.default.members") ||
                         (s.server_has("channels.members") && !s.server_has("channels.server"));
    engine_->core_.opened(now_, {.timeout_s = s.timeout_s(),
                                 .max_msg = s.max_msg(),
                                 .max_frame = s.max_frame(),
                                 .clock_offset_ms = s.clock_offset_ms(),
                                 .default_keeper = members ? Keeper::members : Keeper::server});
  }
  void on_command(const s::Any& cmd, std::uint64_t nonce,
                  const std::optional<SentRange>& ref) override {
    runner_->heard(cmd);
    engine_->core_.deliver(now_, cmd, nonce, ref);
  }
  void on_broken(std::string_view why) override {
    engine_->broken_ = why;
    closing_ = true;
  }

  void set_now(Now now) { now_ = now; }
  bool take_closing() { return std::exchange(closing_, false); }

 private:
  Engine* engine_;
  Runner* runner_;
  Now now_;
  bool closing_ = false;
};

Engine::Engine(const session::ClientIdentity& identity, const MacKey& key, const CoreParts& parts,
               ClientSnapshot snapshot, Runner& runner)
    : identity_(&identity),
      key_(&key),
      runner_(&runner),
      bridge_(std::make_unique<Bridge>(*this, runner)),
      core_(parts, std::move(snapshot), *bridge_) {}
Engine::~Engine() = default;

// What one step wants written leaves in one piece.
void Engine::flush(Now now) {
  if (link_) {
    link_->flush(now, out_);
    if (!out_.empty()) runner_->write(out_.bytes());
    out_.clear();
  }
  if (bridge_->take_closing()) runner_->close();
}

void Engine::connected(Now now, std::uint64_t first_nonce, const std::optional<Binding>& binding) {
  link_ = std::make_unique<Link>(*identity_, *key_, first_nonce, binding);
  broken_.clear();
  flush(now);
}

void Engine::octets(Now now, Bytes octets) {
  if (!link_) return;
  bridge_->set_now(now);
  link_->octets(octets, now, *bridge_);
  flush(now);
}

void Engine::lost(Now now, std::string_view why, std::uint64_t random) {
  // CNN went out and only silence came back.
  const bool answered =
      link_ != nullptr && link_->session().phase() == session::ClientSession::Phase::waiting;
  const std::string sentence = !broken_.empty() ? broken_ : answered ? "" : std::string(why);
  link_.reset();
  broken_.clear();
  core_.lost(now, sentence, answered, random);
  flush(now);
}

void Engine::start(Now now) {
  core_.start(now);
  flush(now);
}
void Engine::tick(Now now) {
  core_.tick(now);
  flush(now);
}
Tick Engine::next_tick() const { return core_.next_tick(); }
void Engine::stored(Now now, Ticket upto) {
  core_.stored(now, upto);
  flush(now);
}
Result<MsgId> Engine::send_message(Now now, Outbox::New message) {
  auto id = core_.send_message(now, std::move(message));
  flush(now);
  return id;
}
void Engine::list_users(Now now, RequestId request) {
  core_.list_users(now, request);
  flush(now);
}
void Engine::greet(Now now, const UserId& peer) {
  core_.greet(now, peer);
  flush(now);
}
void Engine::set_user(Now now, RequestId request, std::optional<std::string> name,
                      std::optional<UserStatus> status) {
  core_.set_user(now, request, std::move(name), status);
  flush(now);
}
void Engine::mark_read(Now now, const UserId& peer, std::uint64_t upto) {
  core_.mark_read(now, peer, upto);
  flush(now);
}
void Engine::flush_store(Now now) {
  core_.flush(now);
  flush(now);
}
void Engine::leave(Now now) {
  core_.leave(now);
  flush(now);
}
void Engine::hurry(Now now) {
  core_.hurry(now);
  flush(now);
}

}  // namespace moot::client
