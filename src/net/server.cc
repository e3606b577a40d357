#include "net/server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <optional>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "net/admin_socket.h"
#include "net/clock.h"
#include "net/doctor.h"
#include "net/http_port.h"
#include "net/hub.h"
#include "net/listener.h"
#include "net/log.h"
#include "net/metrics.h"
#include "net/store_watch.h"
#include "net/worker.h"

namespace moot::net {
namespace {

constexpr std::uint64_t kRetryAfterShutdown = 3;  // seconds, the least
constexpr Millis kDrainMax{4'000};
constexpr Millis kStoreSlow{5'000};  // nothing on disk for so long: not ready

session::ServerInfo info_of(const ServerOptions& options) {
  session::ServerInfo info;
  info.server_name = "mootd";
  info.version = options.version;
  info.srv = options.name;
  info.timeout_s = options.live.timeout_s;
  info.max_frame = options.live.max_frame;
  info.max_msg = options.live.core.max_msg;
  if (options.live.core.channels.member_kept) info.features.push_back("channels.members");
  if (options.live.core.channels.server_kept) info.features.push_back("channels.server");
  if (options.default_keeper == Keeper::members)
    info.features.push_back("channels.default.members");
  if (options.live.core.offline_keep) info.features.push_back("offline");
  if (std::ranges::any_of(options.listen,
                          [](const ListenOptions& l) { return l.door == Door::tls; })) {
    info.features.push_back("tls");
  }
  info.features.push_back("batch");
  return info;
}

// A thread of connections beside the hub's.
struct Side {
  QueuePort port;
  std::unique_ptr<Worker> worker;
  std::thread thread;
  // Beats that it was asked for, and the last one that it turned for.
  std::atomic<std::uint64_t> beats_asked{0};
  std::atomic<std::uint64_t> beats_made{0};
};

class Server {
 public:
  Server(const ServerOptions& options, const ServerHooks& hooks, std::unique_ptr<Hub> hub)
      : options_(options),
        hooks_(hooks),
        budget_(options.live.send_queues_max),
        hub_(std::move(hub)) {}
  ~Server() {
    join();
    admin_.reset();  // its work uses the store
    // Its thread wakes the first worker, which goes before the hub.
    hub_->close();
  }

  Status start();
  Status run();

 private:
  Worker& worker(std::size_t thread) { return thread == 0 ? *first_ : *sides_[thread - 1]->worker; }
  std::size_t threads() const { return 1 + sides_.size(); }
  Status listen();
  Status open_http();
  std::string metrics();
  std::string not_ready() const;
  std::vector<AdminReply::Key> fronts();
  void start_sides();
  void take(Accepted a);
  void on_signal(int signal);
  void wait_for_signal();
  void turn();
  void take_inbox();
  void send_boxes();
  void begin_drain();
  bool drained();
  void beat();
  void reload();
  Status apply(const ServerOptions& next);
  void join();
  std::vector<PublicAddress> public_addresses() const;

  ServerOptions options_;
  const ServerHooks& hooks_;
  QueueBudget budget_;
  std::unique_ptr<Hub> hub_;
  std::unique_ptr<Worker> first_;
  std::vector<std::unique_ptr<Side>> sides_;
  Mailbox<InBatch> inbox_;
  std::vector<InBatch> batches_;
  SpareDescriptor spare_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  const Serving serving_{
      .fronts = [this] { return fronts(); },
      .findings = [this] { return own_findings(options_.http, http_ != nullptr); }};
  std::unique_ptr<AdminSocket> admin_;
  std::unique_ptr<HttpPort> http_;
  std::uint64_t early_drops_ = 0;
  StoreWatch store_watch_;
  Tick next_beat_{0};
  const UnixMs started_ = read_clocks().wall;
  std::optional<boost::asio::signal_set> signals_;
  std::size_t next_thread_ = 0;
  bool draining_ = false;
  Tick drain_until_{0};
};

Status Server::start() {
  const Now now = read_clocks();
  const session::ServerInfo info = info_of(options_);
  first_ = std::make_unique<Worker>(0, info, options_.live.cnn_timeout, hub_->store().vault(),
                                    budget_, *hub_);
  hub_->news().wake = [w = first_.get()] { w->wake(); };
  hub_->start(now);
  if (auto ok = listen(); !ok) return ok;
  auto admin = AdminSocket::open(
      first_->context(), options_.data_dir, spare_,
      [this](const std::string& actor, const AdminRequest& request) {
        hub_->set_now(read_clocks());
        AdminResult r = administer(*hub_, options_, public_addresses(), actor, &serving_, request);
        if (r.after <= hub_->effects().committed()) r.after = {};
        return r;
      },
      [this](const AdminResult& begun, const Status& worked) {
        hub_->set_now(read_clocks());
        return begun.then(*hub_, worked);
      });
  if (!admin) return std::unexpected(admin.error());
  admin_ = std::move(*admin);
  if (auto ok = open_http(); !ok) return ok;
  signals_.emplace(first_->context(), SIGTERM, SIGINT, SIGHUP);
  wait_for_signal();
  for (unsigned t = 1; t < options_.threads; ++t) {
    auto side = std::make_unique<Side>();
    side->worker = std::make_unique<Worker>(t, info, options_.live.cnn_timeout,
                                            hub_->store().vault(), budget_, side->port);
    side->worker->on_room = [this] { first_->wake(); };
    sides_.push_back(std::move(side));
  }
  start_sides();
  for (const auto& l : listeners_) {
    l->start(
        spare_,
        [this](const Address& from) {
          std::uint8_t random[4];
          seal::random_bytes(random);
          const bool taken =
              !draining_ && hub_->sources().admit(from, first_->now().tick, get_be32(random));
          if (!taken) ++early_drops_;
          return taken;
        },
        [this](Accepted a) { take(std::move(a)); });
  }
  return {};
}

Status Server::listen() {
  for (std::size_t i = 0; i < options_.listen.size(); ++i) {
    const auto given = hooks_.sockets.find(i);
    auto l = Listener::open(first_->context(), options_.listen[i],
                            given == hooks_.sockets.end() ? -1 : given->second);
    if (!l) return std::unexpected(l.error());
    listeners_.push_back(std::move(*l));
  }
  return {};
}

Status Server::open_http() {
  if (options_.http.off()) return {};
  auto http = HttpPort::open(
      first_->context(),
      {.address = options_.http.address,
       .option = "--http-listen",
       .inherited = hooks_.http_socket},
      {.metrics = [this] { return metrics(); }, .not_ready = [this] { return not_ready(); }});
  if (http) {
    http_ = std::move(*http);
  } else if (!options_.http.by_default || hooks_.http_socket >= 0) {
    return std::unexpected(http.error());
  } else {
    log::warn("http.off", {{"reason", http.error().message}});
  }
  return {};
}

std::string Server::metrics() {
  std::vector<const WorkerTallies*> workers;
  std::size_t connections = 0;
  for (std::size_t t = 0; t < threads(); ++t) {
    workers.push_back(&worker(t).tallies());
    connections += worker(t).load();
  }
  return metrics_text({.hub = *hub_,
                       .workers = workers,
                       .connections = connections,
                       .early_drops = early_drops_,
                       .log_lines_left_out = log::left_out(),
                       .started = started_,
                       .draining = draining_,
                       .version = options_.version});
}

// What happened since the start, for `mootd doctor`.
std::vector<AdminReply::Key> Server::fronts() {
  std::vector<AdminReply::Key> all;
  for (const auto& l : listeners_) {
    const Listener::Strangers& s = l->strangers();
    if (s.count == 0) continue;
    all.push_back(
        {{"at", l->options().address}, {"strangers", std::to_string(s.count)}, {"last", s.last}});
  }
  for (std::size_t i = 0; i <= kFrontLate; ++i) {
    std::uint64_t n = 0;
    for (std::size_t t = 0; t < threads(); ++t) n += worker(t).tallies().fronts[i].get();
    if (n == 0) continue;
    all.push_back({{"fault", std::to_string(i)}, {"headers", std::to_string(n)}});
  }
  return all;
}

std::string Server::not_ready() const {
  if (hub_->failure()) return "The store has failed.";
  if (draining_) return "The server stops.";
  if (store_watch_.slow(read_clocks().tick, kStoreSlow)) {
    return "The disk has not taken anything for 5 seconds.";
  }
  return {};
}

void Server::start_sides() {
  for (const auto& s : sides_) {
    Side* side = s.get();
    side->thread = std::thread([this, side] {
      Worker& w = *side->worker;
      while (!w.stopped()) {
        w.hold(inbox_.full());
        w.wait(w.next_timer());
        side->beats_made = side->beats_asked.load();
        w.receive();
        const auto hand_over = [&] {
          if (side->port.empty()) return;
          InBatch batch = side->port.take();
          const std::size_t memory = batch.memory();
          if (inbox_.put(std::move(batch), memory)) first_->wake();
        };
        hand_over();
        w.deliver_waiting();
        w.flush();
        hand_over();
      }
    });
  }
}

void Server::take(Accepted a) {
  // The least loaded of the next two: even, and cheap.
  const std::size_t one = next_thread_++ % threads();
  const std::size_t two = next_thread_ % threads();
  worker(worker(two).load() < worker(one).load() ? two : one).accept(std::move(a));
}

std::vector<PublicAddress> Server::public_addresses() const {
  std::vector<PublicAddress> all;
  for (const auto& l : listeners_) {
    all.push_back(public_address(options_, l->options(), l->where(), l->tls()));
  }
  return all;
}

// ---- turns --------------------------------------------------------------------------------

Status Server::run() {
  std::vector<std::string> lines;
  for (const auto& l : listeners_) lines.push_back("listening " + l->line());
  if (http_) lines.push_back("listening " + http_->line());
  hooks_.ready(lines, hub_->core().counts().accounts == 0);
  log::info(
      "server.ready",
      {{"version", options_.version}, {"threads", options_.threads}, {"name", options_.name}});
  while (!draining_ || !drained()) {
    turn();
    if (hub_->failure() && !draining_) {
      log::error("store.failed", {{"reason", hub_->failure()->message}});
      begin_drain();
    }
  }
  const std::optional<Error> failure = hub_->failure();
  join();
  admin_.reset();
  http_.reset();
  log::info("server.stopped");
  if (failure) return std::unexpected(*failure);
  return {};
}

void Server::turn() {
  Tick until = std::min(first_->next_timer(), hub_->next_deadline());
  if (draining_) until = std::min(until, drain_until_);
  if (hooks_.beat_every.count() > 0) until = std::min(until, next_beat_);
  // A thread that has more to send than it should makes everybody wait, as a slow disk does.
  const bool held =
      std::ranges::any_of(sides_, [](const auto& side) { return side->worker->behind(); });
  first_->hold(held);
  first_->wait(until);
  beat();
  hub_->set_now(first_->now());
  first_->receive();
  if (!held) take_inbox();
  hub_->turn(first_->now());
  hub_->settle();
  send_boxes();
  // What the first thread's connections make of their box may be steps again.
  for (auto box = hub_->take(0); box; box = hub_->take(0)) {
    first_->deliver(std::move(box));
    hub_->settle();
  }
  send_boxes();
  first_->flush();
  // A connection that ended while it was written to was a step of the core as well. Its slot and
  // its id are gone with it; what the step asked for belongs to the next turn, which must not wait
  // for something else to happen.
  if (hub_->effects().untaken()) first_->wake();
  const Ticket committed = hub_->effects().committed();
  admin_->committed(committed);
  store_watch_.turn(first_->now().tick, committed, hub_->all_committed());
}

// A thread that did not turn since the last beat keeps the next one from being told.
void Server::beat() {
  if (hooks_.beat_every.count() == 0 || first_->now().tick < next_beat_) return;
  next_beat_ = first_->now().tick + hooks_.beat_every;
  bool all = true;
  for (const auto& side : sides_) {
    all = all && side->beats_made == side->beats_asked;
    ++side->beats_asked;
    side->worker->wake();
  }
  if (all) {
    hooks_.beat();
  } else {
    log::error("server.stuck", {{"what", "a thread of connections makes no turns"}});
  }
}

void Server::take_inbox() {
  if (inbox_.take(batches_)) {
    for (const auto& side : sides_) side->worker->wake();
  }
  for (const InBatch& b : batches_) replay(b, *hub_);
  batches_.clear();
}

void Server::send_boxes() {
  for (unsigned t = 1; t < threads(); ++t) {
    if (auto box = hub_->take(t)) worker(t).deliver_later(std::move(box));
  }
}

// ---- signals ------------------------------------------------------------------------------

void Server::wait_for_signal() {
  signals_->async_wait([this](const boost::system::error_code& ec, int signal) {
    if (ec) return;
    on_signal(signal);
    wait_for_signal();
  });
}

void Server::on_signal(int signal) {
  if (signal == SIGHUP) {
    reload();
  } else if (!draining_) {
    log::info("server.stopping", {{"signal", signal}});
    begin_drain();
  }
}

void Server::begin_drain() {
  draining_ = true;
  drain_until_ = read_clocks().tick + kDrainMax;
  hooks_.stopping();
  for (const auto& l : listeners_) l->stop();
  admin_->stop();
  for (std::size_t t = 0; t < threads(); ++t) worker(t).order({.kind = Order::Kind::drain});
  hub_->shutdown(read_clocks(), kRetryAfterShutdown);
}

bool Server::drained() {
  if (read_clocks().tick >= drain_until_) return true;
  std::size_t left = 0;
  for (std::size_t t = 0; t < threads(); ++t) left += worker(t).load();
  return left == 0 && (hub_->all_committed() || hub_->failure());
}

void Server::join() {
  for (const auto& s : sides_) {
    if (!s->thread.joinable()) continue;
    s->worker->order({.kind = Order::Kind::stop});
    s->thread.join();
  }
}

// ---- reload -------------------------------------------------------------------------------

void Server::reload() {
  auto next = hooks_.reload ? hooks_.reload(read_clocks().tick) : Result<ServerOptions>(options_);
  Status ok = next ? apply(*next) : std::unexpected(next.error());
  if (ok) {
    log::info("config.reloaded");
  } else {
    log::error("config.kept", {{"reason", ok.error().message}});
  }
  hooks_.reloaded(ok.has_value());
}

Status Server::apply(const ServerOptions& next) {
  const auto fixed = [](std::string_view key) {
    return fail("`" + std::string(key) + "` cannot change while the server runs; restart it.");
  };
  if (next.name != options_.name) return fixed("name");
  if (next.data_dir != options_.data_dir) return fixed("data_dir");
  if (next.threads != options_.threads) return fixed("threads");
  if (next.listen != options_.listen) return fixed("listen");
  if (next.http.address != options_.http.address) return fixed("http.listen");
  if (next.default_keeper != options_.default_keeper) return fixed("channels.default_keeper");
  if (next.live.core.channels.lobby != options_.live.core.channels.lobby ||
      next.live.core.channels.member_kept != options_.live.core.channels.member_kept ||
      next.live.core.channels.server_kept != options_.live.core.channels.server_kept) {
    return fixed("channels");
  }
  // All certificates first: one that cannot be read changes nothing.
  std::vector<std::shared_ptr<const TlsIdentity>> identities;
  for (const auto& l : listeners_) {
    identities.emplace_back();
    if (l->tls() == nullptr) continue;
    auto identity = l->load_identity();
    if (!identity) return std::unexpected(identity.error());
    identities.back() = std::move(*identity);
  }
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (identities[i]) listeners_[i]->use_identity(std::move(identities[i]));
  }
  options_.live = next.live;
  hub_->configure(options_.live);
  budget_.configure(options_.live.send_queues_max);
  const auto info = std::make_shared<const session::ServerInfo>(info_of(options_));
  for (std::size_t t = 0; t < threads(); ++t) {
    worker(t).order(
        {.kind = Order::Kind::configure, .info = info, .cnn_timeout = options_.live.cnn_timeout});
  }
  return {};
}

}  // namespace

unsigned usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1u, static_cast<unsigned>(CPU_COUNT(&set)));
}

Status run_server(const ServerOptions& options, const ServerHooks& hooks) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a full disk is an error of a write, not the end
  prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  // As many connections as the system grants; without the grant it is as many as it was.
  if (rlimit files{}; getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  auto hub = Hub::open(options, options.threads);
  if (!hub) return std::unexpected(hub.error());
  Server server(options, hooks, std::move(*hub));
  if (auto ok = server.start(); !ok) return ok;
  return server.run();
}

}  // namespace moot::net
