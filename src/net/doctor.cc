#include "net/doctor.h"

#include <openssl/asn1.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/http_port.h"
#include "net/listener.h"

namespace moot::net {
namespace {

constexpr rlim_t kFewDescriptors = 4'096;

}  // namespace

Status can_listen(const ListenOptions& options) {
  boost::asio::io_context ctx(1);
  const auto listener = Listener::open(ctx, options);
  if (!listener) return std::unexpected(listener.error());
  return {};
}

Status can_serve_http(const HttpOptions& http) {
  boost::asio::io_context ctx(1);
  const auto port = HttpPort::open(ctx, {.address = http.address, .option = "http.listen"}, {});
  if (!port) return std::unexpected(port.error());
  return {};
}

Result<UnixMs> certificate_end(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "re"),
                                                           &std::fclose);
  if (!in) return fail("The certificate " + file + " cannot be read; check its path and mode.");
  const std::unique_ptr<X509, void (*)(X509*)> cert(
      PEM_read_X509(in.get(), nullptr, nullptr, nullptr), &X509_free);
  std::tm end{};
  if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert.get()), &end) != 1) {
    return fail("The certificate " + file + " is no PEM certificate; give the file of one.");
  }
  const std::time_t seconds = ::timegm(&end);
  return UnixMs{seconds > 0 ? static_cast<std::uint64_t>(seconds) * 1000 : 0};
}

Result<Millis> fsync_time(const std::string& dir) {
  std::string path = dir + "/doctor.XXXXXX";
  const int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) {
    return fail("No file can be made in " + dir + " (" + std::strerror(errno) +
                "); give the directory to the server's user, and room.");
  }
  ::unlink(path.c_str());
  std::array<Millis, 9> times{};
  const std::array<char, 4096> page{};
  bool good = true;
  for (Millis& time : times) {
    const auto before = std::chrono::steady_clock::now();
    good = good && ::write(fd, page.data(), page.size()) == static_cast<ssize_t>(page.size()) &&
           ::fdatasync(fd) == 0;
    time = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - before);
  }
  const int why = errno;
  ::close(fd);
  if (!good) {
    return fail("Writing in " + dir + " failed (" + std::strerror(why) + "); check the disk.");
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

AdminReply::Key descriptors_finding() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const std::string n =
      files.rlim_max == RLIM_INFINITY ? "no limit" : std::to_string(files.rlim_max);
  if (files.rlim_max >= kFewDescriptors) return finding("descriptors", "good", n);
  return finding("descriptors", "look",
                 n + ", one for each connection; raise LimitNOFILE of the unit, or `ulimit -Hn`");
}

std::vector<AdminReply::Key> own_findings(const HttpOptions& http, bool serves_http) {
  std::vector<AdminReply::Key> all;
  if (!http.off()) {
    const std::string topic = "port " + http.address;
    all.push_back(serves_http
                      ? finding(topic, "good", "the running server's")
                      : finding(topic, "look",
                                "another program had it when the server started, which goes "
                                "without; set `http.listen` to another one, or `off`"));
  }
  all.push_back(descriptors_finding());
  return all;
}

}  // namespace moot::net
