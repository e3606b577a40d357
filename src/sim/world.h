#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/chance.h"
#include "sim/device.h"
#include "sim/diary.h"
#include "sim/ghost.h"
#include "sim/incident.h"
#include "sim/plan.h"
#include "sim/server.h"
#include "sim/session_pair.h"
#include "sim/sometimes.h"

namespace moot::sim {

struct Options {
  std::uint64_t seed = 0;
  std::optional<FaultSet> faults;  // none: as the seed says
  std::uint64_t events_min = 20'000;
  std::optional<IncidentSet> only;                // none: whatever the seed brings
  std::int64_t heal_at_us = -1;                   // when the faults stop; -1: after events_min
  std::function<void(const std::string&)> trace;  // each event as a line; empty: none
  Diary* diary = nullptr;                         // filled for a picture; outlives the world
};

// Simulated time as people read it, `12.345678`.
std::string seconds(std::int64_t us);

struct Outcome {
  std::optional<Failure> failure;
  std::uint64_t events = 0;
  std::uint64_t hash = 0;  // of the trace
  std::uint64_t commits = 0;
  std::int64_t simulated_ms = 0;
  Counters counters;
  std::array<std::uint64_t, kFaults> injected{};  // those that did something
  FaultSet faults;
  std::vector<std::pair<std::int64_t, Incident>> incidents;  // with their times, us
  std::int64_t healed_at_us = -1;                            // -1: it failed before
  std::int64_t ended_at_us = 0;
};

// One cluster on virtual time: the real cores of the server and of every device, and a network,
// disks, clocks and people made of random numbers. The same seed makes the same run.
class World : private ServerWorld {
 public:
  explicit World(const Options& options);
  Outcome run();
  // Of each device, `u2`, `u2 (2nd)`.
  std::vector<std::string> names() const;

 private:
  enum class Kind : std::uint8_t {
    up,
    down,
    open,
    connect,
    timer,
    disk,
    restart,
    server_timer,
    server_disk,
    server_restart,
    fault,
    message,
    check,
  };
  struct Event {
    std::int64_t at = 0;
    std::uint64_t seq = 0;
    Kind kind = Kind::check;
    std::uint64_t who = 0;   // a device, a connection, a fault
    std::uint64_t life = 0;  // of the device or server it is meant for
    friend bool operator>(const Event& a, const Event& b) {
      return a.at != b.at ? a.at > b.at : a.seq > b.seq;
    }
  };
  // One direction of a connection. Nothing overtakes.
  template <class Cmd>
  struct Pipe {
    enum class Mark : std::uint8_t { none, opened, closed };
    struct Packet {
      std::int64_t due = 0;
      Cmd cmd;
      Mark mark = Mark::none;
      std::size_t written = 0;  // in the diary
    };
    std::deque<Packet> packets;
    std::int64_t last = 0;
    std::int64_t stalled_until = 0;
    std::int64_t slow_until = 0;  // until then each packet takes so much longer,
    std::int64_t longer_us = 0;
    std::int64_t apart_us = 0;  // and comes so long after the one before
    bool cut = false;           // nothing more gets in
  };
  struct Link {
    unsigned device = 0;
    std::uint64_t device_life = 0;
    bool server_open = false;
    bool client_open = false;
    Pipe<Up> up;
    Pipe<Down> down;
    Rng rng{0};
    std::unique_ptr<SessionPair> sessions;  // null: commands go as they are
  };
  class Hands;  // a device's effects

  // ---- time (world.cc) ----
  void at(std::int64_t us, Kind kind, std::uint64_t who, std::uint64_t life = 0);
  void handle(const Event& event);
  template <class Text>
  void trace(const Text& text) {
    if (options_.trace) options_.trace(seconds(now_) + "  " + text());
  }

  void write(unsigned lane, Diary::What what, std::string text = {}) {
    if (options_.diary) options_.diary->write(now_, lane, what, std::move(text));
  }

