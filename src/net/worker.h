#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/blocks.h"
#include "crypto/mac_batch.h"
#include "net/clock.h"
#include "net/connection.h"
#include "net/hub_port.h"
#include "net/mailbox.h"
#include "net/options.h"
#include "net/out.h"
#include "net/poller.h"
#include "net/queue_budget.h"
#include "net/tallies.h"
#include "net/timer_wheel.h"
#include "seal/vault.h"

namespace moot::net {

// A connection that a listener took.
struct Accepted {
  Transport transport;
  Address peer;
  session::ListenerRules rules;
  bool counted = false;                      // among the connections of its source
  std::vector<WallIdentity> identities;      // of the peer, where the socket tells
  std::optional<session::ProxyRules> front;  // the peer is one: a header comes first
};

// What a thread is told besides the hub's boxes.
struct Order {
  enum class Kind : std::uint8_t { none, configure, drain, stop };
  Kind kind = Kind::none;
  std::shared_ptr<const session::ServerInfo> info;  // configure
  Millis cnn_timeout = limits::kCnnTimeout;
};

// A thread's connections and its turns. A turn reads every readable connection once, checks all
// signatures together, passes frames on in order, builds what is to be sent, signs all of it
// together and writes once to each connection.
// Thread rule: everything on its own thread, but what is said to be for any.
class Worker {
 public:
  Worker(unsigned index, const session::ServerInfo& info, Millis cnn_timeout,
         const seal::Vault& vault, QueueBudget& queues, HubPort& hub);
  ~Worker();

  // ---- from any thread ----
  void accept(Accepted a);
  void deliver_later(std::unique_ptr<Outbox> box);
  void order(Order o);
  std::size_t load() const { return load_.load(std::memory_order_relaxed); }
  const WorkerTallies& tallies() const { return tallies_; }
  void wake();
  // More waits for this thread than it should: whoever delivers reads no more until `on_room`.
  bool behind() const { return boxes_.full(); }
  // Set before the thread starts; called on it.
  std::function<void()> on_room = [] {};
  // What time a turn has. Set before the thread starts; called on it.
  std::function<Now()> clocks = [] { return read_clocks(); };

  // ---- a turn, in this order ----
  // Who is to take what is read is behind: until told otherwise no session is read, and `wait` does
  // not return for one. What is to be sent leaves all the same.
  void hold(bool held) { held_ = held; }
  void wait(Tick until);
  void receive();                             // timers, orders, newcomers, frames
  void deliver(std::unique_ptr<Outbox> box);  // may be repeated
  void deliver_waiting();                     // what `deliver_later` got
  void flush();                               // signs and writes
  Tick next_timer() const;
  bool stopped() const { return stopped_; }

  boost::asio::io_context& context() { return ctx_; }
  const Now& now() const { return now_; }

  static unsigned thread_of(ConnId id) { return static_cast<unsigned>(id.n & 0xff); }

 private:
  struct Work {
    ConnId conn;
    bool bad = false;  // no frame: the stream broke the grammar
    wire::Frame frame;
  };
  struct Ref {
    const Outbox* box = nullptr;
    std::uint32_t piece = 0;
    std::uint32_t next = Connection::kNone;
  };
  struct Built {
    ConnId conn;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t frames = 0;
  };
  struct Check {
    ConnId conn;
    KeyAnswer answer;
  };

