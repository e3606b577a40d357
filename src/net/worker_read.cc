#include <algorithm>

#include "net/log.h"
#include "net/worker.h"

// From readable connections to frames that passed their session.
namespace moot::net {
namespace {

using Phase = Connection::Phase;
using Fault = SourceLimits::Fault;
using Io = Transport::Io;

constexpr std::size_t kReadMax = 64 * 1024;
constexpr std::size_t kReadBeforeCnn = limits::kHeaderBytesMax + limits::kFrameBytesBeforeCnn;
constexpr std::size_t kGrowMin = 4 * 1024;
constexpr std::size_t kReceiveBuffer = 4 * 1024 * 1024;

}  // namespace

void Worker::resume(Connection& c) {
  if (c.resumed) return;
  c.resumed = true;
  resumed_.push_back(c.id);
}

void Worker::ready() {
  if (!rx_) {
    // Only what is used of it is ever touched.
    rx_size_ = kReceiveBuffer;
    rx_ = std::make_unique_for_overwrite<std::uint8_t[]>(rx_size_);
  }
  rx_used_ = 0;
  for (const Poller::Ready& r : poller_.take()) {
    Connection* c = find({r.id});
    if (c == nullptr) continue;
    if (r.broken && !c->readable) {
      drop(*c, Fault::no_cnn);
      continue;
    }
    if (r.writable && !c->out.empty()) send_backlog(*c);
    c = find({r.id});
    if (c == nullptr) continue;
    // With nothing to send it was TLS that waited to write before it could go on.
    const bool goes_on = r.writable && c->writable && c->out.empty();
    if (goes_on && c->phase == Phase::handshake) {
      on_handshake(*c);
    } else if (r.readable || goes_on) {
      read(*c);
    }
  }
  // TLS records already decrypted, and what stood behind a CNN.
  const std::vector<ConnId> again = std::exchange(resumed_, {});
  for (const ConnId id : again) {
    Connection* c = find(id);
    if (c == nullptr) continue;
    c->resumed = false;
    if (c->phase == Phase::open && !c->was_read && !c->in.empty() && !c->reader.started()) {
      mark_read(*c);
      parse(*c, c->in.bytes(), true);
    } else {
      read(*c);
    }
  }
}

void Worker::mark_read(Connection& c) {
  c.was_read = true;
  read_.push_back(c.id);
}

void Worker::read(Connection& c) {
  switch (c.phase) {
    case Phase::handshake:
      on_handshake(c);
      return;
    case Phase::fronted:
      read_front(c);
      return;
    case Phase::walled:
    case Phase::checking:
      ask(c, false, !c.out.empty());
      return;
    case Phase::closing:
    case Phase::lingering:
      discard(c);
      return;
    case Phase::greeted:
    case Phase::open:
      break;
  }
  if (c.paused_until > now_.tick) {
    ask(c, false, !c.out.empty());
    return;
  }
  if (c.was_read) {
    resume(c);
    return;
  }
  const bool own = !c.in.empty();
  MutBytes room;
  if (own) {
    // Grows as octets come, never to what a header only announces.
    const std::size_t wanted = c.reader.wanted();
    const std::size_t n =
        std::clamp(wanted > c.in.size() ? wanted - c.in.size() : kGrowMin, kGrowMin, kReadMax);
    room = {c.in.grow(n), n};
  } else {
    const std::size_t n = c.phase == Phase::open ? kReadMax : kReadBeforeCnn;
    if (rx_used_ + n > rx_size_) {
      resume(c);  // next turn: the buffer of this one is full
      return;
    }
    room = {rx_.get() + rx_used_, n};
  }
  mark_read(c);
  const ConnId id = c.id;
  std::size_t got = 0;
  const Io io = c.transport.read(room, got);
  if (own) c.in.drop_back(room.size() - got);
  if (io == Io::closed) {
    drop(c, c.phase == Phase::open ? Fault::none : Fault::no_cnn);
    return;
  }
  if (got > 0) {
    tallies_.octets_in.add(got);
    if (!own) rx_used_ += got;
    parse(c, own ? c.in.bytes() : Bytes(room.first(got)), own);
  }
  if (find(id) == nullptr) return;
  if (c.transport.tls()) {
    if (c.transport.holds_octets()) resume(c);
    ask(c, c.readable, !c.out.empty() || c.transport.wants_write());
  }
}

// The header and no octet more: what stands behind it is read when somebody is there to hear it.
void Worker::read_front(Connection& c) {
  for (;;) {
    const session::ProxyHeader header = session::read_proxy_header(c.in.bytes(), *c.front);
    if (header.kind != session::ProxyHeader::Kind::more) {
      on_front(c, header);
      return;
    }
    const std::size_t n = header.octets - c.in.size();
    const MutBytes room{c.in.grow(n), n};
    std::size_t got = 0;
    const Io io = c.transport.read(room, got);
    c.in.drop_back(n - got);
    if (io == Io::closed) {
      drop(c, Fault::none);
      return;
    }
    if (got == 0) return;
  }
}

void Worker::on_front(Connection& c, const session::ProxyHeader& header) {
  if (header.kind == session::ProxyHeader::Kind::local) {
    // The front looks whether somebody listens: it is never answered.
    log::debug("proxy.check", {{"conn", c.id.n}});
    c.in.release();
    c.phase = Phase::lingering;
    c.close_by = now_.tick + limits::kProxyCheckLinger;
    c.armed = Connection::kFar;
    arm(c);
    return;
  }
  tallies_.fronts[static_cast<std::size_t>(header.fault)].add();
  if (header.kind == session::ProxyHeader::Kind::refused) {
    log::warn("proxy.refused", {{"conn", c.id.n}, {"reason", text(header.fault)}});
    drop(c, Fault::protocol_error);
    return;
  }
  c.peer = {.octets = header.source, .v6 = header.v6};
  std::vector<WallIdentity> who{{CredentialKind::proxy_cn, std::string(header.cn)}};
  c.in.release();
  c.close_by = Connection::kFar;
  identified(c, std::move(who), c.peer);
}

void Worker::on_handshake(Connection& c) {
  switch (c.transport.handshake()) {
    case Io::done:
      ask(c, true, false);
      identified(c, c.transport.identities());
      return;
    case Io::again:
      ask(c, true, c.transport.wants_write());
      return;
    case Io::closed:
      drop(c, Fault::protocol_error);
      return;
  }
}

void Worker::discard(Connection& c) {
  std::size_t got = 0;
  const MutBytes room{rx_.get() + rx_used_, std::min(kReadMax, rx_size_ - rx_used_)};
  if (room.empty() || c.transport.read(room, got) != Io::closed) return;
  if (c.phase == Phase::lingering) {
    drop(c, Fault::none);
  } else {
    ask(c, false, c.writable);  // it may still read what we have for it
  }
}

void Worker::parse(Connection& c, Bytes octets, bool own) {
  std::size_t used = 0;
  while (used < octets.size()) {
    const Bytes rest = octets.subspan(used);
    const auto status = c.reader.next(rest, c.session->payload_max());
    if (status == wire::FrameReader::Status::need_more) break;
    if (status == wire::FrameReader::Status::bad) {
      if (c.phase != Phase::open) {
        drop(c, Fault::protocol_error);
        return;
      }
      // After the frames before it.
      work_.push_back({.conn = c.id, .bad = true, .frame = {}});
      break;
    }
    if (c.phase == Phase::greeted) {
      on_cnn(c, c.reader.frame(), rest, own);
      return;
    }
    work_.push_back({.conn = c.id, .bad = false, .frame = c.reader.frame()});
    used += c.reader.frame().octets;
  }
  const Bytes rest = octets.subspan(used);
  c.session->on_octets(now_, used > 0, rest.size());
  if (own) {
    c.in.drop_front(used);  // the memory stays: frames of this turn lie in it
  } else {
    c.in.put(rest);
  }
  if (!rest.empty()) arm(c);
}

void Worker::process() {
  macs_.resize(work_.size());
  jobs_.clear();
  for (std::size_t i = 0; i < work_.size(); ++i) {
    const Work& w = work_[i];
    const Connection* c = find(w.conn);
    if (w.bad || c == nullptr || c->session->unsigned_frames()) continue;
    jobs_.push_back({&keys_.mac(c->key), w.frame.payload, {}, &macs_[i]});
  }
  sign_many(jobs_);
  for (std::size_t i = 0; i < work_.size(); ++i) {
    const Work& w = work_[i];
    Connection* c = find(w.conn);
    if (c == nullptr || c->phase != Phase::open) continue;
    if (w.bad) {
      goodbye(*c, DcnnCode::proto, "An octet cannot be part of a frame; mend the client.");
      continue;
    }
    tallies_.frames_in.add();
    const bool mac_ok =
        c->session->unsigned_frames() || session::signature_is(w.frame.sig, macs_[i]);
    const auto got = c->session->accept(w.frame, mac_ok, now_);
    switch (got.verdict.kind) {
      case session::Verdict::Kind::deliver:
        hub_.frame({c->id, got.nonce, w.frame.cmd, w.frame.payload, w.frame.octets});
        break;
      case session::Verdict::Kind::close:
        log::info("conn.unsigned", {{"conn", c->id.n}});
        count_silent(Silent::bad_signature);
        drop(*c, Fault::none);
        break;
      case session::Verdict::Kind::dcnn:
        goodbye(*c, got.verdict.code, got.verdict.message);
        break;
    }
  }
  work_.clear();
  settle_buffers();
}

void Worker::settle_buffers() {
  for (const ConnId id : read_) {
    Connection* c = find(id);
    if (c == nullptr) continue;
    c->was_read = false;
    if (c->in.empty()) c->in.release();
  }
  read_.clear();
}

}  // namespace moot::net
