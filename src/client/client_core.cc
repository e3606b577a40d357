#include "client/client_core.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace moot::client {
namespace {

constexpr Millis kSeenAfter = limits::kSeenWithin - std::chrono::seconds(1);
constexpr Millis kSeenAgain = std::chrono::milliseconds(500);
constexpr std::string_view kOffsetKey = "clock_offset_ms";
// After such an end the server is not asked again at once.
constexpr unsigned kStepsAfterRefusal = 4;
// Silence in place of an answer to CNN, so many times running: it is meant. A server that ends at
// that moment looks the same, once.
constexpr unsigned kSilencesMeant = 2;

std::string stopped_sentence(DcnnCode code, std::string_view message) {
  if (code == DcnnCode::replaced) {
    return "Another connection with the same key took over; use one key file per device.";
  }
  return std::string(message);
}

}  // namespace

ClientCore::ClientCore(const CoreParts& parts, ClientSnapshot snapshot, Effects& fx)
    : cx_(parts.self, parts.text, parts.seed, fx),
      outbox_(cx_),
      inbox_(cx_),
      people_(cx_, parts.answers),
      asks_(cx_),
      channels_(cx_, asks_, *parts.records) {
  for (const SeenId& s : snapshot.seen) outbox_.note_id(s.author, s.msg_id);
  outbox_.load(std::move(snapshot.outbox));
  inbox_.load(std::move(snapshot.seen));
  people_.load(std::move(snapshot.contacts));
  channels_.load(std::move(snapshot.channels), std::move(snapshot.waiting));
  for (const MetaValue& m : snapshot.meta) {
    if (m.key == kOffsetKey)
      std::from_chars(m.value.data(), m.value.data() + m.value.size(), cx_.clock_offset_ms);
  }
}

void ClientCore::end_step(bool flush) {
  channels_.end_step(flush);
  if (cx_.open) {
    outbox_.pump();
    asks_.pump();
    barrier_if_wanted();
    inbox_.send_acks(cx_.sent_in_step);
  }
  cx_.end_step();
}

// ---- the connection ---------------------------------------------------------------------------

void ClientCore::start(Now now) {
  begin(now);
  connect();
  end_step();
}

void ClientCore::connect() {
  phase_ = Phase::connecting;
  cx_.fx->event(ev::Connection{ev::Connection::State::connecting, {}, {}, false});
  cx_.fx->connect();
}

void ClientCore::hurry(Now now) {
  begin(now);
  if (phase_ == Phase::waiting) connect();
  end_step();
}

