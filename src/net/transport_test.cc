#include "net/transport.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <memory>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace moot::net {
namespace {

using Io = Transport::Io;

struct FreeSsl {
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
};

// Both ends of one TLS connection over a pair of sockets that hold little.
class TlsTransport : public testing::Test {
 protected:
  void SetUp() override {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    client_fd_ = fds[1];
    const std::string dir = MOOT_TEST_CERTS;
    identity_ = TlsIdentity::load(dir + "/cert.pem", dir + "/key.pem");
    ASSERT_TRUE(identity_) << identity_.error().message;
    server_ = Transport(fds[0]);
    ASSERT_TRUE(server_.begin_tls(*identity_));
    ctx_.reset(SSL_CTX_new(TLS_client_method()));
    client_.reset(SSL_new(ctx_.get()));
    SSL_set_fd(client_.get(), client_fd_);
    SSL_set_connect_state(client_.get());
    Io io = Io::again;
    for (int i = 0; i < 100 && io == Io::again; ++i) {
      SSL_do_handshake(client_.get());
      io = server_.handshake();
    }
    ASSERT_EQ(io, Io::done);
  }
  void TearDown() override {
    client_.reset();
    if (client_fd_ >= 0) ::close(client_fd_);
  }
  // Takes all that is on its way to the client.
  std::size_t client_reads() {
    std::size_t all = 0;
    for (std::size_t n = 0; SSL_read_ex(client_.get(), room_.data(), room_.size(), &n) == 1;) {
      all += n;
    }
    return all;
  }

  Result<TlsIdentity> identity_ = fail("not loaded yet");
  Transport server_;
  std::unique_ptr<SSL_CTX, FreeSsl> ctx_;
  std::unique_ptr<SSL, FreeSsl> client_;
  int client_fd_ = -1;
  ByteBuf room_ = ByteBuf(64 * 1024);
};

// Who asks for writability as long as this is true, with nothing to write, never sleeps again.
TEST_F(TlsTransport, WaitsToWriteOnlyUntilItCould) {
  const ByteBuf much(8 * 1024 * 1024, 'x');
  std::size_t sent = 0;
  ASSERT_EQ(server_.write(much, sent), Io::again) << "more than the sockets hold";
  EXPECT_TRUE(server_.wants_write());
  std::size_t read = client_reads();
  Bytes rest = Bytes(much).subspan(sent);
  while (!rest.empty()) {
    const Io io = server_.write(rest, sent);
    ASSERT_NE(io, Io::closed);
    EXPECT_EQ(server_.wants_write(), io == Io::again);
    rest = rest.subspan(sent);
    read += client_reads();
  }
  EXPECT_EQ(read, much.size());
}

}  // namespace
}  // namespace moot::net
