#include "net/transport.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <limits>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "base/hex.h"
#include "net/client_ca.h"

namespace moot::net {
namespace {

std::string tls_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* text = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return text != nullptr ? text : "unknown reason";
}

// SHA-256 of the certificate's SubjectPublicKeyInfo.
std::string pin_of(const X509* cert) {
  unsigned char* der = nullptr;
  const int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
  if (n <= 0) return {};
  std::array<std::uint8_t, 32> digest{};
  EVP_Digest(der, static_cast<std::size_t>(n), digest.data(), nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  return hex(digest);
}

// The account that the one URI of a certificate names. The length is that of the ASN.1: an octet
// inside, like NUL, ends nothing.
std::optional<std::string> account_uri(const X509* cert) {
  struct FreeNames {
    void operator()(GENERAL_NAMES* p) const { GENERAL_NAMES_free(p); }
  };
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(cert, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return std::nullopt;
  std::optional<std::string> found;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    if (found) return std::nullopt;  // several name nobody
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    found.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                  static_cast<std::size_t>(ASN1_STRING_length(uri)));
  }
  if (!found || !found->starts_with(kAccountUri) ||
      !UserId::parse(std::string_view(*found).substr(kAccountUri.size()))) {
    return std::nullopt;
  }
  return found;
}

constexpr int kClientChainMax = 3;

// Clients show a certificate of these authorities and of no others: what the system trusts is not
// looked at.
Status ask_clients(SSL_CTX* ctx, const std::string& client_ca) {
  if (auto ok = check_client_ca_file(client_ca); !ok) return ok;
  if (SSL_CTX_load_verify_locations(ctx, client_ca.c_str(), nullptr) != 1) {
    return fail("`client_ca` " + client_ca + " cannot be used (" + tls_reason() +
                "); it is PEM, the authority of this server's clients.");
  }
  SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(client_ca.c_str()));
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(ctx, kClientChainMax);
  SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT);
  return {};
}

}  // namespace

void TlsIdentity::Free::operator()(ssl_ctx_st* p) const { SSL_CTX_free(p); }

Result<TlsIdentity> TlsIdentity::load(const std::string& cert, const std::string& key,
                                      const std::string& client_ca) {
  TlsIdentity id;
  id.ctx_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* ctx = id.ctx_.get();
  if (ctx == nullptr) return fail("TLS cannot start: " + tls_reason() + ".");
  SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
  SSL_CTX_set_num_tickets(ctx, 0);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(ctx, 0);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // An idle connection holds no TLS buffers; what is queued may move between two tries.
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_use_certificate_chain_file(ctx, cert.c_str()) != 1) {
    return fail("The certificate " + cert + " cannot be used (" + tls_reason() +
                "); check `cert` of the listener.");
  }
  if (SSL_CTX_use_PrivateKey_file(ctx, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(ctx) != 1) {
    return fail("The private key " + key + " cannot be used (" + tls_reason() +
                "); check `key` of the listener.");
  }
  if (!client_ca.empty()) {
    if (auto ok = ask_clients(ctx, client_ca); !ok) return std::unexpected(ok.error());
  }
  id.pin_ = pin_of(SSL_CTX_get0_certificate(ctx));
  return id;
}

ssl_st* TlsIdentity::begin(int fd) const {
  SSL* ssl = SSL_new(ctx_.get());
  if (ssl == nullptr) return nullptr;
  SSL_set_fd(ssl, fd);
  SSL_set_accept_state(ssl);
  return ssl;
}

Transport::Transport(Transport&& o) noexcept
    : tls_(std::exchange(o.tls_, nullptr)),
      fd_(std::exchange(o.fd_, -1)),
      wants_write_(o.wants_write_) {}

Transport& Transport::operator=(Transport&& o) noexcept {
  if (this != &o) {
    close();
    fd_ = std::exchange(o.fd_, -1);
    tls_ = std::exchange(o.tls_, nullptr);
    wants_write_ = o.wants_write_;
  }
  return *this;
}

bool Transport::begin_tls(const TlsIdentity& identity) {
  tls_ = identity.begin(fd_);
  return tls_ != nullptr;
}

Transport::Io Transport::of_tls(int result) {
  const int error = SSL_get_error(tls_, result);
  wants_write_ = error == SSL_ERROR_WANT_WRITE;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Io::again;
  ERR_clear_error();
  return Io::closed;
}

Transport::Io Transport::handshake() {
  if (tls_ == nullptr) return Io::done;
  ERR_clear_error();
  const int r = SSL_do_handshake(tls_);
  return r == 1 ? Io::done : of_tls(r);
}

bool Transport::holds_octets() const { return tls_ != nullptr && SSL_has_pending(tls_) == 1; }

Transport::Io Transport::read(MutBytes into, std::size_t& got) {
  got = 0;
  if (tls_ != nullptr) {
    ERR_clear_error();
    const int r = SSL_read_ex(tls_, into.data(), into.size(), &got);
    if (r != 1) return of_tls(r);
    wants_write_ = false;
    return Io::done;
  }
  for (;;) {
    const ssize_t n = ::recv(fd_, into.data(), into.size(), MSG_DONTWAIT);
    if (n > 0) {
      got = static_cast<std::size_t>(n);
      return Io::done;
    }
    if (n == 0) return Io::closed;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Io::again : Io::closed;
  }
}

Transport::Io Transport::write(Bytes from, std::size_t& sent) {
  sent = 0;
  while (sent < from.size()) {
    const Bytes rest = from.subspan(sent);
    if (tls_ != nullptr) {
      ERR_clear_error();
      std::size_t n = 0;
      const int r = SSL_write_ex(tls_, rest.data(), rest.size(), &n);
      sent += n;
      if (r != 1) return of_tls(r);
      continue;
    }
    const ssize_t n = ::send(fd_, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      return errno == EAGAIN || errno == EWOULDBLOCK ? Io::again : Io::closed;
    }
  }
  wants_write_ = false;
  return Io::done;
}

void Transport::finish() {
  if (tls_ != nullptr) {
    ERR_clear_error();
    SSL_shutdown(tls_);
    ERR_clear_error();
  }
  ::shutdown(fd_, SHUT_WR);
}

void Transport::close() {
  if (tls_ != nullptr) SSL_free(tls_);
  tls_ = nullptr;
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::vector<WallIdentity> Transport::identities() const {
  std::vector<WallIdentity> who;
  if (tls_ == nullptr || SSL_get_verify_result(tls_) != X509_V_OK) return who;
  const X509* cert = SSL_get0_peer_certificate(tls_);
  if (cert == nullptr) return who;
  who.push_back({CredentialKind::x509_spki, pin_of(cert)});
  if (auto uri = account_uri(cert)) who.push_back({CredentialKind::x509_uri, std::move(*uri)});
  return who;
}

std::optional<Binding> Transport::binding() const {
  static constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
  if (tls_ == nullptr) return std::nullopt;
  Binding b;
  if (SSL_export_keying_material(tls_, b.octets.data(), b.octets.size(), kLabel.data(),
                                 kLabel.size(), nullptr, 0, 1) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  return b;
}

}  // namespace moot::net
