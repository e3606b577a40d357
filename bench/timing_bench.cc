#include "bench/timing_bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "base/check.h"
#include "bench/accounts.h"
#include "bench/driver.h"

namespace moot::bench {
namespace {

// Mean and variance as they come (Welford).
struct Sample {
  double n = 0;
  double mean = 0;
  double sum2 = 0;
  void add(double x) {
    const double d = x - mean;
    mean += d / ++n;
    sum2 += d * (x - mean);
  }
  double error2() const { return sum2 / (n - 1) / n; }
};

double welch_t(const Sample& a, const Sample& b) {
  return (a.mean - b.mean) / std::sqrt(a.error2() + b.error2());
}

// From the CNN to the end of the connection, in microseconds; negative: it was not refused.
// `malformed`: the CNN's map has one pair less than it says.
double refusal_us(std::uint16_t port, const Identity& who, std::uint64_t nonce, bool malformed) {
  const session::ClientIdentity identity{who.user, who.kid, "moot.local"};
  session::ClientSession session(identity, nonce, false);
  const MacKey key(std::span<const std::uint8_t, 32>(who.key.octets));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MOOT_CHECK(fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);

  Buffer in;
  wire::FrameReader reader;
  while (reader.next(in.bytes(), limits::kFrameBytesBeforeCnn) !=
         wire::FrameReader::Status::frame) {
    std::uint8_t* room = in.grow(2048);
    const ssize_t n = recv(fd, room, 2048, 0);
    in.drop_back(2048 - static_cast<std::size_t>(n > 0 ? n : 0));
    MOOT_CHECK(n > 0);
  }
  Arena arena;
  const auto greeting = session.accept(reader.frame(), false, now(), arena);
  MOOT_CHECK(greeting.kind == session::ClientSession::Delivered::Kind::answer_greeting);
  Buffer out;
  std::vector<session::Unsigned> to_sign;
  session.put_cnn(out, now(), std::nullopt, to_sign);
  if (malformed) ++out.data()[to_sign.front().slot.payload];
  session::sign_all(out, to_sign, &key);

  const auto begin = Clock::now();
  MOOT_CHECK(::send(fd, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size()));
  std::uint8_t more[2048];
  const ssize_t n = recv(fd, more, sizeof more, 0);
  const double took = micros(Clock::now() - begin);
  ::close(fd);
  return n <= 0 ? took : -1;
}

}  // namespace

void refusals(const Options& o) {
  pin_to_load_processor();
  ServerProcess server(o.bin_dir, {"--set", "presence.mode=\"off\""});
  auto who = enrol(server, 2);
  std::mt19937_64 random(std::random_device{}());
  server.admin("key revoke " + text(who[1].kid));
  Identity nobody = who[0];
  nobody.user = *UserId::parse("u9");
  for (auto& octet : nobody.kid.octets) octet = static_cast<std::uint8_t>(random());
  Identity wrong = who[0];
  wrong.key.octets[0] ^= 1;
  constexpr std::size_t kKinds = 4;
  const std::array<const Identity*, kKinds> kinds{&nobody, &who[1], &wrong, &who[0]};
  const std::array<const char*, kKinds> names{"unknown id", "revoked key", "wrong signature",
                                              "malformed"};
  std::array<Sample, kKinds> samples;
  std::array<std::vector<double>, kKinds> all;
  for (std::size_t i = 0; i < o.tries; ++i) {
    const std::size_t kind = random() % kKinds;
    const double took = refusal_us(server.port(), *kinds[kind], random(), kind == kKinds - 1);
    if (took < 0) {
      std::fprintf(stderr, "moot-bench: %s was not refused.\n", names[kind]);
      std::exit(1);
    }
    all[kind].push_back(took);
  }
  // What the machine did in between belongs to nobody: the slowest hundredth of all is left out
  // everywhere by the same limit.
  std::vector<double> together;
  for (const auto& times : all) together.insert(together.end(), times.begin(), times.end());
  const double limit = percentile(together, 0.99);
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    for (const double t : all[kind]) {
      if (t <= limit) samples[kind].add(t);
    }
  }
  for (std::size_t a = 0; a < kKinds; ++a) {
    for (std::size_t b = a + 1; b < kKinds; ++b) {
      char beside[160];
      std::snprintf(beside, sizeof beside, "%.0f and %.0f tries, means %.3f and %.3f us",
                    samples[a].n, samples[b].n, samples[a].mean, samples[b].mean);
      print(o, {std::string(names[a]) + " against " + names[b],
                "Welch's t",
                {std::abs(welch_t(samples[a], samples[b]))},
                beside});
    }
  }
}

}  // namespace moot::bench
