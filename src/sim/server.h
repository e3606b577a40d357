#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "channel/channels.h"
#include "channel/memory_server.h"
#include "model/kept_command.h"
#include "sim/device.h"
#include "sim/ghost.h"

namespace moot::sim {

using Up = std::shared_ptr<const Kept<c::Any>>;
using Down = std::shared_ptr<const Kept<s::Any>>;

// What a server needs from the world around it.
class ServerWorld {
 public:
  virtual ~ServerWorld() = default;
  virtual void to_client(ConnId conn, const Down& cmd) = 0;
  virtual void close(ConnId conn) = 0;
  virtual void sync_server_disk() = 0;  // a sync is wanted, unless one is under way
  virtual Down keep(const s::Any& cmd) = 0;
};

// The server's process and its disk.
class Server : private ChannelEffects {
 public:
  // What it is given outlives it; `kept` is a part of its disk.
  Server(const ChannelsConfig& config, ServerWorld& world, MemoryKept& kept, Ghost& ghost,
         Counters& counters)
      : records(kept), config_(config), world_(world), ghost_(ghost), counters_(counters) {}

  void start(std::int64_t us);
  // The process ends; of what was handed over since the last sync, `kept` operations are on disk,
  // but for those of a step that they do not complete: the store writes a step in one transaction.
  void stop(std::size_t kept);
  bool running() const { return channels_ != nullptr; }
  std::size_t unsynced() const { return unsynced_.size(); }
  bool whole_step(std::size_t operations) const;
  const Channels& channels() const { return *channels_; }

  void connected(std::int64_t us, ConnId conn, const UserId& user);
  void disconnected(std::int64_t us, ConnId conn);
  void step(std::int64_t us, ConnId conn, const c::Any& cmd);
  void tick(std::int64_t us);
  void synced(std::int64_t us);  // everything handed over until the sync began is on disk
  void sync_begins() { syncing_ = last_; }
  std::optional<Tick> next_deadline() const {
    return channels_ ? channels_->next_deadline() : std::nullopt;
  }

  NodeClock clock;
  ServerSnapshot disk;
  MemoryKept& records;
  std::uint64_t life = 0;

 private:
  struct Operation {
    Ticket ticket;
    std::uint64_t step = 0;
    op::Any op;
  };
  struct Waiting {
    Ticket after;
    std::vector<ConnId> to;
    Down cmd;
  };

  void send(Conns to, const s::Any& cmd) override;
  void send_after(Ticket after, Conns to, const s::Any& cmd) override;
  Ticket persist(op::Any op) override;
  void err(ConnId to, Errc code, std::string_view sentence, const ErrDetail& detail) override;
  void disconnect(ConnId conn, DcnnCode code, std::string_view sentence) override;
  void refused_candidate(ConnId conn) override { ghost_.refused(now_us_, conn); }
  void happened(ChannelEvent event) override {
    if (event == ChannelEvent::deposed) counters_.hit(Sometimes::deposed);
  }
  void leave(Conns to, const Down& cmd);
  void tell_online();
  void step_over();

  ChannelsConfig config_;
  ServerWorld& world_;
  Ghost& ghost_;
  Counters& counters_;
  std::unique_ptr<Channels> channels_;
  std::int64_t now_us_ = 0;
  Handling handling_;
  std::deque<Operation> unsynced_;
  std::deque<Waiting> waiting_;
  Ticket last_;
  Ticket syncing_;
  Ticket durable_;
};

}  // namespace moot::sim
