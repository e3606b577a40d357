#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

// TLS at both ends of a measurement: a certificate for the server, streams for the load. The server
// is this program's own child, so nobody is verified.
namespace moot::bench {

struct TlsFiles {
  std::string cert;  // paths
  std::string key;
};
// A new key with its certificate, in `dir`. What fails ends the program.
TlsFiles make_certificate(const std::string& dir);

// TLS 1.3 on a connected socket, which does not block from then on.
class TlsStream {
 public:
  // Shakes hands; what fails ends the program.
  explicit TlsStream(int fd);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // As of a socket: 0 is the end, -1 an error, with EAGAIN in errno where there is nothing to do.
  // `receive` takes all there is, up to `size`.
  ssize_t receive(void* to, std::size_t size);
  ssize_t send(const void* from, std::size_t size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace moot::bench
