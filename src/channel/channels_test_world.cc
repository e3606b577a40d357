#include "channel/channels_test_world.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>
#include <utility>

#include "base/check.h"
#include "base/hex.h"
#include "channel/record.h"
#include "model/print.h"

namespace moot::test {

namespace {
constexpr std::uint64_t kStart = 1'700'000'000'000;

bool no_marks(std::string_view text) {  // combining marks of U+0300..U+033F are not composed
  return text.find('\xcc') == std::string_view::npos;
}
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}
std::optional<std::string> option(const std::vector<std::string>& words, std::string_view key) {
  for (const std::string& w : words) {
    if (w.size() > key.size() && w.starts_with(key) && w[key.size()] == '=') {
      return w.substr(key.size() + 1);
    }
  }
  return std::nullopt;
}
std::vector<std::string> parts(const std::string& list) {
  std::vector<std::string> out;
  std::stringstream in(list);
  for (std::string part; std::getline(in, part, ',');) out.push_back(part);
  return out;
}
std::uint64_t number(const std::vector<std::string>& words, std::string_view key,
                     std::uint64_t otherwise) {
  const auto v = option(words, key);
  return v ? std::stoull(*v) : otherwise;
}
}  // namespace

// ---- the disk ----------------------------------------------------------------------------------

namespace {
struct Printed {
  std::string operator()(const op::PutChannel& o) const {
    return "channel " + text(o.channel.id) + " epoch=" + std::to_string(o.channel.epoch);
  }
  std::string operator()(const op::RemoveChannel& o) const { return "no channel " + text(o.id); }
  std::string operator()(const op::PutMember& o) const {
    return "member " + text(o.channel) + " @" + std::string(o.member.user.str()) +
           (o.member.role == Role::none ? "" : " " + std::string(text(o.member.role)));
  }
  std::string operator()(const op::RemoveMember& o) const {
    return "no member " + text(o.channel) + " @" + std::string(o.user.str());
  }
  std::string operator()(const op::PutInvited& o) const {
    return std::string(o.invited  ? "invited "
                       : o.barred ? "barred "
                                  : "neither ") +
           text(o.channel) + " @" + std::string(o.user.str());
  }
  std::string operator()(const op::PutRecord& o) const {
    return "record " + text(o.record.channel) + " " + text(o.record.id);
  }
  std::string operator()(const op::PutStampKey&) const { return "stamp key"; }
  template <class Other>  // the clock mark comes and goes with time
  std::string operator()(const Other&) const {
    return {};
  }
};
}  // namespace

// ---- effects -----------------------------------------------------------------------------------

std::string Recorder::named(std::string line) const {
  for (const auto& [printed, name] : names_) {
    for (std::size_t at = 0; (at = line.find(printed, at)) != std::string::npos;) {
      line.replace(at, printed.size(), name);
      at += name.size();
    }
  }
  // The server's clock is in every CH_STATUS and says nothing.
  if (const std::size_t at = line.find(" now="); at != std::string::npos) {
    const std::size_t end = line.find_first_not_of("0123456789", at + 5);
    line.erase(at, (end == std::string::npos ? line.size() : end) - at);
  }
  return line;
}

std::string Recorder::sent(Conns to, const s::Any& cmd) const {
  std::string line;
  for (const ConnId conn : to) {
    if (!line.empty()) line += ',';
    const auto at = conns.find(conn);
    line += at == conns.end() ? "(gone)" : at->second;
  }
  return named(line + " <- " + text(cmd));
}

void Recorder::send(Conns to, const s::Any& cmd) { lines.push_back(sent(to, cmd)); }

void Recorder::send_after(Ticket after, Conns to, const s::Any& cmd) {
  MOOT_CHECK(after <= last_);
  if (after <= synced_) return send(to, cmd);
  waiting_.push_back({after, sent(to, cmd)});
}

Ticket Recorder::persist(op::Any op) {
  unsynced_.push_back(std::move(op));
  return Ticket{++last_.n};
}

