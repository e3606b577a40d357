#include "client/link.h"

#include "wire/commands.h"

namespace moot::client {
namespace {

// What ERR may refer to when no barrier ever passes: KALIVEs and such. The oldest goes.
constexpr std::size_t kFramesRemembered = 4'096;

}  // namespace

Link::Link(const session::ClientIdentity& identity, const MacKey& key, std::uint64_t first_nonce,
           const std::optional<Binding>& binding)
    : key_(&key), binding_(binding), session_(identity, first_nonce, true) {}

std::uint32_t Link::payload_max() const {
  switch (session_.phase()) {
    case session::ClientSession::Phase::greeting:
      return limits::kFrameBytesBeforeCnn;
    case session::ClientSession::Phase::open:
      return session_.max_frame();
    default:
      return limits::kFrameBytesMax;
  }
}

void Link::octets(Bytes octets, Now now, Sink& sink) {
  in_.put(octets);
  for (;;) {
    switch (reader_.next(in_.bytes(), payload_max())) {
      case wire::FrameReader::Status::need_more:
        if (in_.empty()) in_.release();
        return;
      case wire::FrameReader::Status::bad:
        sink.on_broken("The other side does not speak moot; check the address and port.");
        return;
      case wire::FrameReader::Status::frame:
        break;
    }
    const std::size_t size = reader_.frame().octets;
    if (!frame(reader_.frame(), now, sink)) return;
    in_.drop_front(size);
  }
}

// False: nothing after it is handled.
bool Link::frame(const wire::Frame& frame, Now now, Sink& sink) {
  using Kind = session::ClientSession::Delivered::Kind;
  arena_.reset();
  // Behind a wall there is nothing to compute: the session itself asks for zeros.
  const bool mac_ok =
      session_.phase() != session::ClientSession::Phase::greeting &&
      (session_.identity().wall || session::signature_is(frame.sig, key_->sign(frame.payload)));
  const auto delivered = session_.accept(frame, mac_ok, now, arena_);
  switch (delivered.kind) {
    case Kind::answer_greeting:
      session_.put_cnn(made_, now, binding_, to_sign_);
      return true;
    case Kind::opened:
      sink.on_opened();
      return true;
    case Kind::ignore:
      return true;
    case Kind::close:
      sink.on_broken(delivered.message);
      return false;
    case Kind::deliver:
      break;
  }
  if (const auto* many = std::get_if<s::Batch>(&delivered.command))
    return batch(*many, delivered.nonce, sink);
  command(delivered.command, delivered.nonce, sink);
  return !std::holds_alternative<s::Dcnn>(delivered.command);
}

bool Link::batch(const s::Batch& batch, std::uint64_t nonce, Sink& sink) {
  for (wire::Elements elements(batch.cmds); !elements.done();) {
    const auto element = elements.next();
    if (!element) continue;
    const auto cmd = wire::decode_server(element->cmd, element->map, arena_);
    // protocol.md 6.1: never inside; what this client does not know is left out.
    if (!cmd || std::holds_alternative<s::Batch>(*cmd) || std::holds_alternative<s::Dcnn>(*cmd) ||
        std::holds_alternative<s::Sinfo>(*cmd)) {
      continue;
    }
    command(*cmd, nonce, sink);
  }
  return true;
}

void Link::command(const s::Any& cmd, std::uint64_t nonce, Sink& sink) {
  std::optional<SentRange> ref;
  if (const auto* err = std::get_if<s::Err>(&cmd)) {
    ref = find(err->ref, err->ref_index);
  } else if (const auto* info = std::get_if<s::Sinfo>(&cmd); info != nullptr && info->ref) {
    ref = find(*info->ref, std::nullopt);
    // The server is past everything before it (protocol.md 5.7).
    while (ref && !frames_.empty() && frames_.front().commands.last < ref->first)
      frames_.pop_front();
  }
  sink.on_command(cmd, nonce, ref);
}

std::optional<SentRange> Link::find(std::uint64_t nonce, std::optional<std::uint64_t> index) const {
  if (frames_.empty()) return std::nullopt;
  // Nonces of neighbours differ by one, modulo 2^64.
  const std::uint64_t at = nonce - frames_.front().nonce;
  if (at >= frames_.size()) return std::nullopt;
  SentRange range = frames_[static_cast<std::size_t>(at)].commands;
  if (index) {
    if (*index > range.last.n - range.first.n) return std::nullopt;
    range.first = range.last = SentId{range.first.n + *index};
  }
  return range;
}

SentId Link::send(const c::Any& cmd) {
  Queued queued;
  queued.cmd = wire::name_of(cmd);
  queued.begin = fields_.size();
  queued.pairs = wire::encode_fields(fields_, cmd);
  queued.end = fields_.size();
  queued.flat = wire::is_flat(cmd);
  queue_.push_back(queued);
  return SentId{next_id_.n++};
}

void Link::flush(Now now, Buffer& out) {
  if (!queue_.empty()) {
    std::vector<wire::Body> bodies;
    bodies.reserve(queue_.size());
    for (const Queued& q : queue_) {
      bodies.push_back({q.cmd, q.pairs, fields_.bytes().subspan(q.begin, q.end - q.begin), q.flat});
    }
    const std::size_t first = to_sign_.size();
    session_.outgoing().put(made_, now.wall.seconds(), bodies, to_sign_);
    remember_frames(first);
    queue_.clear();
    fields_.clear();
  }
  if (to_sign_.empty()) return;
  session::sign_all(made_, to_sign_, session_.identity().wall ? nullptr : key_);
  to_sign_.clear();
  out.put(made_.bytes());
  made_.clear();
}

// Which commands went into which frame: read back from the frames themselves, so that the rules
// of splitting stand in one place.
void Link::remember_frames(std::size_t first_unsigned) {
  for (std::size_t i = first_unsigned; i < to_sign_.size(); ++i) {
    const wire::FrameSlot& slot = to_sign_[i].slot;
    const Bytes payload = made_.bytes().subspan(slot.payload, slot.payload_len);
    const auto opened = wire::open(payload);
    MOOT_CHECK(opened.has_value());
    std::uint64_t count = 1;
    if (opened->envelope.cmd == c::Batch::kTable.name) {
      arena_.reset();
      const auto cmd = wire::decode_client(opened->envelope.cmd, payload, arena_);
      MOOT_CHECK(cmd.has_value());
      count = std::get<c::Batch>(*cmd).cmds.count;
    }
    frames_.push_back(
        {opened->envelope.nonce, {next_unframed_, SentId{next_unframed_.n + count - 1}}});
    next_unframed_.n += count;
    if (frames_.size() > kFramesRemembered) frames_.pop_front();
  }
  MOOT_CHECK(next_unframed_ == next_id_);
}

}  // namespace moot::client
