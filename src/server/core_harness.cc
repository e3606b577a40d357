#include "server/core_harness.h"

#include <algorithm>

#include "base/check.h"
#include "channel/memory_server.h"
#include "crypto/sha3.h"

namespace moot::server {
namespace {

class Nothing : public RecordReader {
 public:
  void keys(const RecordKey&, const std::optional<RecordKey>&, std::size_t,
            std::vector<RecordKey>&) const override {}
  std::optional<StoredRecord> record(const RecordKey&) const override { return std::nullopt; }
};

bool is_presence(const s::Any& cmd) {
  return std::holds_alternative<s::Ucnn>(cmd) || std::holds_alternative<s::Udcnn>(cmd) ||
         std::holds_alternative<s::UsrAdd>(cmd) || std::holds_alternative<s::UsrRmd>(cmd);
}

bool ascii_nfc(std::string_view text) { return text.find('\xcc') == std::string_view::npos; }
std::string ascii_fold(std::string_view text) {
  std::string out(text);
  for (char& ch : out) ch = static_cast<char>(ch >= 'A' && ch <= 'Z' ? ch + 32 : ch);
  return out;
}
constexpr TextRules kText{&ascii_nfc, &ascii_fold};

}  // namespace

const RecordReader& NoRecords::of(const ChannelId&) const {
  static const Nothing nothing;
  return nothing;
}

Config Harness::quiet_config() {
  Config c;
  c.presence = PresenceMode::off;
  c.channels.lobby = false;
  c.rates.commands_per_s = 0;
  return c;
}

MsgId Harness::id(unsigned n) {
  std::array<std::uint8_t, 10> random{};
  put_be32(random.data() + 6, n);
  return MsgId::make({1'700'000'000'000}, random);
}

Kid Harness::kid(std::string_view user, unsigned device) {
  Kid k = Kid::of(sha3_256(as_bytes(user)));
  k.octets[7] = static_cast<std::uint8_t>(device);
  return k;
}

MadeKey Harness::made(unsigned n) {
  MadeKey key;
  put_be32(key.kid.octets.data(), n);
  key.key.octets.fill(static_cast<std::uint8_t>(n));
  key.sealed = {1, 2, 3};
  put_be32(key.dup.octets.data(), n);
  return key;
}

Harness::Harness(std::vector<std::string> users, Config config) : config_(std::move(config)) {
  for (const std::string& name : users) {
    ops_.push_back(op::PutAccount{{.id = user(name), .name = name, .created = now_.wall}});
    add_device(name, 0);
  }
  synced_ = ticket_ = ops_.size();
  restart();
}

void Harness::add_device(std::string_view name, unsigned device) {
  Credential c{
      .kid = kid(name, device), .account = user(name), .sealed = {1}, .created = now_.wall};
  c.dup.octets[0] = static_cast<std::uint8_t>(device);
  std::ranges::copy(c.kid.octets, c.dup.octets.begin() + 1);
  ops_.push_back(op::PutCredential{c});
  synced_ = ticket_ = ops_.size();
}

void Harness::add_channel(unsigned n, const std::vector<std::string>& members) {
  std::array<std::uint8_t, 10> random{};
  put_be32(random.data() + 6, n);
  const ChannelId channel{Ulid<ChannelTag>::make({now_.wall.ms - 1}, random)};
  const std::string name = "channel" + std::to_string(n);
  ops_.push_back(op::PutChannel{{.id = channel,
                                 .name = name,
                                 .folded = name,
                                 .created = now_.wall,
                                 .creator = user(members.front())}});
  for (const std::string& member : members) {
    ops_.push_back(op::PutMember{channel, {.user = user(member), .joined = now_.wall}});
  }
  synced_ = ticket_ = ops_.size();
}

// Replays what was synced, as the store would have it.
ServerSnapshot Harness::on_disk() const {
  ServerSnapshot s;
  for (std::uint64_t i = 0; i < synced_; ++i) {
    std::visit(
        [&]<class T>(const T& o) {
          if constexpr (std::same_as<T, op::PutAccount>) {
            std::erase_if(s.accounts, [&](const Account& a) { return a.id == o.account.id; });
            s.accounts.push_back(o.account);
          } else if constexpr (std::same_as<T, op::PutCredential>) {
            std::erase_if(s.credentials,
                          [&](const Credential& c) { return c.kid == o.credential.kid; });
            s.credentials.push_back(o.credential);
          } else if constexpr (std::same_as<T, op::PutEnrolment>) {
            s.enrolments.push_back(o.enrolment);
          } else if constexpr (std::same_as<T, op::DropEnrolment>) {
            std::erase_if(s.enrolments, [&](const Enrolment& e) { return e.kid == o.kid; });
          } else if constexpr (std::same_as<T, op::PutOffline>) {
            s.offline.push_back(o.copy);
          } else if constexpr (std::same_as<T, op::DropOffline>) {
            std::erase_if(s.offline, [&](const OfflineCopy& c) {
              return c.kid == o.kid && c.author == o.author && c.msg_id == o.msg_id;
            });
          } else if constexpr (std::same_as<T, op::PutNotice>) {
            s.notices.push_back(o.notice);
          } else if constexpr (std::same_as<T, op::DropNotices>) {
            std::erase_if(s.notices, [&](const KeptNotice& n) {
              return n.author == o.author && n.seq <= o.upto;
            });
          } else if constexpr (std::same_as<T, op::PutReplay>) {
            s.replays.push_back(o.entry);
          } else if constexpr (std::same_as<T, op::PutChannel> || std::same_as<T, op::PutMember> ||
                               std::same_as<T, op::RemoveMember> ||
                               std::same_as<T, op::RemoveChannel> ||
                               std::same_as<T, op::PutInvited> ||
                               std::same_as<T, op::PutStampKey> ||
                               std::same_as<T, op::PutClockMark>) {
            MemoryKept none;
            apply_to(s, none, o);
          }
        },
        ops_[i]);
  }
  return s;
}

void Harness::restart() {
  ops_.resize(synced_);
  ticket_ = synced_;
  held_.clear();
  lines_.clear();
  fetches_.clear();
  to_drain_.clear();
  nonces_.clear();
  core_ = std::make_unique<Core>(config_, kText, on_disk(), records_, now_);
  core_->start(now_, *this);
  sync();
  lines_.clear();
}

ConnId Harness::connect(std::string_view name, unsigned device, bool secure) {
  const ConnId conn{++next_conn_};
  nonces_[conn] = 100;
  core_->admit(now_,
               {.conn = conn,
                .kid = kid(name, device),
                .nonce = next_conn_,
                .secure = secure,
                .batch = true},
               *this);
  answer();
  return conn;
}

void Harness::connect_invite(ConnId& out, const Kid& invite, bool secure) {
  out = ConnId{++next_conn_};
  nonces_[out] = 100;
  core_->admit(now_,
               {.conn = out, .kid = invite, .nonce = next_conn_, .secure = secure, .batch = true},
               *this);
}

void Harness::say(ConnId conn, const c::Any& cmd) { say_together({{conn, cmd}}); }

void Harness::say_together(const std::vector<std::pair<ConnId, c::Any>>& all) {
  for (const auto& [conn, cmd] : all) frame(conn, cmd);
  answer();
  check();
}

void Harness::frame(ConnId conn, const c::Any& cmd) {
  Buffer fields;
  const auto pairs = wire::encode_fields(fields, cmd);
  Buffer map;
  wire::put_element(map, {wire::name_of(cmd), pairs, fields.bytes()});
  core_->frame(now_, {conn, ++nonces_[conn], wire::name_of(cmd), map.bytes(), map.size() + 150},
               *this);
}

void Harness::say_batch(ConnId conn, const std::vector<c::Any>& cmds) {
  Buffer elements;
  for (const c::Any& cmd : cmds) {
    Buffer fields;
    const auto pairs = wire::encode_fields(fields, cmd);
    wire::put_element(elements, {wire::name_of(cmd), pairs, fields.bytes()});
  }
  say(conn, c::Batch{{elements.bytes(), cmds.size()}});
}

void Harness::gone(ConnId conn) {
  core_->gone(now_, conn, *this);
  answer();
  check();
}

void Harness::stall(ConnId conn) {
  read_nothing(conn);
  core_->behind(now_, conn, *this);
  answer();
  check();
}

void Harness::drain(ConnId conn) {
  stalled_.erase(conn);
  answer();
  check();
}

void Harness::pass(Millis d) {
  const Tick end = now_.tick + d;
  while (core_->next_deadline() <= end) {
    const Tick at = std::max(core_->next_deadline(), now_.tick + Millis{1});
    if (at > end) break;
    now_.wall.ms += static_cast<std::uint64_t>((at - now_.tick).count());
    now_.tick = at;
    core_->tick(now_, *this);
    answer();
  }
  now_.wall.ms += static_cast<std::uint64_t>((end - now_.tick).count());
  now_.tick = end;
  core_->tick(now_, *this);
  answer();
}

void Harness::sync() {
  synced_ = ticket_;
  std::vector<Line> still;
  for (Line& line : held_) {
    if (line.after.n <= synced_) {
      lines_.push_back(std::move(line));
    } else {
      still.push_back(std::move(line));
    }
  }
  held_ = std::move(still);
  core_->committed(now_, Ticket{synced_}, *this);
  answer();
}

void Harness::answer() {
  const auto drains = [this] {
    return std::ranges::find_if(to_drain_, [&](ConnId c) { return !stalled_.contains(c); });
  };
  while (!fetches_.empty() || !wants_.empty() || !seen_.empty() || drains() != to_drain_.end()) {
    if (const auto it = drains(); it != to_drain_.end()) {
      const ConnId conn = *it;
      to_drain_.erase(it);
      core_->drained(now_, conn, *this);
    }
    // The harness numbers its frames so that `seen` is the token that was marked.
    for (const auto& [conn, nonce] : std::exchange(seen_, {}))
      core_->reached(now_, conn, nonce, *this);
    const auto fetches = std::exchange(fetches_, {});
    for (const Fetch& f : fetches) {
      synced_ = ticket_;  // reads see what was submitted before them
      OfflinePage page;
      std::uint64_t seq = 0;
      for (const op::Any& o : ops_) {
        ++seq;
        const auto* put = std::get_if<op::PutOffline>(&o);
        if (put == nullptr || put->copy.kid != f.kid || seq <= f.after) continue;
        if (page.rows.size() == 256) {
          page.more = true;
          break;
        }
        page.rows.push_back({seq, put->copy});
      }
      core_->offline_page(now_, f.conn, std::move(page), *this);
    }
    const auto wants = std::exchange(wants_, {});
    for (const Want& w : wants) {
      MadeKey key = made(w.existing ? 0 : ++next_key_);
      if (w.existing) key.kid = *w.existing;
      core_->key_ready(now_, w.conn, key, *this);
    }
  }
}

std::string Harness::log() {
  std::string out;
  for (const Line& line : std::exchange(lines_, {})) {
    out += std::to_string(line.to.n) + ": " + line.text + "\n";
  }
  return out;
}

std::string Harness::heard(ConnId conn) {
  std::string out;
  std::erase_if(lines_, [&](const Line& line) {
    if (line.to != conn) return false;
    out += line.text + "\n";
    return true;
  });
  return out;
}

std::size_t Harness::presence_frames(ConnId conn) const {
  const auto it = presence_.find(conn);
  return it == presence_.end() ? 0 : it->second;
}

void Harness::put(ConnId to, std::string text, Ticket after) {
  (after.n > synced_ ? held_ : lines_).push_back({to, std::move(text), after});
}

void Harness::send(Conns to, const s::Any& cmd, Ticket after) {
  std::vector<ConnId> sorted(to.begin(), to.end());
  std::ranges::sort(sorted);
  MOOT_CHECK(std::ranges::adjacent_find(sorted) == sorted.end());
  for (const ConnId conn : to) {
    if (only_ && conn != *only_) continue;
    if (is_presence(cmd)) ++presence_[conn];
    put(conn, text(cmd), after);
  }
}
void Harness::sinfo(ConnId to, std::optional<std::uint64_t> ref, Ticket after) {
  put(to, ref ? "SINFO ref=" + std::to_string(*ref) : "SINFO", after);
}
void Harness::close(ConnId conn, DcnnCode code, std::string_view, std::optional<std::uint64_t>,
                    Ticket after) {
  put(conn, "DCNN " + std::string(text(code)), after);
}
void Harness::finish(ConnId conn) { put(conn, "finished"); }
Ticket Harness::persist(op::Any op) {
  ops_.push_back(std::move(op));
  return Ticket{++ticket_};
}
void Harness::fetch_offline(ConnId conn, const Kid& kid, std::uint64_t after_seq) {
  fetches_.push_back({conn, kid, after_seq});
}
void Harness::need_key(ConnId conn, const UserId& account, const std::optional<Kid>& existing) {
  wants_.push_back({conn, account, existing});
}
void Harness::mark(ConnId conn, std::uint64_t token) { put(conn, "mark " + std::to_string(token)); }
void Harness::seen(ConnId conn, std::uint64_t nonce) { seen_.emplace_back(conn, nonce); }
void Harness::when_drained(ConnId conn, Ticket) {
  MOOT_CHECK(to_drain_.insert(conn).second);  // one question at a time
}
void Harness::pause(ConnId conn, Tick until) {
  put(conn, "pause " + std::to_string((until - now_.tick).count()) + " ms");
}

}  // namespace moot::server
