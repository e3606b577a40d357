#include "client/asks.h"

#include <algorithm>

#include "model/limits.h"

namespace moot::client {
namespace {

std::string_view name_of(const c::Any& cmd) {
  return std::visit([](const auto& c) { return std::string_view(c.kTable.name); }, cmd);
}

// What a repeated command is told when the first one had done it.
bool says_done_before(const c::Any& cmd, std::string_view code) {
  if (code != text(Errc::not_member) && code != text(Errc::not_found)) return false;
  return std::holds_alternative<c::ChLeave>(cmd) || std::holds_alternative<c::ChKick>(cmd);
}

}  // namespace

void Asks::add(RequestId request, const c::Any& cmd) {
  if (asks_.size() >= limits::kAsksMax) {
    cx_->fx->event(ev::Done{request, "Too many changes wait for the server; try again later."});
    return;
  }
  asks_.push_back({request, Kept<c::Any>(cmd), std::nullopt});
}

void Asks::pump() {
  for (Ask& ask : asks_) {
    if (!ask.sent_as) ask.sent_as = cx_->send(ask.cmd.any());
  }
}

void Asks::lost() {
  for (Ask& ask : asks_) {
    ask.sent_before = ask.sent_before || ask.sent_as.has_value();
    ask.sent_as.reset();
  }
}

bool Asks::wants_barrier() const {
  return std::ranges::any_of(asks_, [](const Ask& a) { return a.sent_as.has_value(); });
}

void Asks::done(std::deque<Ask>::iterator ask, std::string_view error) {
  const RequestId request = ask->request;
  asks_.erase(ask);
  cx_->fx->event(ev::Done{request, error});
}

void Asks::safe_upto(SentId barrier) {
  while (!asks_.empty() && asks_.front().sent_as && *asks_.front().sent_as < barrier) {
    done(asks_.begin(), {});
  }
}

bool Asks::refused(const s::Err& err, const std::optional<SentRange>& ref) {
  for (auto it = asks_.begin(); it != asks_.end(); ++it) {
    if (!it->sent_as || err.ref_cmd != name_of(it->cmd.any())) continue;
    if (ref && (*it->sent_as < ref->first || ref->last < *it->sent_as)) continue;
    const bool was_done = it->sent_before && says_done_before(it->cmd.any(), err.code);
    done(it, was_done ? std::string_view() : err.message);
    return true;
  }
  return false;
}

}  // namespace moot::client
