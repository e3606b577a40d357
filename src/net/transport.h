#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/wall.h"

struct ssl_st;
struct ssl_ctx_st;

namespace moot::net {

// The certificate and key of a TLS listener: TLS 1.3 only, no tickets, no resumption, no early
// data (security.md R12). Connections keep the one they began with when another is loaded.
class TlsIdentity {
 public:
  // `client_ca` not empty: every client has to show a certificate of these authorities.
  static Result<TlsIdentity> load(const std::string& cert, const std::string& key,
                                  const std::string& client_ca = {});
  // SHA-256 of the public key (SubjectPublicKeyInfo), lower-case hex: what clients pin.
  const std::string& pin() const { return pin_; }
  ssl_st* begin(int fd) const;  // null: no memory

 private:
  struct Free {
    void operator()(ssl_ctx_st* p) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> ctx_;
  std::string pin_;
};

// The octets of one connection in and out, plain or TLS; never blocks. Owns the descriptor.
class Transport {
 public:
  enum class Io : std::uint8_t { done, again, closed };

  Transport() = default;
  explicit Transport(int fd) : fd_(fd) {}
  Transport(Transport&& o) noexcept;
  Transport& operator=(Transport&& o) noexcept;
  ~Transport() { close(); }

  int fd() const { return fd_; }
  bool tls() const { return tls_ != nullptr; }
  bool open() const { return fd_ >= 0; }
  // Speaks TLS from now on, as the server. False: no memory.
  bool begin_tls(const TlsIdentity& identity);

  // Of TLS; plain is done at once.
  Io handshake();
  // Whether TLS waits to write before it can go on: as the last operation left it.
  bool wants_write() const { return wants_write_; }
  // Octets that are here already and that no readiness will tell.
  bool holds_octets() const;

  Io read(MutBytes into, std::size_t& got);
  Io write(Bytes from, std::size_t& sent);

  // No more from us; the peer may still send.
  void finish();
  void close();
  // Whom the client's certificate names, once the handshake is done: its key first, then its URI
  // (security.md 3.2). Empty where it showed none, or names nobody in a form that is taken.
  std::vector<WallIdentity> identities() const;
  // RFC 9266: EXPORTER-Channel-Binding.
  std::optional<Binding> binding() const;

 private:
  Io of_tls(int result);

  ssl_st* tls_ = nullptr;
  int fd_ = -1;
  bool wants_write_ = false;
};

}  // namespace moot::net
