#include "net/hub.h"

#include <cstdlib>
#include <limits>
#include <utility>

#include "crypto/wipe.h"
#include "net/clock.h"
#include "net/log.h"
#include "text/text.h"

namespace moot::net {
namespace {

constexpr std::size_t kTriesWithoutKid = limits::kCredentialsPerUser;

std::string credentials_directory() {
  const char* dir = std::getenv("CREDENTIALS_DIRECTORY");
  return dir != nullptr ? dir : "";
}

template <class Id>
Id random_id() {
  Id id;
  seal::random_bytes(id.octets);
  return id;
}

server::Config with_random(server::Config config, Now now) {
  std::array<std::uint8_t, 10> random{};
  seal::random_bytes(random);
  config.channels.lobby_id = ChannelId{Ulid<ChannelTag>::make(now.wall, random)};
  config.channels.stamp_key = random_id<KeyBytes>();
  return config;
}

}  // namespace

TextRules unicode_rules() {
  return {.is_nfc = &text_rules::is_nfc,
          .fold = [](std::string_view t) { return text_rules::fold(t).value_or(std::string(t)); }};
}

Hub::Hub(const ServerOptions& options, unsigned threads, std::uint64_t seed)
    : text_(unicode_rules()),
      fx_(threads),
      sources_(options.live.sources, seed),
      failed_keys_(seed),
      now_(read_clocks()) {}

Hub::~Hub() {
  // The store commits what it got; its thread ends before what its callbacks use.
  close();
}

void Hub::close() {
  kept_.reset();
  store_.reset();
}

// A core that could not read is not asked again but for farewells.
template <class Step>
void Hub::guarded(Step step) {
  try {
    step();
  } catch (const store::ReadFailed& e) {
    if (!failure_) failure_ = e.error();
  }
}

Result<std::unique_ptr<Hub>> Hub::open(const ServerOptions& options, unsigned threads) {
  std::uint8_t seed[8];
  seal::random_bytes(seed);
  std::unique_ptr<Hub> hub(new Hub(options, threads, get_be64(seed)));
  StoreNews* news = hub->news_.get();
  auto opened = store::ServerStore::open(
      {.dir = options.data_dir, .credentials_dir = credentials_directory()},
      {.on_commit = [news](Ticket t) { news->put(StoreNews::Committed{t}); },
       .on_error = [news](const Error& e) { news->put(StoreNews::Failed{e}); }});
  if (!opened) return std::unexpected(opened.error());
  hub->store_ = std::move(*opened);
  const auto snapshot = hub->store_->load();
  if (!snapshot) return std::unexpected(snapshot.error());
  auto kept = store::KeptReaders::open(options.data_dir, hub->store_->vault());
  if (!kept) return std::unexpected(kept.error());
  hub->kept_ = std::move(*kept);
  const server::Config config = with_random(options.live.core, hub->now_);
  hub->core_ =
      std::make_unique<server::Core>(config, hub->text_, *snapshot, *hub->kept_, hub->now_);
  const UserId nobody = *UserId::parse("nobody");
  const server::MadeKey key = hub->make_key(nobody, CredentialKind::hmac);
  hub->nobody_ = {.kid = key.kid, .account = nobody, .sealed = key.sealed, .mk_id = key.mk_id};
  return hub;
}

void Hub::start(Now now) {
  now_ = now;
  guarded([&] { core_->start(now, fx_); });
  settle();
}

void Hub::configure(const LiveOptions& live) {
  sources_.configure(live.sources);
  core_->configure(now_, live.core, fx_);
  settle();
}

void Hub::shutdown(Now now, std::uint64_t retry_s) {
  now_ = now;
  guarded([&] { core_->shutdown(now, retry_s, fx_); });
}

// ---- steps of connections -----------------------------------------------------------------

void Hub::look_up_wall(const WallClaim& claim) {
  WallAnswer answer;
  if (claim.source) {
    std::uint8_t random[4];
    seal::random_bytes(random);
    if (!sources_.admit(*claim.source, now_.tick, get_be32(random))) {
      fx_.wall(claim.conn, answer);
      return;
    }
    answer.counted = claim.source;
  }
  for (const WallIdentity& identity : claim.identities) {
    const Credential* c = core_->find_wall(identity);
    // Whose key was revoked is not let in by what else his certificate says.
    if (c == nullptr && core_->revoked_wall(identity)) break;
    if (c == nullptr) continue;
    if (core_->facts(*c, {}, now_).usable) {
      answer.kid = c->kid;
      answer.account = c->account;
    }
    break;
  }
  fx_.wall(claim.conn, answer);
}

void Hub::look_up(const CnnName& name) {
  if (counts(name) && failed_keys_.held(*name.source, {name.account, name.kid}, now_.tick)) {
    // Nothing is looked at meanwhile, so right and wrong wait alike.
    log::info("auth.held", {{"conn", name.conn.n}});
    fx_.tallies.held.add();
    held_.add(name, now_.tick);
  } else {
    answer(name);
  }
}

void Hub::answer_held() {
  while (const auto name = held_.take(now_.tick)) answer(*name);
}

void Hub::answer(const CnnName& name) {
  KeyAnswer answer;
  session::Claim claim;
  claim.cnn.id = name.account;
  claim.cnn.kid = name.kid;
  if (!name.literal) claim.cnn.chal.emplace();
  claim.nonce = name.nonce;
  claim.timestamp = name.timestamp;
  const auto add = [&](const Credential& c) {
    answer.candidates.push_back({c, core_->facts(c, claim, now_)});
  };
  if (name.wall) {
    if (const Credential* c = core_->find(name.account, *name.kid)) add(*c);
    fx_.keys(name.conn, std::move(answer));
    return;
  }
  if (name.kid) {
    const Credential* c = core_->find(name.account, *name.kid);
    // A wall identity has no key to try.
    if (c != nullptr && !c->sealed.empty()) add(*c);
  } else {
    for (const Credential* c : core_->candidates(name.account)) {
      if (!c->sealed.empty() && answer.candidates.size() < kTriesWithoutKid) add(*c);
    }
  }
  const std::size_t tries = name.kid ? 1 : kTriesWithoutKid;
  while (answer.candidates.size() < tries) answer.candidates.push_back(nobody());
  fx_.keys(name.conn, std::move(answer));
}

void Hub::refused(const CnnName& name) {
  if (counts(name)) failed_keys_.failed(*name.source, {name.account, name.kid}, now_.tick);
}

void Hub::admit(const server::Admission& who, const UserId& account) {
  // The look-up is a moment ago and on another thread: what was true may have changed.
  const Credential* c = core_->find(account, who.kid);
  session::Claim claim;
  claim.cnn.id = account;
  claim.cnn.kid = who.kid;
  if (who.challenged) claim.cnn.chal.emplace();
  claim.nonce = who.nonce;
  claim.timestamp = who.timestamp;
  const session::CredentialFacts facts =
      c != nullptr ? core_->facts(*c, claim, now_) : session::CredentialFacts{};
  const Credential* wall = who.wall ? core_->find(account, *who.wall) : nullptr;
  const bool walled = wall != nullptr && core_->facts(*wall, claim, now_).usable;
  if (!facts.usable || (who.wall && !walled)) {
    fx_.close(who.conn, DcnnCode::revoked,
              "This key is not valid any more; ask the server's operator for a new one.",
              std::nullopt, {});
    return;
  }
  if (facts.nonce_seen) {
    fx_.close(who.conn, DcnnCode::replay,
              "This CNN was used before; connect again with a new random nonce.", std::nullopt, {});
    return;
  }
  guarded([&] { core_->admit(now_, who, fx_); });
}

void Hub::frame(const server::Incoming& in) {
  if (failure_) return;
  // A read may hold hundreds of short questions with long answers: they fill the send queue before
  // anything of it can leave (DO-07). The largest one there is bounds the answers of a turn.
  constexpr std::size_t kEnded = std::numeric_limits<std::size_t>::max();
  std::size_t& answered = fx_.answered(in.conn);
  if (answered > limits::kSendQueueReplicaBytes) {
    if (std::exchange(answered, kEnded) != kEnded) {
      log::info("conn.sendq", {{"conn", in.conn.n}, {"asked", "more than one turn answers"}});
      fx_.close(in.conn, DcnnCode::sendq,
                "Too much was asked for at once; connect again and wait for answers.", std::nullopt,
                {});
    }
    return;
  }
  fx_.asking(in.conn);
  guarded([&] { core_->frame(now_, in, fx_); });
  fx_.asking({});
  if (in.cmd == c::ChAttach::kTable.name || in.cmd == c::ChLeave::kTable.name) {
    fx_.queue_max(in.conn, core_->send_queue_max(in.conn));
  }
}

void Hub::gone(ConnId conn) {
  guarded([&] { core_->gone(now_, conn, fx_); });
}
void Hub::reached(ConnId conn, std::uint64_t token) {
  guarded([&] { core_->reached(now_, conn, token, fx_); });
}
void Hub::behind(ConnId conn) {
  guarded([&] { core_->behind(now_, conn, fx_); });
}
void Hub::drained(ConnId conn) {
  guarded([&] { core_->drained(now_, conn, fx_); });
}
void Hub::settled(const Address& from, SourceLimits::Fault fault) {
  sources_.settled(from, now_.tick, fault);
}

// ---- a turn -------------------------------------------------------------------------------

void Hub::turn(Now now) {
  now_ = now;
  fx_.begin_turn();
  hear();
  answer_held();
  if (failure_ || core_->next_deadline() > now_.tick) return;
  guarded([&] { core_->tick(now_, fx_); });
}

void Hub::hear() {
  news_->mail.take(taken_);
  for (auto& news : taken_) {
    if (const auto* done = std::get_if<StoreNews::Committed>(&news)) {
      fx_.release(done->upto);
      core_->committed(now_, done->upto, fx_);
    } else if (auto* page = std::get_if<StoreNews::Page>(&news)) {
      guarded([&] { core_->offline_page(now_, page->conn, std::move(page->page), fx_); });
    } else if (const auto* failed = std::get_if<StoreNews::Failed>(&news)) {
      if (!failure_) failure_ = failed->error;
    }
  }
}

void Hub::settle() {
  while (!fx_.key_wishes.empty()) {
    const auto wishes = std::exchange(fx_.key_wishes, {});
    for (const FanOut::KeyWish& w : wishes) {
      server::MadeKey key = w.existing ? existing_key(w.account, *w.existing)
                                       : make_key(w.account, CredentialKind::hmac);
      core_->key_ready(now_, w.conn, key, fx_);
      wipe(key.key.octets.data(), key.key.octets.size());
    }
  }
  if (failure_) fx_.ops.clear();  // of a step that was broken off, perhaps
  if (!fx_.ops.empty()) store_->submit(fx_.newest(), std::exchange(fx_.ops, {}));
  for (const FanOut::Fetch& f : std::exchange(fx_.fetches, {})) {
    StoreNews* news = news_.get();
    store_->fetch_offline(f.kid, f.after_seq, {},
                          [news, conn = f.conn](Result<store::OfflinePage> got) {
                            if (!got) {
                              news->put(StoreNews::Failed{got.error()});
                              return;
                            }
                            StoreNews::Page page{conn, {}};
                            page.page.more = got->more;
                            for (auto& row : got->rows) {
                              page.page.rows.push_back({row.seq, std::move(row.copy)});
                            }
                            news->put(std::move(page));
                          });
  }
}

Status Hub::commit_all() {
  settle();
  close();  // commits
  now_ = read_clocks();
  hear();
  if (failure_) return std::unexpected(*failure_);
  return {};
}

// ---- keys ---------------------------------------------------------------------------------

server::MadeKey Hub::make_key(const UserId& account, CredentialKind kind) {
  server::MadeKey key;
  key.kid = random_id<Kid>();
  key.key = random_id<KeyBytes>();
  const seal::Vault& vault = store_->vault();
  auto sealed =
      vault.seal(key.key.bytes(),
                 {.kid = key.kid.bytes(), .account = account.str(), .kind = moot::text(kind)});
  key.sealed = std::move(sealed.octets);
  key.mk_id = sealed.mk_id;
  key.dup.octets = vault.dup_tag(key.key.bytes());
  return key;
}

server::MadeKey Hub::existing_key(const UserId& account, const Kid& kid) {
  server::MadeKey key;
  const Credential* c = core_->find(account, kid);
  if (c == nullptr) return make_key(account, CredentialKind::hmac);
  key.kid = kid;
  key.sealed = c->sealed;
  key.mk_id = c->mk_id;
  key.dup = c->dup;
  if (!store_->vault().unseal(
          c->sealed, c->mk_id,
          {.kid = kid.bytes(), .account = account.str(), .kind = moot::text(c->kind)},
          key.key.octets)) {
    log::error("key.unopened", {{"account", account.str()}});
  }
  return key;
}

}  // namespace moot::net
