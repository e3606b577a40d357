#include "sim/diary.h"

#include <utility>
#include <variant>

#include "base/counted.h"

namespace moot::sim {
namespace {

using Kind = Diary::Kind;
using Said = std::pair<Kind, std::string>;

std::string short_election(std::uint64_t election) {
  return "#" + std::to_string(election >> 20) + "." + std::to_string(election & 0xfffff);
}

std::string ranges_or(const std::optional<Ranges>& ranges, std::string otherwise) {
  return ranges ? "compares " + counted(ranges->size(), "range") : std::move(otherwise);
}

// What a command is called beside its arrow.
struct InShort {
  const Diary& diary;

  Said operator()(const c::ChMsg& m) const {
    return {Kind::message, diary.name(m.msg_id) + (m.from || m.retry ? " again" : "")};
  }
  Said operator()(const c::AckChMsg& m) const { return {Kind::ack, "ack " + diary.name(m.id)}; }
  Said operator()(const c::ChCommit& m) const {
    return {Kind::commit, "commit " + diary.name(m.id) + "?"};
  }
  Said operator()(const c::ChLead&) const { return {Kind::election, "stands"}; }
  Said operator()(const c::ChVote& m) const {
    return {Kind::election, "votes " + std::string(m.user.str())};
  }
  Said operator()(const c::ChPull& m) const {
    if (m.want) return {Kind::sync, "wants " + std::to_string(m.want->size())};
    return {Kind::sync, ranges_or(m.ranges, "pulls")};
  }
  Said operator()(const c::ChAppend& m) const {
    return {Kind::sync, ranges_or(m.ranges, "page of " + std::to_string(m.messages.size()))};
  }
  Said operator()(const c::ChMerge& m) const {
    return {Kind::merge, "merges " + std::to_string(m.msg.size())};
  }
  Said operator()(const c::ChAckReq& m) const {
    return {Kind::merge, "who has " + diary.name(m.id) + "?"};
  }
  Said operator()(const c::ChKick& m) const {
    return {Kind::other, "kicks " + std::string(m.user.str())};
  }
  Said operator()(const s::ChMsg& m) const {
    const std::string name = diary.name(m.msg_id);
    if (m.merged.value_or(false)) return {Kind::merge, name + " merged"};
    if (m.committed.value_or(false)) return {Kind::commit, name + " kept"};
    return {Kind::message, name};
  }
  Said operator()(const s::ChMsgAck& m) const {
    return {Kind::ack, std::string(m.user.str()) + " has " + diary.name(m.id) +
                           (m.need > 0 ? ", " + std::to_string(m.need) + " more" : "")};
  }
  Said operator()(const s::ChMsgCommit& m) const {
    return {Kind::commit, diary.name(m.id) + " committed"};
  }
  Said operator()(const s::ChVote& m) const {
    return {Kind::election, std::string(m.user.str()) + "? " + short_election(m.election)};
  }
  Said operator()(const s::ChElected& m) const {
    return {Kind::election, m.you.value_or(false) ? "you lead " + short_election(m.election)
                                                  : std::string(m.leader.str()) + " leads " +
                                                        short_election(m.election)};
  }
  Said operator()(const s::ChPull& m) const {
    if (m.want) return {Kind::sync, "wants " + std::to_string(m.want->size())};
    return {Kind::sync, ranges_or(m.ranges, std::string(m.user->str()) + " pulls")};
  }
  Said operator()(const s::ChAppend& m) const {
    return {Kind::sync, ranges_or(m.ranges, "page of " + std::to_string(m.messages.size()))};
  }
  Said operator()(const s::ChMerge& m) const {
    return {Kind::merge, "merge of " + std::to_string(m.msg.size())};
  }
  Said operator()(const s::ChMsgConfirm& m) const {
    return {Kind::merge, diary.name(m.message) + "?"};
  }
  Said operator()(const s::Err& m) const { return {Kind::refusal, std::string(m.code)}; }
  Said operator()(const s::ChUleave& m) const {
    return {Kind::other, std::string(m.user.str()) + " " + std::string(m.reason.value_or("left"))};
  }
  Said operator()(const s::ChUjoin& m) const {
    return {Kind::other, std::string(m.user.str()) + " joined"};
  }
  // Of these there are many, and they say little.
  Said operator()(const s::ChStatus&) const { return {Kind::other, {}}; }
  template <class Cmd>
  Said operator()(const Cmd&) const {
    std::string text;
    for (const char c : std::string_view(Cmd::kTable.name).substr(3)) {
      text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return {Kind::other, text};
  }
};

// A message's text begins with its name, `m12 xxxx`.
std::string first_word(Bytes msg) {
  std::string word;
  for (const std::uint8_t c : msg) {
    if (c == ' ' || word.size() == 12) break;
    word += static_cast<char>(c);
  }
  return word;
}

}  // namespace

std::size_t Diary::leaves(std::int64_t us, unsigned lane, const c::Any& cmd) {
  if (const auto* m = std::get_if<c::ChMsg>(&cmd)) call(m->msg_id, first_word(m->msg));
  auto [kind, text] = std::visit(InShort{*this}, cmd);
  entries_.push_back({What::frame, us, -1, lane, true, kind, std::move(text)});
  return entries_.size() - 1;
}

std::size_t Diary::leaves(std::int64_t us, unsigned lane, const s::Any& cmd) {
  if (const auto* m = std::get_if<s::ChMsgCommit>(&cmd); m && committed_.insert(m->id).second) {
    write(us, kServer, What::note, name(m->id) + ": " + counted(m->acks_n, "copy", "copies"));
  }
  if (const auto* m = std::get_if<s::ChElected>(&cmd); m && m->election > election_) {
    election_ = m->election;
    write(us, kServer, What::leads, std::string(m->leader.str()) + " elected");
  }
  auto [kind, text] = std::visit(InShort{*this}, cmd);
  entries_.push_back({What::frame, us, -1, lane, false, kind, std::move(text)});
  return entries_.size() - 1;
}

void Diary::write(std::int64_t us, unsigned lane, What what, std::string text) {
  entries_.push_back({what, us, -1, lane, false, Kind::other, std::move(text)});
}

std::string Diary::name(const MsgId& id) const {
  const auto at = names_.find(id);
  return at != names_.end() ? at->second : "…" + text(id).substr(22);
}

}  // namespace moot::sim