Ticket Recorder::sync() {
  for (const op::Any& op : unsynced_) {
    apply_to(disk, records, op);
    const std::string line = std::visit(Printed{}, op);
    if (!line.empty()) lines.push_back(named("disk " + line));
  }
  unsynced_.clear();
  synced_ = last_;
  for (Waiting& w : waiting_) lines.push_back(std::move(w.line));
  waiting_.clear();
  return last_;
}

void Recorder::lose() {
  unsynced_.clear();
  waiting_.clear();
  synced_ = last_;
}

void Recorder::err(ConnId to, Errc code, std::string_view sentence, const ErrDetail& detail) {
  errors.push_back(code);
  MOOT_CHECK(sentence.ends_with('.') && sentence.find(';') != std::string_view::npos);
  std::string line = conns.at(to) + " <- ERR " + std::string(text(code));
  if (detail.channel) line += " " + text(*detail.channel);
  if (detail.id) {
    line += " ";
    detail::print_any(line, *detail.id);
  }
  if (detail.now) line += " now";
  if (detail.retry_ms) line += " retry_ms=" + std::to_string(*detail.retry_ms);
  lines.push_back(named(line + ": " + std::string(sentence)));
}

void Recorder::disconnect(ConnId conn, DcnnCode code, std::string_view) {
  lines.push_back(conns.at(conn) + " <- DCNN " + std::string(text(code)));
}

// ---- the world ---------------------------------------------------------------------------------

ChannelsConfig World::quiet() { return {.lobby = false}; }

