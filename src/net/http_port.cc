#include "net/http_port.h"

#include <array>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <utility>

#include "model/limits.h"
#include "net/endpoint.h"
#include "net/log.h"

namespace moot::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kRestMax = 64 * 1024;  // read and dropped behind an answer
constexpr std::chrono::seconds kAcceptPause{1};

HttpAnswer said(unsigned status, std::string sentence) {
  return {.status = status, .body = std::move(sentence) += '\n'};
}

// What no request came of.
std::optional<HttpAnswer> refusal(const ErrorCode& ec) {
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
    return said(431, "The header is too large.");
  }
  if (ec == http::error::body_limit) return said(413, "A request has no body here.");
  if (ec == http::error::end_of_stream || ec == http::error::partial_message) return std::nullopt;
  if (ec.category() == http::make_error_code(http::error::bad_method).category()) {
    return said(400, "This is no HTTP request.");
  }
  return std::nullopt;  // the connection is broken, or its time is over
}

using Parser = http::request_parser<http::empty_body>;

void set_bounds(Parser& parser) {
  parser.header_limit(limits::kHttpHeaderBytes);
  parser.body_limit(0);
}

// To a request whose header was read, or came to `ec`.
std::optional<HttpAnswer> answer_to(const Parser& parser, const ErrorCode& ec,
                                    const HttpPages& pages) {
  if (ec) {
    std::optional<HttpAnswer> no = refusal(ec);
    if (no) log::debug("http.refused", {{"status", no->status}});
    return no;
  }
  const auto& request = parser.get();
  const std::string_view method(request.method_string().data(), request.method_string().size());
  const std::string_view target(request.target().data(), request.target().size());
  const bool body = parser.chunked() || parser.content_length().value_or(0) > 0;
  HttpAnswer answer =
      body ? said(413, "A request has no body here.") : answer_http(method, target, pages);
  log::debug("http.request", {{"target", target.substr(0, 64)}, {"status", answer.status}});
  return answer;
}

}  // namespace

std::optional<HttpAnswer> read_http(std::string_view octets, const HttpPages& pages) {
  Parser parser;
  set_bounds(parser);
  ErrorCode ec;
  parser.put(asio::buffer(octets.data(), octets.size()), ec);
  if (ec == http::error::need_more) return std::nullopt;
  if (!ec && !parser.is_header_done()) return std::nullopt;
  return answer_to(parser, ec, pages);
}

HttpAnswer answer_http(std::string_view method, std::string_view target, const HttpPages& pages) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (path != "/metrics" && path != "/livez" && path != "/readyz") {
    return said(404, "There are /metrics, /livez and /readyz here.");
  }
  if (method != "GET" && method != "HEAD") {
    HttpAnswer a = said(405, "Only GET and HEAD are answered.");
    a.allow = "GET, HEAD";
    return a;
  }
  if (path == "/metrics") {
    return {.type = "text/plain; version=0.0.4; charset=utf-8", .body = pages.metrics()};
  }
  if (path == "/readyz") {
    if (const std::string why = pages.not_ready(); !why.empty()) return said(503, why);
  }
  return said(200, "ok");
}

struct HttpPort::Session {
  Session(tcp::socket socket, std::weak_ptr<HttpPort*> owner)
      : stream(std::move(socket)), port(std::move(owner)) {
    set_bounds(parser);
  }
  ~Session() {
    if (const auto p = port.lock()) (*p)->gone();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  beast::tcp_stream stream;
  std::weak_ptr<HttpPort*> port;
  beast::flat_buffer in{limits::kHttpHeaderBytes + 1};
  Parser parser;
  http::response<http::string_body> out;
  std::array<char, 4096> rest{};
};

HttpPort::HttpPort(asio::io_context& ctx, HttpPages pages)
    : acceptor_(ctx), pause_(ctx), pages_(std::move(pages)) {}
HttpPort::~HttpPort() = default;

Result<std::unique_ptr<HttpPort>> HttpPort::open(asio::io_context& ctx, const Options& options,
                                                 HttpPages pages) {
  std::unique_ptr<HttpPort> port(new HttpPort(ctx, std::move(pages)));
  const Status ok =
      options.inherited >= 0 ? port->adopt(options.inherited) : port->listen(options.address);
  if (!ok) return fail(options.option + ": " + ok.error().message);
  port->wait();
  return port;
}

Status HttpPort::adopt(int fd) {
  const auto at = listening_at(fd);
  if (!at || !at->tcp()) {
    return fail(
        "the service manager's socket is no listening one of TCP; let its unit have a "
        "ListenStream=127.0.0.1:7680.");
  }
  ErrorCode ec;
  acceptor_.assign(at->storage.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), fd, ec);
  if (!ec) return {};
  return fail("the service manager's socket cannot be used (" + ec.message() +
              "); start its unit anew.");
}

