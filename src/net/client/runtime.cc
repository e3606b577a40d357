#include "net/client/runtime.h"

#include <openssl/rand.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <future>

#include "net/client/tell.h"
#include "net/client/trace.h"
#include "text/text.h"

namespace moot::net {
namespace {

namespace asio = boost::asio;

constexpr auto kGoodbye = std::chrono::seconds(2);

bool text_is_nfc(std::string_view text) { return text_rules::is_nfc(text); }
std::string text_fold(std::string_view text) {
  return text_rules::fold(text).value_or(std::string(text));
}

}  // namespace

void random_octets(MutBytes out) {
  MOOT_CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}
std::uint64_t random_u64() {
  std::array<std::uint8_t, 8> octets;
  random_octets(octets);
  return get_be64(octets.data());
}

Now ClientRuntime::now() const {
  using std::chrono::duration_cast;
  const auto tick = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {{duration_cast<Millis>(tick).count()},
          {static_cast<std::uint64_t>(duration_cast<Millis>(wall).count())}};
}

ClientRuntime::ClientRuntime(Options options, EventQueue& events)
    : options_(std::move(options)),
      events_(&events),
      mac_(options_.key.key.octets),
      identity_{.account = options_.key.account,
                .kid = options_.key.wall ? std::nullopt : std::optional(options_.key.kid),
                .srv = options_.key.srv,
                .wall = options_.key.wall} {}

Result<std::unique_ptr<ClientRuntime>> ClientRuntime::start(Options options, EventQueue& events) {
  std::unique_ptr<ClientRuntime> self(new ClientRuntime(std::move(options), events));
  ClientRuntime* raw = self.get();
  if (!raw->options_.trace_file.empty()) {
    auto trace = Trace::open(raw->options_.trace_file);
    if (!trace) return std::unexpected(trace.error());
    raw->trace_ = std::move(*trace);
  }
  store::StoreHooks hooks;
  hooks.on_commit = [raw](Ticket t) {
    raw->post([raw, t] { raw->engine_->stored(raw->now(), t); });
  };
  hooks.on_error = [raw](const Error& e) {
    raw->events_->push({.kind = Client::Event::Kind::store_failed, .text = e.message});
  };
  auto opened = store::ClientStore::open({.dir = raw->options_.dir, .bounds = {}}, hooks);
  if (!opened) return std::unexpected(opened.error());
  raw->store_ = std::move(*opened);
  auto snapshot = raw->store_->load();
  if (!snapshot) return std::unexpected(snapshot.error());
  auto readers = store::ReplicaReaders::open(raw->options_.dir);
  if (!readers) return std::unexpected(readers.error());
  raw->readers_ = std::move(*readers);
  try {
    raw->engine_ =
        std::make_unique<client::Engine>(raw->identity_, raw->mac_,
                                         client::CoreParts{.self = raw->options_.key.account,
                                                           .answers = raw->options_.answers,
                                                           .text = {text_is_nfc, text_fold},
                                                           .records = raw->readers_.get(),
                                                           .seed = random_u64()},
                                         std::move(*snapshot), *raw);
  } catch (const store::ReadFailed& failed) {
    return std::unexpected(failed.error());
  }
  events.on_room([raw] { raw->post([raw] { raw->room(); }); });
  raw->thread_ = std::thread([raw] { raw->io_.run(); });
  if (raw->options_.connect) raw->post([raw] { raw->engine_->start(raw->now()); });
  return self;
}

ClientRuntime::~ClientRuntime() {
  if (thread_.joinable()) {
    std::promise<void> ended;
    const std::future<void> is_ended = ended.get_future();
    post([&] {
      on_ended_ = [&] { ended.set_value(); };
      engine_->leave(now());
      if (!connection_ && on_ended_) std::exchange(on_ended_, nullptr)();
    });
    is_ended.wait_for(kGoodbye);
    work_.reset();
    io_.stop();
    thread_.join();
  }
  connection_.reset();
  engine_.reset();
  readers_.reset();
  store_.reset();  // commits; what it posts is not run any more
}

void ClientRuntime::guarded(const std::function<void()>& work) {
  if (failed_) return;
  try {
    work();
  } catch (const store::ReadFailed& failed) {
    failed_ = true;
    connection_.reset();
    sentence_ = failed.error().message;
    events_->push({.kind = Client::Event::Kind::store_failed, .text = sentence_});
  }
}

void ClientRuntime::post(std::function<void()> work) {
  asio::post(io_, [this, work = std::move(work)] {
    guarded(work);
    if (engine_) arm();
  });
}

void ClientRuntime::ask_erased(const std::function<void()>& work) {
  std::promise<void> done;
  asio::post(io_, [&] {
    guarded(work);
    if (engine_) arm();
    done.set_value();
  });
  done.get_future().wait();
}

// One timer, at the earliest thing the engine has to do.
void ClientRuntime::arm() {
  if (failed_) return;
  const Tick next = engine_->next_tick();
  if (next == armed_) return;
  armed_ = next;
  const Tick current = now().tick;
  const Millis time = std::clamp(next - current, Millis{0}, Millis{std::chrono::hours(1)});
  timer_.expires_after(time);
  timer_.async_wait([this](boost::system::error_code e) {
    if (e) return;
    armed_ = {0};
    guarded([this] { engine_->tick(now()); });
    arm();
  });
}

void ClientRuntime::pause_if_full() {
  if (connection_ && events_->full_until_room()) connection_->pause();
}

void ClientRuntime::room() {
  if (connection_) connection_->resume();
  if (std::exchange(connect_when_room_, false)) connect();
}

void ClientRuntime::connect() {
  connect_when_room_ = events_->full_until_room();
  if (connect_when_room_) return;
  const auto address = client::parse_address(options_.key.address);
  const auto tls = client::parse_tls(options_.key.tls);
  MOOT_CHECK(address && tls);  // the key file was read by the same rules
  ClientConnection::Handlers on;
  on.connected = [this](const std::optional<Binding>& binding) {
    engine_->connected(now(), random_u64(), binding);
    arm();
  };
  on.octets = [this](Bytes octets) {
    guarded([this, octets] { engine_->octets(now(), octets); });
    pause_if_full();
    arm();
  };
  on.lost = [this](std::string why) {
    connection_.reset();
    guarded([this, &why] { engine_->lost(now(), why, random_u64()); });
    if (on_ended_) std::exchange(on_ended_, nullptr)();
    arm();
  };
  connection_ = std::make_unique<ClientConnection>(io_, *address, *tls, options_.key.certificate,
                                                   std::move(on));
}

void ClientRuntime::write(Bytes octets) {
  if (connection_) connection_->write(octets);
}
void ClientRuntime::close() {
  connect_when_room_ = false;
  if (connection_) connection_->close();
}
void ClientRuntime::store(Ticket ticket, std::vector<cop::Any> ops) {
  store_->submit(ticket, std::move(ops));
}

void ClientRuntime::event(const client::Event& event) {
  if (const auto* c = std::get_if<client::ev::Connection>(&event)) sentence_ = c->sentence;
  events_->push(tell(event, options_.key.account));
}

void ClientRuntime::sent(const c::Any& cmd) {
  if (trace_) trace_->sent(now().wall, cmd);
}
void ClientRuntime::heard(const s::Any& cmd) {
  if (trace_) trace_->heard(now().wall, cmd);
}

}  // namespace moot::net