  // ---- network ----
  Link& link(std::uint64_t conn) { return *links_.at(conn); }
  template <class Cmd>
  void push(std::uint64_t conn, Pipe<Cmd>& pipe, Kind kind, typename Pipe<Cmd>::Packet packet,
            std::int64_t extra_us = 0);
  void connect(Device& device);
  void open(std::uint64_t conn);
  void deliver_up(std::uint64_t conn);
  void deliver_down(std::uint64_t conn);
  void receive(Device& device, const s::Any& cmd);
  void lost_connection(Device& device);
  void cut(std::uint64_t conn, std::int64_t client_after, std::int64_t server_after);
  void to_client(ConnId conn, const Down& cmd) override;
  void close(ConnId conn) override;
  Down keep(const s::Any& cmd) override;
  void send_up(Device& device, const c::Any& cmd);

  // ---- nodes ----
  using Step = std::function<void(ReplicaEffects&)>;
  void step(Device& device, const Step& what);
  void arm(Device& device);
  void arm_server();
  void device_sends(Device& device, const c::Any& cmd);
  void device_persists(Device& device, std::span<const rop::Any> ops, Ticket ticket, bool urgent);
  void disk_done(Device& device);
  void sync_server_disk() override;
  void start(Device& device);
  void stop(Device& device, std::size_t kept_batches);
  void after_server_step();
  bool member(unsigned user) const;

  // ---- what people do ----
  void say();
  bool happens(std::uint8_t kind);  // the next of its kind
  Rng details(std::uint8_t kind) const {
    return stream(plan_.seed, name_of_kind(kind), ordinals_[kind]);
  }
  void preload();

  // ---- faults (world_faults.cc) ----
  enum class Struck : std::uint8_t {
    nothing,
    later,  // it prepared what a later one of its kind does
    now,
  };
  void inject(Fault fault);
  Struck strike(Fault fault);
  Device* any_device(Rng& rng, bool running);
  bool change_roster(Rng& rng);
  // Each says whether it did anything.
  bool slow_down(Link& link, Fault fault, Rng& rng);
  bool jump_clock(Rng& rng);
  void restart_later(Device& device, Rng& rng);
  bool forge(Device& device, Rng& rng);
  void lie(Device& device, const c::Any& cmd);
  bool lies(const Device& device) const { return !healed_ && device.liar; }

  // ---- the end (world_end.cc) ----
  void heal();
  void check_end();
  bool kept_by(const Device& device, RecordKey key) const;
  MsgId shared_by_three() const;
  // What members have to send of which too few may see it.
  std::size_t in_vain() const;             // three members who are to stay see what is since then
  MsgId shared_from(unsigned user) const;  // from there on a member's history is the others'
  Fingerprint others(const MsgId& from) const;
  std::string unequal();          // what keeps the cluster from being done; empty: nothing
  std::size_t under_way() const;  // commands that somebody will still receive

  Options options_;
  Plan plan_;
  Outcome out_;
  Counters& counters_;
  std::vector<std::unique_ptr<Device>> devices_;
  ChannelId channel_;
  MemoryKept kept_;
  std::unique_ptr<Ghost> ghost_;
  std::unique_ptr<Server> server_;
  StampKey stamp_key_;

  std::int64_t now_ = 0;
  std::uint64_t seq_ = 0;
  std::uint64_t at_once_ = 0;  // events since time went on
  std::priority_queue<Event, std::vector<Event>, std::greater<>> heap_;
  std::vector<std::unique_ptr<Link>> links_;
  std::int64_t server_timer_at_ = -1;
  bool server_disk_busy_ = false;
  std::int64_t server_disk_slow_until_ = 0;
  std::uint64_t frames_ = 0;

  Rng server_chip_;  // of its disk
  Rng talk_;
  Rng end_;
  std::vector<Rng> fault_rng_;  // when
  std::array<std::uint32_t, kFaults + 2> ordinals_{};

  // From the heal on.
  bool healed_ = false;
  bool done_ = false;
  std::int64_t healed_at_ = 0;
  std::int64_t wait_for_clock_us_ = 0;
  std::int64_t equal_since_ = -1;
  std::uint64_t quiet_frames_ = 0;
  std::uint64_t work_at_heal_ = 0;  // differences and messages in doubt
  // What was on somebody's disk when the faults stopped, and on whose.
  std::map<RecordKey, std::set<unsigned>> to_survive_;
};

}  // namespace moot::sim