Status HttpPort::listen(const std::string& where) {
  const auto at = parse_endpoint(where);
  if (!at) return std::unexpected(at.error());
  asio::ip::address address;
  if (at->address.v6) {
    address = asio::ip::address_v6(at->address.octets);
  } else {
    const auto& o = at->address.octets;
    address = asio::ip::address_v4({o[0], o[1], o[2], o[3]});
  }
  const tcp::endpoint endpoint(address, at->port);
  ErrorCode ec;
  const auto step = [&ec](auto&& call) {
    if (!ec) call();
  };
  step([&] { acceptor_.open(endpoint.protocol(), ec); });
  step([&] { acceptor_.set_option(tcp::acceptor::reuse_address(true), ec); });
  if (at->address.v6) step([&] { acceptor_.set_option(asio::ip::v6_only(true), ec); });
  step([&] { acceptor_.bind(endpoint, ec); });
  step([&] { acceptor_.listen(asio::socket_base::max_listen_connections, ec); });
  if (!ec) return {};
  return fail("cannot listen on " + where + " (" + ec.message() +
              "); choose another address and port, or `off`.");
}

std::string HttpPort::line() const {
  ErrorCode ec;
  const tcp::endpoint at = acceptor_.local_endpoint(ec);
  const std::string host = at.address().to_string(ec);
  return "http " + (at.address().is_v6() ? "[" + host + "]" : host) + ":" +
         std::to_string(at.port());
}

void HttpPort::wait() {
  if (waiting_ || live_ >= limits::kHttpConns) return;
  waiting_ = true;
  acceptor_.async_accept([this](const ErrorCode& ec, tcp::socket socket) {
    waiting_ = false;
    if (ec == asio::error::operation_aborted) return;
    if (ec) return again_later();
    take(std::move(socket));
    wait();
  });
}

// Without descriptors: the next try would fail at once.
void HttpPort::again_later() {
  pause_.expires_after(kAcceptPause);
  pause_.async_wait([this](const ErrorCode& ec) {
    if (!ec) wait();
  });
}

void HttpPort::gone() {
  --live_;
  wait();
}

void HttpPort::take(tcp::socket socket) {
  ++live_;
  auto s = std::make_shared<Session>(std::move(socket), self_);
  s->stream.expires_after(limits::kHttpTimeout);
  http::async_read_header(s->stream, s->in, s->parser,
                          [this, s](const ErrorCode& ec, std::size_t) { on_header(s, ec); });
}

void HttpPort::on_header(const std::shared_ptr<Session>& s, const ErrorCode& ec) {
  const auto answer = answer_to(s->parser, ec, pages_);
  if (answer) reply(s, !ec && s->parser.get().method() == http::verb::head, *answer);
}

void HttpPort::reply(const std::shared_ptr<Session>& s, bool head, const HttpAnswer& answer) {
  auto& out = s->out;
  out.version(11);
  out.result(answer.status);
  out.keep_alive(false);
  out.set(http::field::content_type, {answer.type.data(), answer.type.size()});
  out.set(http::field::cache_control, "no-store");
  out.set("X-Content-Type-Options", "nosniff");
  if (!answer.allow.empty())
    out.set(http::field::allow, {answer.allow.data(), answer.allow.size()});
  out.content_length(answer.body.size());
  if (!head) out.body() = answer.body;
  http::async_write(s->stream, out, [this, s](const ErrorCode& ec, std::size_t) {
    if (ec) return;
    ErrorCode ignored;
    s->stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    read_rest(s, kRestMax);
  });
}

// Closing on what was not read would take the answer away from who is still sending.
void HttpPort::read_rest(const std::shared_ptr<Session>& s, std::size_t left) {
  s->stream.async_read_some(asio::buffer(s->rest),
                            [this, s, left](const ErrorCode& ec, std::size_t n) {
                              if (!ec && n < left) read_rest(s, left - n);
                            });
}

}  // namespace moot::net