World::World(ChannelsConfig config) : config_(config) {
  config_.lobby_id = ChannelId::of(as_bytes("the lobby's name"));
  config_.stamp_key.octets.fill(7);
  fx_.name(text(config_.lobby_id)) = "#lobby";
  named_channels_["#lobby"] = config_.lobby_id;
  now_ = {.tick = Tick{1'000}, .wall = UnixMs{kStart}};
  start();
}

void World::start() {
  channels_ = std::make_unique<Channels>(config_, TextRules{.is_nfc = no_marks, .fold = lower},
                                         fx_.disk, fx_.records);
  channels_->start(now_, fx_);
}

std::vector<std::string> World::run(const std::string& line) {
  Words words;
  std::stringstream in(line);
  for (std::string word; in >> word;) words.push_back(word);
  MOOT_CHECK(!words.empty());
  fx_.lines.clear();
  fx_.errors.clear();
  const std::string& first = words[0];
  if (first == "users") {
    for (std::size_t i = 1; i < words.size(); ++i) {
      fx_.disk.accounts.push_back({.id = user(words[i])});
      channels_->user_added(now_, user(words[i]), fx_);
    }
  } else if (first == "remove") {
    std::erase_if(fx_.disk.accounts, [&](const Account& a) { return a.id == user(words[1]); });
    channels_->user_removed(now_, user(words[1]), fx_);
  } else if (first == "connect") {
    for (std::size_t i = 1; i < words.size(); ++i) {
      const ConnId id{++next_conn_};
      conns_[words[i]] = id;
      fx_.conns[id] = words[i];
      channels_->connected(now_, id, user(words[i]), fx_);
    }
  } else if (first == "disconnect") {
    const ConnId id = conn(words[1]);
    channels_->disconnected(now_, id, fx_);
    conns_.erase(words[1]);
    fx_.conns.erase(id);
  } else if (first == "wait") {
    pass(std::stoll(words[1]));
  } else if (first == "clock") {  // the wall clock alone jumps
    now_.wall.ms =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(now_.wall.ms) + std::stoll(words[1]));
  } else if (first == "disk") {
    slow_ = words[1] == "slow";
    if (words[1] == "sync") {
      slow_ = true;
      channels_->committed(now_, fx_.sync(), fx_);
    }
  } else if (first == "crash") {
    fx_.lose();
    channels_.reset();
    conns_.clear();
    fx_.conns.clear();
    start();
  } else {
    command(conn(first), words);
  }
  if (!slow_ && !fx_.idle()) channels_->committed(now_, fx_.sync(), fx_);
  if (checks) channels_->check_invariants();
  return fx_.lines;
}

std::string World::refusal(const std::string& line) {
  run(line);
  std::string codes;
  for (const Errc code : fx_.errors) {
    if (!codes.empty()) codes += ' ';
    codes += text(code);
  }
  return codes;
}

std::vector<std::string> World::all(std::string_view lines) {
  std::vector<std::string> last;
  std::stringstream in{std::string(lines)};
  for (std::string line; std::getline(in, line);) {
    if (line.find_first_not_of(' ') != std::string::npos) last = run(line);
  }
  return last;
}

std::size_t World::count(const std::vector<std::string>& lines, std::string_view part) {
  return static_cast<std::size_t>(std::ranges::count_if(
      lines, [&](const std::string& l) { return l.find(part) != std::string::npos; }));
}

void World::pass(std::int64_t ms) {
  const Tick end = now_.tick + Millis{ms};
  for (int steps = 0;; ++steps) {
    MOOT_CHECK(steps < 10'000);
    const auto due = channels_->next_deadline();
    const Tick next = due && *due < end ? std::max(*due, now_.tick) : end;
    now_.wall.ms += static_cast<std::uint64_t>((next - now_.tick).count());
    now_.tick = next;
    channels_->tick(now_, fx_);
    if (!slow_ && !fx_.idle()) channels_->committed(now_, fx_.sync(), fx_);
    channels_->check_invariants();
    if (next == end && !(channels_->next_deadline() && *channels_->next_deadline() <= end)) return;
  }
}

std::array<std::uint8_t, 10> World::next_random() {
  ++next_id_;
  std::array<std::uint8_t, 10> random{};
  random[8] = static_cast<std::uint8_t>(next_id_ >> 8);
  random[9] = static_cast<std::uint8_t>(next_id_);
  return random;
}

ConnId World::conn(const std::string& name) const {
  const auto at = conns_.find(name);
  MOOT_CHECK(at != conns_.end());
  return at->second;
}

UserId World::user(const std::string& name) const {
  const auto id = UserId::parse(name.substr(0, name.find('.')));
  MOOT_CHECK(id.has_value());
  return *id;
}

ChannelId World::channel(const std::string& name) {
  MOOT_CHECK(name.starts_with('#'));
  const auto at = named_channels_.find(name);
  if (at != named_channels_.end()) return at->second;
  const ChannelId id = ChannelId::make(UnixMs{kStart}, next_random());
  named_channels_.emplace(name, id);
  fx_.name(text(id)) = name;
  return id;
}

const World::Text& World::message(const std::string& name, const UserId& author, const Words& words,
                                  const ChannelId& of) {
  if (const auto at = messages_.find(name); at != messages_.end()) return at->second;
  Text made{.from = author, .msg = option(words, "text").value_or(name)};
  if (name.ends_with('\'')) {
    made.id = messages_.at(name.substr(0, name.size() - 1)).id;
  } else {
    const std::int64_t offset = std::stoll(option(words, "at").value_or("0"));
    made.id = MsgId::make(
        UnixMs{static_cast<std::uint64_t>(static_cast<std::int64_t>(now_.wall.ms) + offset)},
        next_random());
    fx_.name(text(made.id)) = name;
  }
  const Digest digest = record_digest(of, made.id, made.from, as_bytes(made.msg));
  fx_.name(hex(digest.bytes())) = "digest(" + name + ")";
  const Stamp stamp =
      make_stamp(fx_.disk.stamp_keys.at(0), of, made.id, made.from, as_bytes(made.msg));
  fx_.name(hex(stamp)) = "stamp(" + name + ")";
  fx_.name(" msg=" + hex(as_bytes(made.msg)) + " ") = " ";
  fx_.name(" sent=" + std::to_string(made.id.time().ms) + " ") = " ";
  fx_.name(" timestamp=" + std::to_string(made.id.time().ms) + " ") = " ";
  return messages_.emplace(name, std::move(made)).first->second;
}

std::optional<MsgId> World::msg_or_nil(const std::string& name) {
  if (name == "nil") return std::nullopt;
  return messages_.at(name).id;
}

void World::command(ConnId c, const Words& w) {
  const std::string& what = w[1];
  const ChannelId id = w.size() > 2 && w[2].starts_with('#') ? channel(w[2]) : ChannelId{};
  if (what == "create") {
    const std::string name = option(w, "name").value_or(w[2].substr(1));
    channels_->step(
        now_, c,
        c::ChCreate{.id = id,
                    .name = Name{name},
                    .keeper = has(w, "members") ? Keeper::members : Keeper::server,
                    .visibility = has(w, "private") ? Visibility::private_ : Visibility::public_,
                    .history = has(w, "since_join") ? History::since_join : History::all},
        fx_);
  } else if (what == "join") {
    channels_->step(now_, c, c::ChJoin{.id = id}, fx_);
  } else if (what == "leave") {
    channels_->step(now_, c, c::ChLeave{.id = id}, fx_);
  } else if (what == "invite") {
    channels_->step(now_, c, c::ChInvite{.id = id, .user = user(w[3])}, fx_);
  } else if (what == "kick") {
    channels_->step(now_, c, c::ChKick{.id = id, .user = user(w[3])}, fx_);
  } else if (what == "set") {
    c::ChSet set{.id = id};
    const auto name = option(w, "name");
    const auto topic = option(w, "topic");
    std::vector<RoleOf> roles;
    for (const std::string& part : parts(option(w, "roles").value_or(""))) {
      const std::size_t colon = part.find(':');
      roles.push_back({user(part.substr(0, colon)), *parse_enum<Role>(part.substr(colon + 1))});
    }
    if (name) set.name = Name{*name};
    if (topic) set.topic = *topic;
    if (!roles.empty()) set.roles = roles;
    channels_->step(now_, c, set, fx_);
  } else if (what == "list") {
    c::ChLst list;
    if (const auto after = option(w, "after")) list.after = channel(*after);
    channels_->step(now_, c, list, fx_);
  } else if (what == "members") {
    c::ChMembers members{.id = id};
    if (const auto after = option(w, "after")) members.after = user(*after);
    channels_->step(now_, c, members, fx_);
  } else if (what == "attach") {
    // Each connection has a replica of its own unless told otherwise.
    const std::string label = option(w, "replica").value_or(w[0]) + std::string(16, '.');
    channels_->step(now_, c, c::ChAttach{.id = id, .replica = ReplicaId::of(as_bytes(label))}, fx_);
  } else if (what == "pull" || what == "append" || what == "merge" || what == "confirm") {
    route_command(c, w);
  } else {
    message_command(c, w);
  }
}

void World::message_command(ConnId c, const Words& w) {
  const std::string& what = w[1];
  const ChannelId id = channel(w[2]);
  const UserId from = user(option(w, "from").value_or(w[0]));
  const std::uint64_t election =
      number(w, "election", channels_->report(id) ? channels_->report(id)->election : 0);
  if (what == "msg") {
    const Text& text = message(w[3], from, w, id);
    c::ChMsg msg{.id = id, .msg_id = text.id, .msg = as_bytes(text.msg)};
    if (has(w, "retry")) msg.retry = true;
    if (option(w, "from")) msg.from = from;
    Stamp stamp = make_stamp(fx_.disk.stamp_keys.at(0), id, text.id, text.from, as_bytes(text.msg));
    const std::string kind = option(w, "stamp").value_or("");
    if (kind == "bad") stamp.back() ^= 1;
    if (kind == "lost") stamp[0] ^= 1;
    if (!kind.empty()) msg.stamp = stamp;
    channels_->step(now_, c, msg, fx_);
  } else if (what == "ack") {
    const Text& text = message(w[3], from, w, id);
    channels_->step(
        now_, c,
        c::AckChMsg{.id = text.id,
                    .channel = id,
                    .digest = record_digest(id, text.id, text.from, as_bytes(text.msg))},
        fx_);
  } else if (what == "commit") {
    const Text& text = message(w[3], from, w, id);
    channels_->step(
        now_, c,
        c::ChCommit{.id = text.id,
                    .channel = id,
                    .election = election,
                    .digest = record_digest(id, text.id, text.from, as_bytes(text.msg))},
        fx_);
  } else if (what == "lead") {
    channels_->step(
        now_, c,
        c::ChLead{.election = 0, .id = id, .last = OrNil<MsgId>{}, .count = number(w, "count", 0)},
        fx_);
  } else if (what == "vote") {
    channels_->step(now_, c,
                    c::ChVote{.election = election, .user = user(w[3]), .id = id, .last = {}}, fx_);
  } else {
    MOOT_CHECK(false && "a command of this world");
  }
}

AppendRecord World::record(const std::string& name, const ChannelId& id, const Words& w) {
  // NAME, or NAME:AUTHOR for what nobody ever sent; a stamp that is not right is asked for.
  const std::size_t colon = name.find(':');
  const UserId from =
      user(colon == std::string::npos ? option(w, "from").value_or(w[0]) : name.substr(colon + 1));
  const Text& text = message(name.substr(0, colon), from, w, id);
  AppendRecord r;
  r.id = text.id;
  r.from = text.from;
  r.msg = as_bytes(text.msg);
  r.timestamp = text.id.time().ms + (has(w, "malformed") ? 1 : 0);
  r.acks = acks_;
  r.acks_n = number(w, "acks_n", acks_.size());
  Stamp stamp = make_stamp(fx_.disk.stamp_keys.at(0), id, text.id, text.from, as_bytes(text.msg));
  const std::string kind = option(w, "stamp").value_or("");
  if (kind == "bad") stamp.back() ^= 1;
  if (kind == "lost") stamp[0] ^= 1;
  ByteBuf& kept = stamps_[{name + kind, id}];
  kept.assign(stamp.begin(), stamp.end());
  if (kind != "none") r.stamp = kept;
  return r;
}

void World::route_command(ConnId c, const Words& w) {
  const std::string& what = w[1];
  const ChannelId id = channel(w[2]);
  acks_.clear();
  for (const std::string& name : parts(option(w, "acks").value_or(""))) acks_.push_back(user(name));
  std::vector<AppendRecord> records;
  for (std::size_t i = 3; i < w.size(); ++i) {
    if (what == "confirm" || w[i].find('=') != std::string::npos || w[i] == "malformed") continue;
    records.push_back(record(w[i], id, w));
  }
  const std::uint64_t req = number(w, "req", 1);
  if (what == "pull") {
    c::ChPull pull{.id = id, .req = req};
    if (const auto anchor = option(w, "anchor"); anchor && *anchor != "nil") {
      pull.anchor = *msg_or_nil(*anchor);
    }
    channels_->step(now_, c, pull, fx_);
  } else if (what == "append") {
    c::ChAppend append{.id = id, .messages = records, .req = req};
    if (const auto to = option(w, "to")) append.sid = conn(*to).n;
    channels_->step(now_, c, append, fx_);
  } else if (what == "merge") {
    std::vector<MergeRecord> page;
    for (const AppendRecord& r : records) page.push_back(MergeRecord{static_cast<Record>(r)});
    channels_->step(now_, c, c::ChMerge{.msg = page, .id = id, .req = req}, fx_);
  } else {
    const Text& text = messages_.at(w[3]);
    const Digest digest = record_digest(id, text.id, text.from, as_bytes(text.msg));
    channels_->step(
        now_, c, c::ChAckReq{.id = text.id, .users = acks_, .channel = id, .digest = digest}, fx_);
  }
}

}  // namespace moot::test
