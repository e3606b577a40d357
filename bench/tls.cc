#include "bench/tls.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace moot::bench {
namespace {

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "moot-bench: TLS: %s\n", why);
  std::exit(1);
}

// The same rules as OpenSSL's: closes what it is given.
template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;

SSL_CTX* context() {
  static const Context made = [] {
    Context c(SSL_CTX_new(TLS_client_method()));
    if (!c || SSL_CTX_set_min_proto_version(c.get(), TLS1_3_VERSION) != 1)
      give_up("no context could be made.");
    SSL_CTX_set_mode(c.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    return c;
  }();
  return made.get();
}

}  // namespace

TlsFiles make_certificate(const std::string& dir) {
  constexpr long kSecondsValid = 86'400;
  const std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, Freed<X509_free>> cert(X509_new());
  if (!key || !cert) give_up("no key could be made.");
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), kSecondsValid);
  X509_set_pubkey(cert.get(), key.get());
  X509_NAME* name = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("moot-bench"), -1, -1, 0);
  X509_set_issuer_name(cert.get(), name);
  if (X509_sign(cert.get(), key.get(), EVP_sha256()) == 0) give_up("no certificate could be made.");
  TlsFiles files{dir + "/cert.pem", dir + "/key.pem"};
  const auto write = [](const std::string& path, const auto& put) {
    const std::unique_ptr<FILE, Freed<std::fclose>> f(std::fopen(path.c_str(), "w"));
    if (!f || chmod(path.c_str(), 0600) != 0 || put(f.get()) != 1)
      give_up("the certificate could not be written.");
  };
  write(files.cert, [&](FILE* f) { return PEM_write_X509(f, cert.get()); });
  write(files.key, [&](FILE* f) {
    return PEM_write_PrivateKey(f, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return files;
}

struct TlsStream::State {
  std::unique_ptr<SSL, Freed<SSL_free>> ssl{SSL_new(context())};

  // What a call that moved nothing means.
  ssize_t nothing(int result) const {
    const int error = SSL_get_error(ssl.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
  }
};

TlsStream::TlsStream(int fd) : state_(std::make_unique<State>()) {
  SSL_set_fd(state_->ssl.get(), fd);
  if (SSL_connect(state_->ssl.get()) != 1) give_up("the server did not shake hands.");
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) give_up("fcntl failed.");
}

TlsStream::~TlsStream() = default;

ssize_t TlsStream::receive(void* to, std::size_t size) {
  auto* const p = static_cast<unsigned char*>(to);
  std::size_t had = 0;
  while (had < size) {
    const int n = SSL_read(state_->ssl.get(), p + had, static_cast<int>(size - had));
    if (n <= 0) return had > 0 ? static_cast<ssize_t>(had) : state_->nothing(n);
    had += static_cast<std::size_t>(n);
  }
  return static_cast<ssize_t>(had);
}

ssize_t TlsStream::send(const void* from, std::size_t size) {
  const int n = SSL_write(state_->ssl.get(), from, static_cast<int>(size));
  return n > 0 ? n : state_->nothing(n);
}

}  // namespace moot::bench