  // worker.cc: connections and their ends
  Connection* find(ConnId id);
  template <class Each>
  void for_each(Each each) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i]) each(*slots_[i]);
    }
  }
  void take_orders();
  void take_newcomers();
  void add(Accepted a);
  void identified(Connection& c, std::vector<WallIdentity> identities,
                  const std::optional<Address>& source = std::nullopt);
  void settle(Connection& c, SourceLimits::Fault fault);
  void configure(const Order& o);
  void greet(Connection& c);
  void ask(Connection& c, bool read, bool write);
  void leave_open(Connection& c);
  void goodbye(Connection& c, DcnnCode code, std::string_view sentence);
  void end_with(Connection& c, const Outbox& box, std::uint32_t piece);
  void begin_closing(Connection& c);
  void sent_all(Connection& c);
  void drop(Connection& c, SourceLimits::Fault fault, bool reset = false);
  void count_silent(Silent why);
  Tick deadline(const Connection& c) const;
  void arm(Connection& c);
  void run_timers();
  void on_time(Connection& c);

  // worker_read.cc
  void ready();
  void read(Connection& c);
  void read_front(Connection& c);
  void on_front(Connection& c, const session::ProxyHeader& header);
  void mark_read(Connection& c);
  void on_handshake(Connection& c);
  void discard(Connection& c);
  void parse(Connection& c, Bytes octets, bool own);
  void process();
  void settle_buffers();
  void resume(Connection& c);

  // worker_cnn.cc
  void on_wall(Connection& c, const WallAnswer& answer);
  void on_cnn(Connection& c, const wire::Frame& frame, Bytes from_frame, bool own);
  void run_checks();
  void judge(Connection& c, const Check& check,
             std::span<const std::array<std::uint8_t, 32>> octets, std::span<const Mac> macs);

  // worker_write.cc
  void touch(Connection& c);
  void put(Connection& c, const Outbox& box, std::uint32_t piece);
  void apply(Outbox& box, const Out& out);
  void on_seen(Connection& c, std::uint64_t nonce);
  void build(Connection& c);
  void sign_and_send();
  void send(Connection& c, Bytes octets, std::size_t frames);
  void send_backlog(Connection& c);
  void queued(std::size_t octets);
  void unqueued(std::size_t octets);
  void end_longest_queues();
  void watch_queue(Connection& c);
  void tell_queues();
  void note_use(std::size_t octets);
  void give_back();

  const unsigned index_;
  session::ServerInfo info_;
  Millis cnn_timeout_;
  const seal::Vault& vault_;
  QueueBudget& budget_;
  HubPort& hub_;
  boost::asio::io_context ctx_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      ctx_.get_executor()};
  Poller poller_{ctx_};
  Now now_;
  TimerWheel wheel_;
  KeySlab keys_;
  bool draining_ = false;
  bool stopped_ = false;
  bool held_ = false;
  std::atomic<std::size_t> load_{0};
  WorkerTallies tallies_;

  Mailbox<Accepted> newcomers_;
  Mailbox<std::unique_ptr<Outbox>> boxes_;
  Mailbox<Order> orders_;

  Blocks<std::optional<Connection>> slots_;
  std::vector<std::uint32_t> generations_;
  std::vector<std::uint32_t> free_;

  // When memory that turns needed is given back: a while after the last large turn, and when the
  // thread has been quiet for as long after many small ones.
  Tick large_over_at_ = Connection::kFar;
  Tick quiet_at_ = Connection::kFar;
  std::size_t used_ = 0;  // octets that went through turns since it was given back

  // Of a turn; the memory is used again.
  std::unique_ptr<std::uint8_t[]> rx_;
  std::size_t rx_size_ = 0;
  std::size_t rx_used_ = 0;
  std::vector<Work> work_;
  std::vector<MacJob> jobs_;
  std::vector<Mac> macs_;
  std::vector<ConnId> read_;  // connections read in this turn
  std::vector<ConnId> resumed_;
  std::vector<Check> checks_;
  std::vector<ConnId> queues_;                  // went above the soft bound or below it, to be told
  std::vector<std::unique_ptr<Outbox>> taken_;  // alive until `flush`: refs_ point into them
  Outbox local_;
  std::vector<Ref> refs_;
  std::vector<ConnId> touched_;
  std::vector<Built> built_;
  std::vector<session::Unsigned> unsigned_;
  std::vector<std::uint32_t> unsigned_slot_;
  std::vector<wire::Body> bodies_;
  Buffer tx_;
  std::size_t signed_ = 0;  // octets of this turn that went through it
  Arena arena_;
  std::vector<std::uint64_t> due_;
  std::vector<Accepted> accepted_;
  std::vector<std::unique_ptr<Outbox>> waiting_;
  std::vector<Order> ordered_;
};

}  // namespace moot::net
