#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "client/address.h"
#include "model/ids.h"

namespace moot::net {

// One outgoing connection, plain TCP on this machine or TLS 1.3. Handlers are called on the
// context's thread, `lost` exactly once and last; none after the object is gone. What the server
// does not answer in time is `lost` too.
class ClientConnection {
 public:
  struct Handlers {
    // `binding`: the TLS exporter value (security.md A22).
    std::function<void(const std::optional<Binding>& binding)> connected;
    std::function<void(Bytes octets)> octets;
    std::function<void(std::string why)> lost;
  };
  ClientConnection(boost::asio::io_context& io, client::Address address, client::Tls tls,
                   client::ClientCertificate certificate, Handlers handlers);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Over limits::kClientWriteBytes that the server does not take, the connection is lost.
  void write(Bytes octets);
  // Nothing is read until `resume`; the server waits, or ends the connection.
  void pause();
  void resume();
  // Flushes, says the end, and gives the other side a second to say its own.
  void close();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace moot::net
