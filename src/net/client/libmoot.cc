#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "client/enrolment.h"
#include "moot/client.h"
#include "net/client/impl.h"
#include "net/client/key_on_disk.h"
#include "net/client/runtime.h"
#include "net/client/tell.h"
#include "store/files.h"
#include "text/text.h"

namespace moot {

std::string net::no_user(std::string_view text) {
  return "\"" + std::string(text) + "\" is no user id; write a name such as @ada.";
}
using net::kUnread;
using net::no_user;

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

std::expected<std::unique_ptr<Client>, Client::Failure> Client::open(Options options) {
  const auto failed = [](const Error& e) { return std::unexpected(Failure{e.message, false}); };
  auto key = net::load_key_file(options.key_file);
  if (!key) return failed(key.error());
  const auto address = client::parse_address(key->address);
  const auto tls = client::parse_tls(key->tls);
  if (!address) return failed(address.error());
  if (!tls) return failed(tls.error());
  if (const auto allowed = client::check_protection(*address, *tls); !allowed)
    return failed(allowed.error());
  if (const auto made = store::make_dir(options.home); !made) return failed(made.error());
  auto lock = store::DirLock::try_take(options.home);
  if (!lock) return failed(lock.error());
  if (!*lock) {
    return std::unexpected(Failure{
        "Another moot is using " + options.home + "; end it, or use another --home.", true});
  }
  auto impl = std::make_unique<Impl>();
  impl->lock = std::move(**lock);
  auto runtime = net::ClientRuntime::start({.key = std::move(*key),
                                            .dir = options.home,
                                            .connect = options.connect,
                                            .answers = options.answer_handshakes,
                                            .trace_file = options.trace_file},
                                           impl->events);
  if (!runtime) return failed(runtime.error());
  impl->runtime = std::move(*runtime);
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

std::optional<Client::Event> Client::wait(std::chrono::milliseconds time) {
  return impl_->events.wait(time);
}
int Client::event_fd() const { return impl_->events.fd(); }

std::expected<std::string, std::string> Client::send(std::string_view to, std::string_view text,
                                                     std::uint64_t request) {
  const auto user = UserId::parse(to);
  if (!user || user->reserved()) return std::unexpected(no_user(to));
  if (impl_->events.full()) return std::unexpected(kUnread);
  client::Outbox::New message{*user, std::string(text), std::nullopt, {}, {request}};
  net::random_octets(message.random);
  net::ClientRuntime& r = *impl_->runtime;
  const auto id = r.ask([&] { return r.engine().send_message(r.now(), std::move(message)); });
  if (!id) return std::unexpected(id.error().message);
  return moot::text(*id);
}

void Client::list_users(std::uint64_t request) {
  net::ClientRuntime& r = *impl_->runtime;
  r.post([&r, request] { r.engine().list_users(r.now(), {request}); });
}

void Client::set_name(std::uint64_t request, std::string_view name) {
  if (!text_rules::valid_name(name)) {
    impl_->events.push({.kind = Event::Kind::done,
                        .text = "A nickname has 1 to 64 characters and no control characters.",
                        .request = request});
    return;
  }
  net::ClientRuntime& r = *impl_->runtime;
  r.post([&r, request, name = std::string(name)] {
    r.engine().set_user(r.now(), {request}, name, std::nullopt);
  });
}

void Client::set_away(std::uint64_t request, bool away) {
  net::ClientRuntime& r = *impl_->runtime;
  r.post([&r, request, away] {
    r.engine().set_user(r.now(), {request}, std::nullopt,
                        away ? UserStatus::away : UserStatus::online);
  });
}

void Client::greet(std::string_view user) {
  const auto peer = UserId::parse(user);
  if (!peer) {
    impl_->events.push({.kind = Event::Kind::notice, .text = no_user(user)});
    return;
  }
  net::ClientRuntime& r = *impl_->runtime;
  r.post([&r, peer] { r.engine().greet(r.now(), *peer); });
}

void Client::mark_read(std::string_view user, std::uint64_t upto_seq) {
  const auto peer = UserId::parse(user);
  if (!peer) return;
  net::ClientRuntime& r = *impl_->runtime;
  r.post([&r, peer, upto_seq] { r.engine().mark_read(r.now(), *peer, upto_seq); });
}

void Client::hurry() {
  net::ClientRuntime& r = *impl_->runtime;
  r.post([&r] { r.engine().hurry(r.now()); });
}

std::expected<std::vector<Client::Message>, std::string> Client::history(const Query& query) const {
  store::HistoryQuery q;
  if (!query.peer.empty()) {
    const auto peer = UserId::parse(query.peer);
    if (!peer) return std::unexpected(no_user(query.peer));
    q.peer = *peer;
  }
  q.after_seq = query.after_seq;
  q.before_seq = query.before_seq;
  q.since = {query.since_ms};
  q.rows_max = query.count;
  q.oldest = query.first;
  if (!query.containing.empty())
    q.folded = text_rules::fold(query.containing).value_or(query.containing);
  auto rows = impl_->runtime->store().history(std::move(q));
  if (!rows) return std::unexpected(rows.error().message);
  std::vector<Message> out;
  out.reserve(rows->size());
  for (const PrivateMessage& m : *rows) out.push_back(net::tell(m, impl_->runtime->key().account));
  return out;
}

std::expected<std::optional<Client::Message>, std::string> Client::message(
    std::string_view author, std::string_view id) const {
  const auto user = UserId::parse(author);
  const auto msg_id = parse_ulid<MsgId>(id);
  if (!user) return std::unexpected(no_user(author));
  if (!msg_id) return std::unexpected("\"" + std::string(id) + "\" is no message id.");
  auto row = impl_->runtime->store().message(*user, *msg_id);
  if (!row) return std::unexpected(row.error().message);
  if (!*row) return std::nullopt;
  return net::tell(**row, impl_->runtime->key().account);
}

std::expected<std::vector<Client::Conversation>, std::string> Client::conversations() const {
  auto rows = impl_->runtime->store().conversations();
  if (!rows) return std::unexpected(rows.error().message);
  std::vector<Conversation> out;
  for (const store::Conversation& c : *rows)
    out.push_back({std::string(c.peer.str()), c.unread, c.last_at.ms});
  return out;
}

std::expected<void, std::string> Client::check_store(const Progress& progress) const {
  const auto alive = [&] { return !progress || progress(0, 0); };
  const auto checked = impl_->runtime->store().check(alive);
  if (!checked) return std::unexpected(checked.error().message);
  return {};
}

Client::Status Client::status() const {
  net::ClientRuntime& r = *impl_->runtime;
  return r.ask([&] {
    Status s;
    s.account = r.key().account.str();
    s.label = r.key().label;
    s.server = r.key().srv;
    s.address = r.key().address;
    s.connected = r.engine().core().open();
    s.sentence = r.sentence();
    s.unconfirmed = r.engine().core().outbox_size();
    s.clock_offset_ms = r.engine().core().clock_offset_ms();
    return s;
  });
}

namespace {

Now now_for_join() {
  using std::chrono::duration_cast;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto tick = std::chrono::steady_clock::now().time_since_epoch();
  return {{duration_cast<Millis>(tick).count()},
          {static_cast<std::uint64_t>(duration_cast<Millis>(wall).count())}};
}

}  // namespace

std::expected<Joined, std::string> join(std::string_view link, std::string_view user,
                                        std::string_view name, std::string_view label) {
  const auto invite = client::read_invite_link(link);
  if (!invite) return std::unexpected(invite.error().message);
  const auto id = UserId::parse(user);
  if (!id || id->reserved()) {
    return std::unexpected(no_user(user) +
                           " It has lower-case letters, digits, dots, dashes, at most 32.");
  }
  if (!name.empty() && !text_rules::valid_name(name)) {
    return std::unexpected("A nickname has 1 to 64 characters and no control characters.");
  }
  if (const auto allowed = client::check_protection(invite->address, invite->tls); !allowed)
    return std::unexpected(allowed.error().message);

  boost::asio::io_context io(1);
  client::Enrolment enrolment(*invite, {*id, std::string(name), std::string(label)},
                              net::random_u64());
  std::unique_ptr<net::ClientConnection> connection;
  boost::asio::steady_timer patience(io, limits::kInfoAnswerTimeout);
  patience.async_wait([&](boost::system::error_code e) {
    if (!e && connection) connection->close();
  });
  net::ClientConnection::Handlers on;
  on.octets = [&](Bytes octets) {
    Buffer out;
    enrolment.octets(now_for_join(), octets, out);
    connection->write(out.bytes());
    if (enrolment.done()) connection->close();
  };
  on.lost = [&](const std::string& why) {
    enrolment.lost(why);
    io.stop();
  };
  connection = std::make_unique<net::ClientConnection>(io, invite->address, invite->tls,
                                                       client::ClientCertificate{}, std::move(on));
  io.run();
  const auto key = enrolment.result();
  if (!key) return std::unexpected(key.error().message);
  return Joined{std::string(key->account.str()), client::write_key_file(*key)};
}

}  // namespace moot
