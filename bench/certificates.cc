#include "bench/certificates.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"
#include "base/hex.h"

namespace moot::bench {
namespace {

// What SSL_read and SSL_write came to, as recv and send say it.
ssize_t as_of_socket(SSL* ssl, int got) {
  if (got > 0) return got;
  const int why = SSL_get_error(ssl, got);
  ERR_clear_error();
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return 0;  // over
  errno = EAGAIN;
  return -1;
}

}  // namespace

Certificates::Certificates(std::string dir)
    : dir_(std::move(dir)), ctx_(SSL_CTX_new(TLS_client_method())) {
  MOOT_CHECK(ctx_ != nullptr);
  // It is the server's side that is measured, and nobody else is on loopback.
  SSL_CTX_set_verify(ctx_.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_mode(ctx_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  authority_ = make("authority", true);
  write(authority_, "authority");
  write(make("server", false), "server");
}

Certificates::Pair Certificates::make(const std::string& name, bool authority) const {
  Pair made{Key(EVP_EC_gen("P-256")), Cert(X509_new())};
  X509* cert = made.cert.get();
  const bool own = authority_.cert == nullptr;
  MOOT_CHECK(made.key != nullptr && cert != nullptr && X509_set_version(cert, 2) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), static_cast<long>(issued_.size() + 2));
  X509_gmtime_adj(X509_getm_notBefore(cert), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert), 86'400);
  X509_set_pubkey(cert, made.key.get());
  X509_NAME* subject = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(cert, own ? subject : X509_get_subject_name(authority_.cert.get()));
  if (authority) {
    X509_EXTENSION* ca =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
    MOOT_CHECK(ca != nullptr && X509_add_ext(cert, ca, -1) == 1);
    X509_EXTENSION_free(ca);
  }
  MOOT_CHECK(X509_sign(cert, (own ? made.key : authority_.key).get(), EVP_sha256()) > 0);
  return made;
}

void Certificates::write(const Pair& pair, const std::string& name) const {
  const std::string base = dir_ + "/" + name;
  std::FILE* cert = std::fopen((base + ".pem").c_str(), "w");
  std::FILE* key = std::fopen((base + ".key").c_str(), "w");
  MOOT_CHECK(cert != nullptr && key != nullptr && PEM_write_X509(cert, pair.cert.get()) == 1 &&
             PEM_write_PrivateKey(key, pair.key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  std::fclose(cert);
  std::fclose(key);
}

std::string Certificates::listen_keys() const {
  return "cert = \"" + dir_ + "/server.pem\"\nkey = \"" + dir_ + "/server.key\"\nclient_ca = \"" +
         dir_ + "/authority.pem\"\n";
}

std::string Certificates::issue() {
  issued_.push_back(make("someone", false));
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(issued_.back().cert.get()), &der);
  std::array<std::uint8_t, 32> digest{};
  MOOT_CHECK(size > 0 && EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), nullptr,
                                    EVP_sha256(), nullptr) == 1);
  OPENSSL_free(der);
  return hex(digest);
}

Link Certificates::connect(std::uint16_t port, std::size_t n) const {
  const int fd = connect_tcp(port);
  const std::shared_ptr<SSL> ssl(SSL_new(ctx_.get()), &SSL_free);
  MOOT_CHECK(ssl != nullptr && SSL_use_certificate(ssl.get(), issued_[n].cert.get()) == 1 &&
             SSL_use_PrivateKey(ssl.get(), issued_[n].key.get()) == 1 &&
             SSL_set_fd(ssl.get(), fd) == 1);
  if (SSL_connect(ssl.get()) != 1) {
    std::fprintf(stderr, "moot-bench: TLS failed.\n");
    std::exit(1);
  }
  MOOT_CHECK(::fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  return {.fd = fd,
          .tls_read =
              [ssl](std::uint8_t* to, std::size_t most) {
                return as_of_socket(ssl.get(), SSL_read(ssl.get(), to, static_cast<int>(most)));
              },
          .tls_write =
              [ssl](const std::uint8_t* from, std::size_t most) {
                return as_of_socket(ssl.get(), SSL_write(ssl.get(), from, static_cast<int>(most)));
              }};
}

}  // namespace moot::bench
