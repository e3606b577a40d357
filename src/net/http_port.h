#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace moot::net {

// What the pages of the port say, asked for each time.
struct HttpPages {
  std::function<std::string()> metrics;
  std::function<std::string()> not_ready;  // why nobody is served; empty: somebody is
};

struct HttpAnswer {
  unsigned status = 200;
  std::string_view type = "text/plain; charset=utf-8";
  std::string_view allow;  // of 405
  std::string body;
};
// Pure. `target` with or without a query.
HttpAnswer answer_http(std::string_view method, std::string_view target, const HttpPages& pages);
// Pure: the answer to what a connection sent. None: its header is not whole, or so broken off that
// nobody waits for an answer.
std::optional<HttpAnswer> read_http(std::string_view octets, const HttpPages& pages);

// HTTP for health and metrics: one request a connection, none has a body, and each has
// limits::kHttpTimeout from its acceptance to its end.
// Thread rule: that of its io_context, which outlives it and is not run after it.
class HttpPort {
 public:
  struct Options {
    std::string address;  // "127.0.0.1:7680"
    std::string option;   // what to name when it cannot be had
    int inherited = -1;   // a socket that listens already
  };
  static Result<std::unique_ptr<HttpPort>> open(boost::asio::io_context& ctx,
                                                const Options& options, HttpPages pages);
  ~HttpPort();

  // "http 127.0.0.1:7680", with the port that was really taken.
  std::string line() const;

 private:
  struct Session;
  HttpPort(boost::asio::io_context& ctx, HttpPages pages);
  Status adopt(int fd);
  Status listen(const std::string& where);
  void wait();
  void again_later();
  void take(boost::asio::ip::tcp::socket socket);
  void on_header(const std::shared_ptr<Session>& s, const boost::system::error_code& ec);
  void reply(const std::shared_ptr<Session>& s, bool head, const HttpAnswer& answer);
  void read_rest(const std::shared_ptr<Session>& s, std::size_t left);
  void gone();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  HttpPages pages_;
  // Sessions may end after their port: handlers go with the io_context.
  std::shared_ptr<HttpPort*> self_ = std::make_shared<HttpPort*>(this);
  std::size_t live_ = 0;
  bool waiting_ = false;
};

}  // namespace moot::net
