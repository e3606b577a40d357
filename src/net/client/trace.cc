#include "net/client/trace.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "model/print.h"

namespace moot::net {

Result<std::unique_ptr<Trace>> Trace::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return fail("The trace file " + path + " cannot be written: " + std::strerror(errno) +
                "; name another one.");
  }
  return std::unique_ptr<Trace>(new Trace(fd));
}

Trace::~Trace() { ::close(fd_); }

void Trace::sent(UnixMs at, const c::Any& cmd) { line(at, "->", text(cmd)); }
void Trace::heard(UnixMs at, const s::Any& cmd) { line(at, "<-", text(cmd)); }

void Trace::line(UnixMs at, std::string_view arrow, const std::string& command) {
  const auto of_day = at.ms % 86'400'000;
  char time[16];
  std::snprintf(time, sizeof time, "%02u:%02u:%02u.%03u ",
                static_cast<unsigned>(of_day / 3'600'000),
                static_cast<unsigned>(of_day / 60'000 % 60),
                static_cast<unsigned>(of_day / 1'000 % 60), static_cast<unsigned>(of_day % 1'000));
  std::string whole = time;
  whole += arrow;
  whole += ' ';
  whole += command;
  whole += '\n';
  // Whoever looks on must not stop the others: what a full disk does not take is missing.
  [[maybe_unused]] const ssize_t n = ::write(fd_, whole.data(), whole.size());
}

}  // namespace moot::net
