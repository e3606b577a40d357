#include "sim/server.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

namespace moot::sim {

void Server::start(std::int64_t us) {
  now_us_ = us;
  handling_ = {{}, {}, handling_.step + 1};
  ++life;
  const TextRules text{[](std::string_view) { return true; },
                       [](std::string_view t) { return std::string(t); }};
  ghost_.begins(disk);
  channels_ = std::make_unique<Channels>(config_, text, disk, records);
  channels_->start(clock.at(us), *this);
  step_over();
}

// A transaction holds whole steps, so a sync begins between two of them.
void Server::step_over() {
  if (!unsynced_.empty()) world_.sync_server_disk();
}

bool Server::whole_step(std::size_t operations) const {
  return operations == 0 || operations >= unsynced_.size() ||
         unsynced_[operations - 1].step != unsynced_[operations].step;
}

void Server::stop(std::size_t kept) {
  channels_.reset();
  while (!whole_step(kept)) --kept;
  for (std::size_t i = 0; i < kept && i < unsynced_.size(); ++i) {
    apply_to(disk, records, unsynced_[i].op);
  }
  unsynced_.clear();
  waiting_.clear();
  durable_ = syncing_ = last_;
  ghost_.server_stopped();
}

void Server::connected(std::int64_t us, ConnId conn, const UserId& user) {
  now_us_ = us;
  handling_ = {conn, {}, handling_.step + 1};
  channels_->connected(clock.at(us), conn, user, *this);
  step_over();
}

void Server::disconnected(std::int64_t us, ConnId conn) {
  now_us_ = us;
  handling_ = {conn, {}, handling_.step + 1};
  ghost_.detached(conn);
  channels_->disconnected(clock.at(us), conn, *this);
  tell_online();
  step_over();
}

void Server::step(std::int64_t us, ConnId conn, const c::Any& any) {
  now_us_ = us;
  std::visit(
      [&](const auto& cmd) {
        using Cmd = std::decay_t<decltype(cmd)>;
        if constexpr (requires { channels_->step(Now{}, conn, cmd, *this); }) {
          handling_ = {conn, Cmd::kTable.name, handling_.step + 1};
          if constexpr (requires { ghost_.handles(us, conn, cmd); }) ghost_.handles(us, conn, cmd);
          if constexpr (std::same_as<Cmd, c::ChCommit>) {
            ghost_.asked({cmd.id, cmd.digest}, channels_->asked(cmd.channel, {cmd.id, cmd.digest}));
          }
          channels_->step(clock.at(us), conn, cmd, *this);
          if constexpr (std::same_as<Cmd, c::ChAttach> || std::same_as<Cmd, c::ChLeave> ||
                        std::same_as<Cmd, c::ChKick>) {
            tell_online();
          }
        }
      },
      any);
  step_over();
}

void Server::tell_online() {
  if (!ghost_.anything_in_flight()) return;
  for (const ChannelReport& report : channels_->report()) ghost_.online(report.online);
}

void Server::tick(std::int64_t us) {
  now_us_ = us;
  handling_ = {{}, {}, handling_.step + 1};
  channels_->tick(clock.at(us), *this);
  step_over();
}

void Server::synced(std::int64_t us) {
  now_us_ = us;
  durable_ = syncing_;
  while (!unsynced_.empty() && unsynced_.front().ticket <= durable_) {
    apply_to(disk, records, unsynced_.front().op);
    unsynced_.pop_front();
  }
  // Of different tickets the later may stand first: each channel waits for its own.
  std::deque<Waiting> ready;
  std::deque<Waiting> still;
  for (Waiting& w : waiting_) (w.after <= durable_ ? ready : still).push_back(std::move(w));
  waiting_ = std::move(still);
  for (const Waiting& w : ready) leave(w.to, w.cmd);
  handling_ = {{}, {}, handling_.step + 1};
  channels_->committed(clock.at(us), durable_, *this);
  step_over();
}

// ---- effects -----------------------------------------------------------------------------------

void Server::leave(Conns to, const Down& cmd) {
  ghost_.leaves(to, cmd->any());
  for (const ConnId conn : to) world_.to_client(conn, cmd);
}

void Server::send(Conns to, const s::Any& cmd) {
  ghost_.decides(now_us_, handling_, to, cmd);
  leave(to, world_.keep(cmd));
}

void Server::send_after(Ticket after, Conns to, const s::Any& cmd) {
  ghost_.decides(now_us_, handling_, to, cmd);
  if (after <= durable_) return leave(to, world_.keep(cmd));
  waiting_.push_back({after, {to.begin(), to.end()}, world_.keep(cmd)});
}

Ticket Server::persist(op::Any op) {
  ghost_.persists(op);
  unsynced_.push_back({Ticket{++last_.n}, handling_.step, std::move(op)});
  return last_;
}

void Server::err(ConnId to, Errc code, std::string_view sentence, const ErrDetail& detail) {
  switch (code) {
    case Errc::not_healthy:
      counters_.hit(Sometimes::not_healthy);
      break;
    case Errc::no_quorum:
      counters_.hit(Sometimes::no_quorum);
      break;
    case Errc::stale_election:
      counters_.hit(Sometimes::stale_election);
      break;
    case Errc::busy:
      counters_.hit(Sometimes::busy);
      if (handling_.cmd == c::ChLead::kTable.name && detail.retry_ms) {
        ghost_.told_to_wait(now_us_, to, *detail.retry_ms);
      }
      break;
    case Errc::bad_time:
      counters_.hit(Sometimes::bad_time);
      break;
    case Errc::bad_stamp:
      counters_.hit(Sometimes::bad_stamp);
      break;
    case Errc::conflict:
      counters_.hit(Sometimes::conflict);
      break;
    case Errc::unknown_msg:
      counters_.hit(Sometimes::unknown_msg);
      break;
    default:
      break;
  }
  const s::Err cmd{.ref = 1,
                   .ref_cmd = handling_.cmd,
                   .code = text(code),
                   .message = sentence,
                   .channel = detail.channel,
                   .id = detail.id,
                   .now = detail.now,
                   .retry_ms = detail.retry_ms};
  leave(Conns(&to, 1), world_.keep(cmd));
}

void Server::disconnect(ConnId conn, DcnnCode, std::string_view) {
  counters_.hit(Sometimes::half_open_replaced);
  world_.close(conn);
}

}  // namespace moot::sim
