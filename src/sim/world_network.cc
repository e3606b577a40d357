// Connections: two pipes each, in which nothing overtakes; between connections anything may.
#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"
#include "model/print.h"
#include "sim/world.h"

namespace moot::sim {
namespace {
constexpr std::int64_t kMs = 1'000;
// A server that has so much for one connection gives it up (replication.md, hole 27).
constexpr std::int64_t kBehindMax = 60'000 * kMs;
}  // namespace

template <class Cmd>
void World::push(std::uint64_t conn, Pipe<Cmd>& pipe, Kind kind, typename Pipe<Cmd>::Packet packet,
                 std::int64_t extra_us) {
  if (pipe.cut) return;
  std::int64_t way = log_normal(link(conn).rng, plan_.delay_us, plan_.delay_sigma) + extra_us;
  std::int64_t after = pipe.last;
  if (now_ < pipe.slow_until) {
    way += pipe.longer_us;
    after += pipe.apart_us;
  }
  packet.due = std::max({after, now_ + way, pipe.stalled_until});
  pipe.last = packet.due;
  ++frames_;
  at(packet.due, kind, conn);
  if (options_.diary && packet.cmd) {
    packet.written = options_.diary->leaves(now_, link(conn).device, packet.cmd->any());
  }
  const bool behind = pipe.apart_us > 0 && packet.due > now_ + kBehindMax && extra_us == 0;
  pipe.packets.push_back(std::move(packet));
  if (!behind || pipe.cut) return;
  counters_.hit(Sometimes::slow_consumer);
  pipe.apart_us = 0;
  cut(conn, 0, 0);
}
template void World::push(std::uint64_t, Pipe<Up>&, Kind, Pipe<Up>::Packet, std::int64_t);
template void World::push(std::uint64_t, Pipe<Down>&, Kind, Pipe<Down>::Packet, std::int64_t);

Down World::keep(const s::Any& cmd) { return std::make_shared<const Kept<s::Any>>(cmd); }

void World::send_up(Device& device, const c::Any& cmd) {
  if (device.link == 0) return;
  Link& l = link(device.link);
  if (l.up.cut) return;
  Up kept;
  if (l.sessions) {
    auto out = l.sessions->up(cmd, device.clock.at(now_), server_->clock.at(now_));
    if (!out) return cut(device.link, 0, 0);
    kept = std::make_shared<const Kept<c::Any>>(std::move(*out));
  } else {
    kept = std::make_shared<const Kept<c::Any>>(cmd);
  }
  push(device.link, l.up, Kind::up, {0, std::move(kept), Pipe<Up>::Mark::none});
}

void World::connect(Device& device) {
  if (!device.running() || device.link != 0 || device.connecting) return;
  device.connecting = true;
  auto made = std::make_unique<Link>();
  made->device = device.index;
  made->device_life = device.life;
  made->rng = Rng(device.net.next());
  links_.push_back(std::move(made));
  ghost_->connection(ConnId{links_.size() - 1}, device.user);
  at(now_ + log_normal(device.net, plan_.delay_us * 3, plan_.delay_sigma), Kind::open,
     links_.size() - 1);
}

void World::open(std::uint64_t conn) {
  Link& l = link(conn);
  Device& d = *devices_[l.device];
  if (d.life != l.device_life || d.dead) return;
  if (!server_->running()) {
    d.connecting = false;
    return at(now_ + between(d.net, 200 * kMs, 3'000 * kMs), Kind::connect, d.index, d.life);
  }
  if (plan_.wire) {
    l.sessions = std::make_unique<SessionPair>(Rng(l.rng.next()), d.config.self, d.clock.at(now_),
                                               server_->clock.at(now_));
    if (!l.sessions->open()) {
      d.connecting = false;
      return at(now_ + between(d.net, 200 * kMs, 3'000 * kMs), Kind::connect, d.index, d.life);
    }
  }
  l.server_open = true;
  push(conn, l.down, Kind::down, {0, {}, Pipe<Down>::Mark::opened});
  trace([&] {
    return "server: c" + std::to_string(conn) + " of device " + std::to_string(l.device);
  });
  server_->connected(now_, ConnId{conn}, d.config.self);
  after_server_step();
}

void World::deliver_up(std::uint64_t conn) {
  Link& l = link(conn);
  if (l.up.packets.empty() || l.up.packets.front().due > now_) return;
  const auto packet = std::move(l.up.packets.front());
  l.up.packets.pop_front();
  if (!l.server_open) return;
  if (packet.mark == Pipe<Up>::Mark::closed) {
    trace([&] { return "server: c" + std::to_string(conn) + " is gone"; });
    write(Diary::kServer, Diary::What::note,
          std::string(devices_[l.device]->config.self.str()) + " is gone");
    l.server_open = false;
    l.down.cut = true;
    server_->disconnected(now_, ConnId{conn});
  } else {
    if (options_.diary) options_.diary->arrives(packet.written, now_);
    trace([&] { return "server <- c" + std::to_string(conn) + " " + text(packet.cmd->any()); });
    server_->step(now_, ConnId{conn}, packet.cmd->any());
  }
  after_server_step();
}

void World::deliver_down(std::uint64_t conn) {
  Link& l = link(conn);
  if (l.down.packets.empty() || l.down.packets.front().due > now_) return;
  Device& d = *devices_[l.device];
  if (d.life != l.device_life || d.dead) return l.down.packets.clear();
  if (now_ < d.hung_until) return at(d.hung_until, Kind::down, conn);
  const auto packet = std::move(l.down.packets.front());
  l.down.packets.pop_front();
  if (packet.mark == Pipe<Down>::Mark::opened) {
    l.client_open = true;
    d.connecting = false;
    d.link = conn;
    d.proposed.clear();
    step(d, [&](ReplicaEffects& fx) { d.replica->connected(d.clock.at(now_), fx); });
  } else if (packet.mark == Pipe<Down>::Mark::closed) {
    l.client_open = false;
    l.up.cut = true;
    lost_connection(d);
  } else if (l.client_open) {
    if (options_.diary) options_.diary->arrives(packet.written, now_);
    trace([&] { return "device " + std::to_string(d.index) + " <- " + text(packet.cmd->any()); });
    receive(d, packet.cmd->any());
  }
  // Others that fell due while it hung come one by one.
}

void World::lost_connection(Device& d) {
  trace([&] { return "device " + std::to_string(d.index) + " lost its connection"; });
  write(d.index, Diary::What::note, "cut off");
  d.link = 0;
  d.connecting = false;
  d.proposed.clear();
  step(d, [&](ReplicaEffects& fx) { d.replica->disconnected(d.clock.at(now_), fx); });
  at(now_ + log_between(d.net, 50 * kMs, 8'000 * kMs), Kind::connect, d.index, d.life);
}

// As a client does: its membership ended, or began.
void World::receive(Device& d, const s::Any& cmd) {
  const auto about_us = [&](const auto& c) {
    return c.channel == channel_ && c.user == d.config.self;
  };
  if (const auto* left = std::get_if<s::ChUleave>(&cmd); left && about_us(*left)) {
    d.proposed.clear();
    return step(d, [&](ReplicaEffects& fx) { d.replica->disconnected(d.clock.at(now_), fx); });
  }
  if (const auto* joined = std::get_if<s::ChUjoin>(&cmd); joined && about_us(*joined)) {
    d.proposed.clear();
    return step(d, [&](ReplicaEffects& fx) { d.replica->connected(d.clock.at(now_), fx); });
  }
  if (!healed_ && d.forger) {
    if (const auto* ask = std::get_if<s::ChMsgConfirm>(&cmd)) {
      counters_.hit(Sometimes::false_ack);
      return send_up(d, c::AckChMsg{ask->message, channel_, ask->digest, {}});
    }
  }
  const auto* ask = std::get_if<s::ChMsgConfirm>(&cmd);
  // While its disk is busy, the answer may wait for it.
  const bool holds = ask != nullptr && d.unsynced.empty() && d.holds({ask->message, ask->digest});
  d.acknowledged.reset();
  step(d, [&](ReplicaEffects& fx) { d.replica->step(d.clock.at(now_), cmd, fx); });
  if (!holds) return;
  const RecordKey key{ask->message, ask->digest};
  ghost_->asked_to_confirm(d, key, d.acknowledged == key);
}

// The connection is no more; each side learns it after a while.
void World::cut(std::uint64_t conn, std::int64_t client_after, std::int64_t server_after) {
  Link& l = link(conn);
  trace([&] { return "c" + std::to_string(conn) + " is cut"; });
  push(conn, l.down, Kind::down, {0, {}, Pipe<Down>::Mark::closed}, client_after);
  l.down.cut = true;
  push(conn, l.up, Kind::up, {0, {}, Pipe<Up>::Mark::closed}, server_after);
  l.up.cut = true;
}

void World::to_client(ConnId conn, const Down& cmd) {
  Link& l = link(conn.n);
  if (!l.server_open || l.down.cut) return;
  Down kept = cmd;
  if (l.sessions) {
    const Device& d = *devices_[l.device];
    auto out = l.sessions->down(cmd->any(), server_->clock.at(now_), d.clock.at(now_));
    if (!out) return cut(conn.n, 0, 0);
    kept = std::make_shared<const Kept<s::Any>>(std::move(*out));
  }
  push(conn.n, l.down, Kind::down, {0, std::move(kept), Pipe<Down>::Mark::none});
}

// From inside a step of the server: it hears of the end in a step of its own.
void World::close(ConnId conn) { cut(conn.n, 0, 0); }

}  // namespace moot::sim