void ClientCore::opened(Now now, const ServerFacts& facts) {
  begin(now);
  phase_ = Phase::open;
  cx_.open = true;
  cx_.max_msg = facts.max_msg;
  cx_.max_frame = facts.max_frame;
  cx_.default_keeper = facts.default_keeper;
  timeout_ =
      Seconds{static_cast<std::int64_t>(std::clamp<std::uint64_t>(facts.timeout_s, 1, 86'400))};
  last_received_ = now.tick;
  cx_.last_sent = now.tick;
  // A second of network is no offset worth a write.
  if (std::abs(facts.clock_offset_ms - cx_.clock_offset_ms) > 2'000)
    cx_.put(cop::PutMeta{{std::string(kOffsetKey), std::to_string(facts.clock_offset_ms)}});
  cx_.clock_offset_ms = facts.clock_offset_ms;
  backoff_.reset();
  retry_told_.reset();
  dcnn_sentence_.clear();
  refused_ = false;
  silences_ = 0;
  info_.reset();
  caught_up_ = false;
  not_durable_.clear();
  last_nonce_.reset();
  seen_due_.reset();
  cx_.fx->event(ev::Connection{ev::Connection::State::open, {}, {}, false});
  inbox_.forget();
  outbox_.opened();
  people_.opened();
  channels_.opened();
  outbox_.pump();
  send_info();  // its answer: what was kept for us has arrived
  end_step();
}

void ClientCore::lost(Now now, std::string_view why, bool answered, std::uint64_t random) {
  begin(now);
  const bool was_open = cx_.open;
  cx_.open = false;
  outbox_.lost();
  inbox_.lost();
  people_.lost();
  channels_.lost();
  info_.reset();
  asks_.lost();
  if (phase_ == Phase::stopped) {
    cx_.fx->event(ev::Connection{ev::Connection::State::stopped, dcnn_sentence_, {}, refused_});
    end_step();
    return;
  }
  std::string sentence = dcnn_sentence_.empty() ? std::string(why) : dcnn_sentence_;
  if (!was_open && answered && dcnn_sentence_.empty()) {
    // A CNN that fails is answered by silence, whatever was wrong (protocol.md 5.3).
    refused_ = ++silences_ >= kSilencesMeant;
    if (refused_) backoff_.at_least(kStepsAfterRefusal);
    if (sentence.empty()) {
      sentence =
          "The server closed the connection without a word: it does not know this key, or not any "
          "more; ask for a new one if it stays so.";
    }
  } else {
    silences_ = 0;
  }
  Millis wait = backoff_.next(random);
  if (retry_told_) wait = std::max(wait, *retry_told_);
  retry_told_.reset();
  phase_ = Phase::waiting;
  retry_at_ = now.tick + wait;
  cx_.fx->event(ev::Connection{ev::Connection::State::waiting, sentence, wait, refused_});
  dcnn_sentence_.clear();
  refused_ = false;
  end_step();
}

void ClientCore::leave(Now now) {
  begin(now);
  if (phase_ == Phase::stopped) return end_step();
  const bool connected = phase_ == Phase::open || phase_ == Phase::connecting;
  if (cx_.open) {
    inbox_.send_acks(true);
    cx_.send(c::Dcnn{.seen = seen()});
    cx_.open = false;
  }
  channels_.lost();
  phase_ = Phase::stopped;
  if (connected) cx_.fx->hang_up();
  end_step(true);
}

void ClientCore::flush(Now now) {
  begin(now);
  end_step(true);
}

// The last server nonce up to which everything is on disk.
std::optional<std::uint64_t> ClientCore::seen() const {
  if (!not_durable_.empty()) return not_durable_.front().nonce - 1;
  return last_nonce_;
}

Tick ClientCore::info_due() const {
  if (info_) return info_at_ + limits::kInfoAnswerTimeout;
  return last_received_ + std::max<Millis>(timeout_ / 3, limits::kReceiveSilenceMin);
}

Tick ClientCore::kalive_due() const {
  const Tick due = cx_.last_sent + timeout_ * 2 / 3;
  return seen_due_ ? std::min(due, *seen_due_) : due;
}

void ClientCore::tick(Now now) {
  begin(now);
  people_.tick();
  channels_.tick();
  if (phase_ == Phase::waiting && now.tick >= retry_at_) connect();
  if (cx_.open) {
    outbox_.tick();
    if (now.tick >= info_due()) {
      if (info_) {
        dcnn_sentence_ = "The server has not answered for 20 seconds; connecting again.";
        cx_.fx->hang_up();
        info_at_ = now.tick;  // once
      } else {
        send_info();
      }
    }
    if (now.tick >= kalive_due()) {
      cx_.send(c::Kalive{.seen = seen()});
      if (seen_due_) {
        not_durable_.empty() ? seen_due_.reset()
                             : static_cast<void>(*seen_due_ = now.tick + kSeenAgain);
      }
    }
  }
  end_step();
}

Tick ClientCore::next_tick() const {
  Tick next = std::min(people_.next_tick(), channels_.next_tick());
  if (phase_ == Phase::waiting) next = std::min(next, retry_at_);
  if (cx_.open) {
    next = std::min({next, outbox_.next_tick(), info_due(), kalive_due()});
    if (const auto acks = inbox_.next_tick()) next = std::min(next, *acks);
  }
  return next;
}

void ClientCore::send_info() {
  info_ = cx_.send(c::Info{.seen = seen()});
  info_at_ = cx_.now.tick;
  if (not_durable_.empty()) seen_due_.reset();
}

void ClientCore::barrier_if_wanted() {
  const bool asked = asks_.wants_barrier() || channels_.wants_barrier();
  if (!info_ && (outbox_.wants_barrier() || asked)) send_info();
}

// ---- what the server says -----------------------------------------------------------------------

void ClientCore::deliver(Now now, const s::Any& cmd, std::uint64_t nonce,
                         const std::optional<SentRange>& ref) {
  begin(now);
  last_received_ = now.tick;
  const Ticket before = cx_.all();
  if (const auto* msg = std::get_if<s::Msg>(&cmd)) {
    on(*msg);
  } else if (const auto* ack = std::get_if<s::MsgAck>(&cmd)) {
    on(*ack, nonce);
  } else if (const auto* info = std::get_if<s::Sinfo>(&cmd)) {
    on(*info, ref);
  } else if (const auto* err = std::get_if<s::Err>(&cmd)) {
    on(*err, ref);
  } else if (const auto* dcnn = std::get_if<s::Dcnn>(&cmd)) {
    on(*dcnn);
  } else if (const auto* page = std::get_if<s::UsrLst>(&cmd)) {
    people_.on(*page);
  } else if (const auto* hsk = std::get_if<s::UsrHsk>(&cmd)) {
    people_.on(*hsk);
  } else if (const auto* add = std::get_if<s::UsrAdd>(&cmd)) {
    people_.on(*add);
    if (add->status != UserStatus::offline) outbox_.peer_came(add->id);
  } else if (const auto* rmd = std::get_if<s::UsrRmd>(&cmd)) {
    people_.on(*rmd);
  } else if (const auto* came = std::get_if<s::Ucnn>(&cmd)) {
    people_.on(*came);
    outbox_.peer_came(came->id);
  } else if (const auto* went = std::get_if<s::Udcnn>(&cmd)) {
    people_.on(*went);
  } else {
    channels_.deliver(cmd);
  }
  if (cx_.all() != before) not_durable_.push_back({cx_.all(), nonce});
  last_nonce_ = nonce;
  end_step();
}

void ClientCore::on(const s::Msg& msg) {
  outbox_.note_id(msg.from == cx_.self ? msg.to.value_or(cx_.self) : msg.from, msg.msg_id);
  const auto fresh = inbox_.receive(msg);
  if (fresh && fresh->author == cx_.self) outbox_.adopt(*fresh);
}

void ClientCore::on(const s::MsgAck& ack, std::uint64_t) {
  outbox_.acked(ack);
  if (!seen_due_) seen_due_ = cx_.now.tick + kSeenAfter;
}

void ClientCore::on(const s::Sinfo& info, const std::optional<SentRange>& ref) {
  timeout_ =
      Seconds{static_cast<std::int64_t>(std::clamp<std::uint64_t>(info.timeout_s, 1, 86'400))};
  cx_.max_msg =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(info.max_msg, limits::kFrameBytesCeiling));
  cx_.clock_offset_ms =
      static_cast<std::int64_t>(info.now) - static_cast<std::int64_t>(cx_.now.wall.ms);
  answered(ref);
}

// A SINFO that answers our INFO is past everything before that INFO (protocol.md 5.7).
void ClientCore::answered(const std::optional<SentRange>& ref) {
  if (!info_ || !ref || *info_ < ref->first || ref->last < *info_) return;
  const SentId barrier = *info_;
  info_.reset();
  outbox_.safe_upto(barrier);
  asks_.safe_upto(barrier);
  channels_.safe_upto(barrier);
  if (!caught_up_) channels_.caught_up();
  caught_up_ = true;
  outbox_.caught_up();
}

void ClientCore::on(const s::Dcnn& dcnn) {
  const auto code = parse_enum<DcnnCode>(dcnn.code);
  dcnn_sentence_ = dcnn.message;
  if (dcnn.retry_s)
    retry_told_ = Seconds{static_cast<std::int64_t>(std::min<std::uint64_t>(*dcnn.retry_s, 3600))};
  cx_.open = false;
  switch (code.value_or(DcnnCode::proto)) {
    case DcnnCode::replaced:
    case DcnnCode::revoked:
      refused_ = true;
      dcnn_sentence_ = stopped_sentence(*code, dcnn.message);
      if (code == DcnnCode::replaced) channels_.replaced();
      phase_ = Phase::stopped;
      break;
    case DcnnCode::timeout:
    case DcnnCode::shutdown:
    case DcnnCode::stale:
    case DcnnCode::replay:
      break;
    case DcnnCode::clock:
    case DcnnCode::srv:
    case DcnnCode::chal:
    case DcnnCode::limit:
    case DcnnCode::proto:
    case DcnnCode::sendq:
      // What is over a limit now may be let in later.
      refused_ = phase_ == Phase::connecting && code != DcnnCode::limit;
      backoff_.at_least(kStepsAfterRefusal);
      break;
  }
  cx_.fx->hang_up();
}

void ClientCore::on(const s::Err& err, const std::optional<SentRange>& ref) {
  if (outbox_.refused(err, ref) || people_.refused(err, ref) || asks_.refused(err, ref) ||
      channels_.refused(err)) {
    return;
  }
  // A second ACK_MSG for what the server has forgotten harms nobody.
  if (err.ref_cmd == c::AckMsg::kTable.name) return;
  cx_.fx->event(ev::Notice{err.message});
}

// ---- the disk
// -------------------------------------------------------------------------------------

void ClientCore::stored(Now now, Ticket upto) {
  begin(now);
  cx_.set_on_disk(upto);
  while (!not_durable_.empty() && not_durable_.front().ticket <= upto) not_durable_.pop_front();
  inbox_.stored();
  outbox_.stored();
  channels_.stored();
  end_step();
}

// ---- the user
// -------------------------------------------------------------------------------------

Result<MsgId> ClientCore::send_message(Now now, Outbox::New message) {
  begin(now);
  auto id = outbox_.add(std::move(message));
  end_step();
  return id;
}

void ClientCore::list_users(Now now, RequestId request) {
  begin(now);
  people_.list(request);
  end_step();
}

void ClientCore::greet(Now now, const UserId& peer) {
  begin(now);
  people_.greet(peer);
  end_step();
}

void ClientCore::set_user(Now now, RequestId request, std::optional<std::string> name,
                          std::optional<UserStatus> status) {
  begin(now);
  c::UsrSet set{.status = status};
  if (name) set.name = Name{*name};
  asks_.add(request, set);
  end_step();
}

void ClientCore::mark_read(Now now, const UserId& peer, std::uint64_t upto) {
  begin(now);
  cx_.put(cop::MarkRead{peer, upto});
  end_step();
}

}  // namespace moot::client
