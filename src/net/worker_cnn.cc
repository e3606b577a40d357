#include <array>

#include "crypto/wipe.h"
#include "net/log.h"
#include "net/worker.h"

// From a CNN to an open connection.
namespace moot::net {
namespace {

using Phase = Connection::Phase;
using Fault = SourceLimits::Fault;

seal::KeySite site_of(const Credential& c) {
  return {.kid = c.kid.bytes(), .account = c.account.str(), .kind = text(c.kind)};
}

// Who it claims to be. A key counts as it was claimed, whatever becomes of it.
CnnName name_of(const Connection& c, const session::Claim& claim) {
  const bool unsigned_frames = c.session->unsigned_frames();
  return {.conn = c.id,
          .account = claim.cnn.id,
          .kid = unsigned_frames ? std::optional(c.wall->kid) : claim.cnn.kid,
          .wall = unsigned_frames,
          .literal = !claim.cnn.chal.has_value(),
          .nonce = claim.nonce,
          .timestamp = claim.timestamp,
          .source = c.counted ? std::optional(c.peer) : std::nullopt};
}

}  // namespace

void Worker::on_wall(Connection& c, const WallAnswer& answer) {
  c.counted = c.counted || answer.counted.has_value();
  MOOT_CHECK(c.phase == Phase::walled);  // nothing but its end happens to it meanwhile
  if (!answer.kid) {
    log::info("wall.unknown", {{"conn", c.id.n}});
    drop(c, Fault::auth_failure);
    return;
  }
  c.wall = std::make_unique<const Connection::Wall>(*answer.kid, answer.account);
  ask(c, true, c.writable);
  const ConnId id = c.id;
  greet(c);
  Connection* still = find(id);
  if (still != nullptr && still->transport.holds_octets()) resume(*still);
}

void Worker::on_cnn(Connection& c, const wire::Frame& frame, Bytes from_frame, bool own) {
  const auto claim = c.session->read_cnn(frame, arena_);
  // What cannot be read takes the way of an id that nobody has: as late, and as much work.
  const CnnName name = claim ? name_of(c, *claim) : CnnName{.conn = c.id, .kid = Kid{}};
  arena_.reset();
  if (!own) c.in.put(from_frame);
  c.reader = {};
  c.phase = Phase::checking;
  hub_.look_up(name);
}

void Worker::run_checks() {
  if (checks_.empty()) return;
  const std::vector<Check> checks = std::exchange(checks_, {});
  std::size_t tries = 0;
  for (const Check& check : checks) tries += check.answer.candidates.size();
  std::vector<std::array<std::uint8_t, 32>> octets(tries);
  std::vector<MacKey> keys;
  keys.reserve(tries);
  std::vector<wire::Frame> frames(checks.size());
  macs_.resize(tries);
  jobs_.clear();
  std::size_t i = 0;
  for (std::size_t n = 0; n < checks.size(); ++n) {
    Connection* c = find(checks[n].conn);
    if (c != nullptr) {
      MOOT_CHECK(c->reader.next(c->in.bytes(), c->session->payload_max()) ==
                 wire::FrameReader::Status::frame);
      frames[n] = c->reader.frame();
    }
    for (const KeyAnswer::Candidate& candidate : checks[n].answer.candidates) {
      // Where frames are not signed the key is nobody's, and is not looked at. A row that does not
      // open leaves zeros, with which nothing is let in.
      if (candidate.credential.sealed.empty()) {
        seal::random_bytes(octets[i]);
      } else if (!vault_.unseal(candidate.credential.sealed, candidate.credential.mk_id,
                                site_of(candidate.credential), octets[i])) {
        log::error("key.unopened", {{"account", candidate.credential.account.str()}});
        seal::random_bytes(octets[i]);
      }
      keys.emplace_back(octets[i]);
      jobs_.push_back({&keys.back(), frames[n].payload, {}, &macs_[i]});
      ++i;
    }
  }
  sign_many(jobs_);
  i = 0;
  for (const Check& check : checks) {
    const std::size_t n = check.answer.candidates.size();
    Connection* c = find(check.conn);
    if (c != nullptr && c->phase == Phase::checking) {
      judge(*c, check, std::span(octets).subspan(i, n), std::span(macs_).subspan(i, n));
    }
    i += n;
  }
  for (auto& o : octets) wipe(o.data(), o.size());
}

void Worker::judge(Connection& c, const Check& check,
                   std::span<const std::array<std::uint8_t, 32>> octets,
                   std::span<const Mac> macs) {
  const wire::Frame frame = c.reader.frame();
  const auto claim = c.session->read_cnn(frame, arena_);
  tallies_.frames_in.add();
  tallies_.cnn.add();
  const bool unsigned_frames = c.session->unsigned_frames();
  // Behind a wall it is the wall that says who this is; CNN has to agree (security.md 3.1).
  const bool agrees =
      claim.has_value() &&
      (c.wall == nullptr ||
       (claim->cnn.id == c.wall->account &&
        (!unsigned_frames || !claim->cnn.kid.has_value() || *claim->cnn.kid == c.wall->kid)));
  // Every candidate is compared; the first that fits counts (R16).
  std::size_t fits = macs.size();
  for (std::size_t i = macs.size(); i-- > 0;) {
    const bool usable = check.answer.candidates[i].facts.usable && agrees;
    if ((session::signature_is(frame.sig, macs[i]) || unsigned_frames) && usable) fits = i;
  }
  if (fits == macs.size()) {
    // R3: nothing is said, whatever was wrong.
    log::info("auth.failed",
              {{"conn", c.id.n}, {"account", claim ? claim->cnn.id.str() : std::string_view()}});
    if (claim) hub_.refused(name_of(c, *claim));
    drop(c, claim ? Fault::auth_failure : Fault::protocol_error);
    return;
  }
  session::CredentialFacts facts = check.answer.candidates[fits].facts;
  facts.channel_binding = c.transport.binding();
  const session::Verdict v = c.session->judge_cnn(*claim, true, facts, now_);
  if (v.kind == session::Verdict::Kind::close) {
    drop(c, Fault::auth_failure);
    return;
  }
  if (!unsigned_frames) c.key = keys_.put(octets[fits]);
  const Credential& credential = check.answer.candidates[fits].credential;
  if (v.kind == session::Verdict::Kind::dcnn) {
    log::info("auth.refused",
              {{"conn", c.id.n}, {"account", credential.account.str()}, {"code", text(v.code)}});
    goodbye(c, v.code, v.message);
    return;
  }
  const server::Admission who{
      .conn = c.id,
      .kid = credential.kid,
      .nonce = claim->nonce,
      .timestamp = claim->timestamp,
      .challenged = claim->cnn.chal.has_value(),
      .bound = claim->cnn.cb.has_value() && !c.front,
      .secure = c.transport.tls() || c.front.has_value() || plain_v4(c.peer).loopback(),
      .batch = claim->cnn.batch.value_or(false),
      .wall = c.wall && !unsigned_frames ? std::optional(c.wall->kid) : std::nullopt};
  const std::size_t cnn_octets = frame.octets;
  arena_.reset();
  c.phase = Phase::open;
  settle(c, Fault::none);
  log::info("auth.ok", {{"conn", c.id.n}, {"account", credential.account.str()}});
  tallies_.admitted.add();
  hub_.admit(who, credential.account);
  ask(c, true, c.writable);
  arm(c);
  // What came behind the CNN in the same read.
  c.in.drop_front(cnn_octets);
  if (c.in.empty()) {
    c.in.release();
  } else {
    resume(c);
  }
}

}  // namespace moot::net
