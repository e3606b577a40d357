#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/endpoint.h"
#include "net/options.h"
#include "net/transport.h"
#include "net/worker.h"

namespace moot::net {

// A descriptor kept for the moment when there is none left: it makes room to take a connection
// and close it, so that the queue of the listener does not stand full for ever (EMFILE).
class SpareDescriptor {
 public:
  SpareDescriptor();
  ~SpareDescriptor();
  SpareDescriptor(const SpareDescriptor&) = delete;
  SpareDescriptor& operator=(const SpareDescriptor&) = delete;
  // Gives the spare one up, takes a connection, closes it.
  void take_and_close(int listener);

 private:
  int fd_ = -1;
};

// One listening socket. Thread rule: that of its io_context.
class Listener {
 public:
  using Take = std::function<void(Accepted)>;
  using Admit = std::function<bool(const Address&)>;

  // `inherited`: a socket that listens already, or -1 for one of its own.
  static Result<std::unique_ptr<Listener>> open(boost::asio::io_context& ctx,
                                                const ListenOptions& options, int inherited = -1);

  ~Listener();
  void start(SpareDescriptor& spare, Admit admit, Take take);
  void stop();
  // "plain 127.0.0.1:7667", with the port that was really taken.
  std::string line() const;
  // The address of it alone, or the path.
  std::string where() const;
  const TlsIdentity* tls() const { return tls_.get(); }
  // The certificate as its files are now.
  Result<std::shared_ptr<const TlsIdentity>> load_identity() const;
  void use_identity(std::shared_ptr<const TlsIdentity> identity) { tls_ = std::move(identity); }
  const ListenOptions& options() const { return options_; }
  // Who wanted to be a front of it and is none.
  struct Strangers {
    std::uint64_t count = 0;
    std::string last;  // "uid 998", "192.0.2.4"
  };
  const Strangers& strangers() const { return strangers_; }

 private:
  Listener(boost::asio::io_context& ctx, const ListenOptions& options)
      : socket_(ctx), options_(options) {}
  Status bind_path(int inherited);
  Status bind_address(int inherited);
  void wait();
  void take_all();
  bool is_front(int fd, const Address& from);
  void take_one(int fd, const Address& from);

  boost::asio::posix::stream_descriptor socket_;
  ListenOptions options_;
  Endpoint at_;
  std::string path_;  // of the socket's file, while it is ours
  std::shared_ptr<const TlsIdentity> tls_;
  Strangers strangers_;
  SpareDescriptor* spare_ = nullptr;
  Admit admit_;
  Take take_;
};

}  // namespace moot::net
