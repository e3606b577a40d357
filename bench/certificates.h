#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/link.h"

namespace moot::bench {

// An authority, a server's certificate and those of people, and their connections. What fails ends
// the program.
class Certificates {
 public:
  // Their files go into the directory.
  explicit Certificates(std::string dir);
  // `cert`, `key` and `client_ca` of a [[listen]] block.
  std::string listen_keys() const;
  // One more of the authority. The SHA-256 of its public key, in hex.
  std::string issue();
  // TLS with the n-th that was issued; handshake done.
  Link connect(std::uint16_t port, std::size_t n) const;

 private:
  template <auto Free>
  struct Freed {
    template <class T>
    void operator()(T* t) const {
      Free(t);
    }
  };
  using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
  using Cert = std::unique_ptr<X509, Freed<X509_free>>;
  struct Pair {
    Key key;
    Cert cert;
  };
  Pair make(const std::string& name, bool authority) const;
  void write(const Pair& pair, const std::string& name) const;

  std::string dir_;
  Pair authority_;
  std::vector<Pair> issued_;
  std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> ctx_;
};

}  // namespace moot::bench
