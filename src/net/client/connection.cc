#include "net/client/connection.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "base/buffer.h"
#include "model/limits.h"

namespace moot::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using local = asio::local::stream_protocol;
using boost::system::error_code;

constexpr auto kConnectTimeout = std::chrono::seconds(15);
constexpr auto kCloseTimeout = std::chrono::seconds(1);
constexpr std::size_t kReadBytes = 64 * 1024;

bool key_is(X509* certificate, const client::Tls::Pin& pin) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return false;
  client::Tls::Pin digest;
  const bool hashed = EVP_Digest(der, static_cast<std::size_t>(size), digest.octets.data(), nullptr,
                                 EVP_sha256(), nullptr) == 1;
  OPENSSL_free(der);
  return hashed && digest == pin;
}

}  // namespace

// Kept alive by the operations under way; `handlers_` is empty once nobody listens.
class ClientConnection::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::io_context& io, client::Address address, client::Tls tls,
        client::ClientCertificate certificate, Handlers handlers)
      : address_(std::move(address)),
        tls_mode_(tls),
        certificate_(std::move(certificate)),
        handlers_(std::move(handlers)),
        resolver_(io),
        socket_(io),
        local_(io),
        deadline_(io),
        ssl_(asio::ssl::context::tls_client),
        io_(&io) {}

  void start() {
    const Status allowed = client::check_protection(address_, tls_mode_);
    if (!allowed) {
      asio::post(*io_,
                 [self = shared_from_this(), why = allowed.error().message] { self->finish(why); });
      return;
    }
    wait(kConnectTimeout, "The server at " + text(address_) + " does not answer.");
    if (!address_.path.empty()) {
      local_.async_connect(local::endpoint(address_.path),
                           [self = shared_from_this()](error_code e) { self->on_local(e); });
      return;
    }
    resolver_.async_resolve(
        address_.host, std::to_string(address_.port),
        [self = shared_from_this()](error_code e, tcp::resolver::results_type found) {
          self->on_resolved(e, found);
        });
  }

  void write(Bytes octets) {
    if (finished_ || closing_) return;
    if (waiting_.size() + octets.size() > limits::kClientWriteBytes)
      return finish("The server does not take what is sent; connecting again.");
    waiting_.put(octets);
    write_more();
  }

  void pause() { paused_ = true; }
  void resume() {
    if (!std::exchange(paused_, false) || !connected_ || reading_) return;
    read();
  }

  void close() {
    if (finished_ || closing_) return;
    closing_ = true;
    resume();  // what the server says last is its end
    wait(kCloseTimeout, {});
    if (!connected_) return finish({});
    if (!writing_) say_end();
  }

  void forget() {
    handlers_ = {};
    finish({});
  }

 private:
  template <class F>
  void with_stream(F&& f) {
    if (tls_) {
      f(*tls_);
    } else if (!address_.path.empty()) {
      f(local_);
    } else {
      f(socket_);
    }
  }

  void on_resolved(error_code e, const tcp::resolver::results_type& found) {
    if (finished_) return;
    if (e) return finish("The address " + address_.host + " is not known (" + e.message() + ").");
    asio::async_connect(socket_, found,
                        [self = shared_from_this()](error_code error, const tcp::endpoint& at) {
                          self->on_tcp(error, at);
                        });
  }

  void on_local(error_code e) {
    if (finished_) return;
    if (e) return unreached(e);
    on_connected(std::nullopt);
  }

  void unreached(error_code e) {
    finish("The server at " + text(address_) + " cannot be reached (" + e.message() + ").");
  }

  void on_tcp(error_code e, const tcp::endpoint& at) {
    if (finished_) return;
    if (e) return unreached(e);
    socket_.set_option(tcp::no_delay(true), e);
    if (tls_mode_.mode == client::Tls::Mode::off) {
      // A name may lead anywhere; plain octets stay on this machine (security.md R12).
      if (!at.address().is_loopback())
        return finish("Plain TCP would leave this machine; use the server's TLS address.");
      return on_connected(std::nullopt);
    }
    begin_tls();
  }

  bool show_certificate(SSL_CTX* native) const {
    return SSL_CTX_use_certificate_chain_file(native, certificate_.cert.c_str()) == 1 &&
           SSL_CTX_use_PrivateKey_file(native, certificate_.key.c_str(), SSL_FILETYPE_PEM) == 1 &&
           SSL_CTX_check_private_key(native) == 1;
  }

  void begin_tls() {
    error_code e;
    SSL_CTX* native = ssl_.native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
    SSL_CTX_set_options(native, SSL_OP_NO_TICKET);
    if (!certificate_.cert.empty() && !show_certificate(native)) {
      return finish("The client certificate " + certificate_.cert +
                    " cannot be used; check `cert` and `cert_key` of the key file.");
    }
    tls_.emplace(socket_, ssl_);
    error_code literal;
    asio::ip::make_address(address_.host, literal);
    // RFC 6066: an address is no server name.
    if (literal && SSL_set_tlsext_host_name(tls_->native_handle(), address_.host.c_str()) != 1)
      return finish("The server's name cannot be used with TLS; check the address.");
    tls_->set_verify_mode(asio::ssl::verify_peer, e);
    if (tls_mode_.mode == client::Tls::Mode::system) {
      ssl_.set_default_verify_paths(e);
      tls_->set_verify_callback(asio::ssl::host_name_verification(address_.host), e);
    } else {
      const client::Tls::Pin pin = tls_mode_.pin;
      // Called once for each place in the chain; the pin is about the server's own certificate.
      const auto verify = [pin](bool, asio::ssl::verify_context& context) {
        X509_STORE_CTX* store = context.native_handle();
        return X509_STORE_CTX_get_error_depth(store) > 0 ||
               key_is(X509_STORE_CTX_get_current_cert(store), pin);
      };
      tls_->set_verify_callback(verify, e);
    }
    tls_->async_handshake(asio::ssl::stream_base::client,
                          [self = shared_from_this()](error_code error) { self->on_tls(error); });
  }

  void on_tls(error_code e) {
    if (finished_) return;
    if (e) {
      const bool pin = tls_mode_.mode == client::Tls::Mode::pin;
      return finish("TLS with " + text(address_) + " failed (" + e.message() + "); " +
                    (pin ? "check that the pin in the key file is of this server's key."
                         : "check the server's certificate and its name."));
    }
    // The pin is checked once more on what the handshake ended with.
    if (tls_mode_.mode == client::Tls::Mode::pin) {
      X509* certificate = SSL_get1_peer_certificate(tls_->native_handle());
      const bool right = certificate != nullptr && key_is(certificate, tls_mode_.pin);
      X509_free(certificate);
      if (!right) return finish("The server's key is not the pinned one; do not go on.");
    }
    constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
    Binding binding;
    const bool bound =
        SSL_export_keying_material(tls_->native_handle(), binding.octets.data(), Binding::kSize,
                                   kLabel.data(), kLabel.size(), nullptr, 0, 1) == 1;
    on_connected(bound ? std::optional(binding) : std::nullopt);
  }

  void on_connected(const std::optional<Binding>& binding) {
    deadline_.cancel();
    connected_ = true;
    if (handlers_.connected) handlers_.connected(binding);
    write_more();
    read();
  }

  void read() {
    if (finished_ || paused_) return;
    reading_ = true;
    with_stream([this](auto& stream) {
      stream.async_read_some(
          asio::buffer(in_),
          [self = shared_from_this()](error_code e, std::size_t n) { self->on_read(e, n); });
    });
  }

  void on_read(error_code e, std::size_t n) {
    reading_ = false;
    if (finished_) return;
    if (n > 0 && !closing_ && handlers_.octets) handlers_.octets({in_.data(), n});
    if (finished_) return;
    if (e) return finish(closing_ ? "" : "The connection to the server was lost.");
    read();
  }

  void write_more() {
    if (writing_ || !connected_ || finished_) return;
    if (waiting_.empty()) {
      if (closing_) say_end();
      return;
    }
    writing_ = true;
    std::swap(waiting_, under_way_);
    with_stream([this](auto& stream) {
      asio::async_write(
          stream, asio::buffer(under_way_.data(), under_way_.size()),
          [self = shared_from_this()](error_code e, std::size_t) { self->on_written(e); });
    });
  }

  void on_written(error_code e) {
    writing_ = false;
    under_way_.clear();
    if (finished_) return;
    // What the server said before it closed is still to be read, so reading decides the end.
    if (!e) write_more();
  }

  void say_end() {
    error_code ignored;
    if (tls_) {
      tls_->async_shutdown([self = shared_from_this()](error_code) { self->finish({}); });
    } else {
      socket_.shutdown(tcp::socket::shutdown_send, ignored);
      local_.shutdown(local::socket::shutdown_send, ignored);
    }
  }

  void wait(std::chrono::milliseconds time, std::string why) {
    deadline_.expires_after(time);
    deadline_.async_wait([self = shared_from_this(), why = std::move(why)](error_code e) {
      if (!e) self->finish(why);
    });
  }

  void finish(std::string why) {
    if (std::exchange(finished_, true)) return;
    error_code ignored;
    resolver_.cancel();
    deadline_.cancel();
    socket_.close(ignored);
    local_.close(ignored);
    const auto lost = std::exchange(handlers_, {}).lost;
    if (!lost) return;
    // Never from inside a call of the owner.
    asio::post(*io_, [self = shared_from_this(), lost, why = std::move(why)] {
      if (!self->forgotten_) lost(why);
    });
  }

 public:
  void forgotten() { forgotten_ = true; }

 private:
  const client::Address address_;
  const client::Tls tls_mode_;
  const client::ClientCertificate certificate_;
  Handlers handlers_;
  tcp::resolver resolver_;
  tcp::socket socket_;
  local::socket local_;  // instead, at an address that is a path
  asio::steady_timer deadline_;
  asio::ssl::context ssl_;
  std::optional<asio::ssl::stream<tcp::socket&>> tls_;
  asio::io_context* io_;
  std::array<std::uint8_t, kReadBytes> in_;
  Buffer waiting_;
  Buffer under_way_;
  bool connected_ = false;
  bool reading_ = false;
  bool paused_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool finished_ = false;
  bool forgotten_ = false;
};

ClientConnection::ClientConnection(asio::io_context& io, client::Address address, client::Tls tls,
                                   client::ClientCertificate certificate, Handlers handlers)
    : state_(std::make_shared<State>(io, std::move(address), tls, std::move(certificate),
                                     std::move(handlers))) {
  state_->start();
}
ClientConnection::~ClientConnection() {
  state_->forgotten();
  state_->forget();
}

void ClientConnection::write(Bytes octets) { state_->write(octets); }
void ClientConnection::pause() { state_->pause(); }
void ClientConnection::resume() { state_->resume(); }
void ClientConnection::close() { state_->close(); }

}  // namespace moot::net
