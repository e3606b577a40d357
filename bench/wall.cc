#include "bench/wall.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/check.h"
#include "base/hex.h"

namespace moot::bench {
namespace {

constexpr unsigned kFirstUid = 20'000;  // of nobody here, and below the uid that is nobody

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "moot-bench: %s\n", why.c_str());
  std::exit(1);
}

unsigned number_of(const UserId& user) {
  return static_cast<unsigned>(
      std::strtoul(std::string(user.str().substr(1)).c_str(), nullptr, 10));
}

void put_tlv(std::string& out, char type, std::string_view value) {
  out += type;
  out += static_cast<char>(value.size() >> 8);
  out += static_cast<char>(value.size());
  out += value;
}

// As a front writes it: version 2, from loopback, a certificate of this CN proved over TLS 1.3.
std::string proxy_header(std::string_view cn) {
  std::string tls("\x07\0\0\0\0", 5);
  put_tlv(tls, '\x21', "TLSv1.3");
  put_tlv(tls, '\x22', cn);
  std::string rest("\x7f\0\0\1\x7f\0\0\1\x10\0\x10\1", 12);
  put_tlv(rest, '\x20', tls);
  std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x11", 14);
  header += static_cast<char>(rest.size() >> 8);
  header += static_cast<char>(rest.size());
  return header + rest;
}

}  // namespace

std::optional<WallKind> wall_named(std::string_view name) {
  if (name == "proxy") return WallKind::proxy;
  if (name == "unix") return WallKind::local;
  if (name == "tls") return WallKind::tls;
  return std::nullopt;
}

Wall::Wall(WallKind kind) : kind_(kind) {
  if (kind == WallKind::local && ::geteuid() != 0) {
    give_up("1,000 sessions of a unix wall have 1,000 uids, which only root can take.");
  }
  if (kind == WallKind::tls) people_.emplace(dir_.path());
  std::ofstream config(dir_ / "mootd.toml");
  config << "[[listen]]\nauth = \"wall\"\naddress = \""
         << (kind == WallKind::tls ? "127.0.0.1:0" : path()) << "\"\n";
  switch (kind) {
    case WallKind::proxy:
      config << "transport = \"proxy\"\nproxy_uids = [" << ::geteuid() << "]\n";
      break;
    case WallKind::local:
      config << "transport = \"unix\"\n";
      break;
    case WallKind::tls:
      config << "transport = \"tls\"\n" << people_->listen_keys();
      break;
  }
}

std::vector<std::string> Wall::server_args(std::vector<std::string> args) const {
  args.insert(args.end(), {"-c", dir_ / "mootd.toml"});
  return args;
}

void Wall::ready(const ServerProcess& server) {
  port_ = server.tls_port();
  if (kind_ != WallKind::local) return;
  MOOT_CHECK(::chmod(dir_.path().c_str(), 0755) == 0);
  MOOT_CHECK(::chmod(path().c_str(), 0666) == 0);
}

std::string Wall::record_option(std::size_t i) {
  switch (kind_) {
    case WallKind::proxy:
      return " --proxy-cn u" + std::to_string(i);
    case WallKind::local:
      return " --unix-uid " + std::to_string(kFirstUid + i);
    case WallKind::tls:
      break;
  }
  return " --x509-spki " + people_->issue();
}

std::vector<Identity> Wall::enrol(const ServerProcess& server, std::size_t n) {
  std::vector<Identity> made;
  for (std::size_t i = 0; i < n; ++i) {
    const std::string name = "u" + std::to_string(i);
    // The note that the file is not whole is for people.
    const std::string out =
        server.admin("user add " + name + record_option(i) + " --json 2>/dev/null");
    constexpr std::string_view kKid = "\"kid\":\"";
    const std::size_t at = out.find(kKid);
    const auto octets =
        at == std::string::npos ? std::nullopt : unhex(out.substr(at + kKid.size(), 16));
    if (!octets) give_up("`mootd user add` printed no kid: " + out);
    Identity one{.user = *UserId::parse(name), .kid = {}, .key = {}};
    std::copy(octets->begin(), octets->end(), one.kid.octets.begin());
    made.push_back(one);
  }
  return made;
}

Link Wall::connect(const Identity& who) const {
  if (kind_ == WallKind::tls) return people_->connect(port_, number_of(who.user));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  MOOT_CHECK(fd >= 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  MOOT_CHECK(path().size() < sizeof to.sun_path);
  std::memcpy(to.sun_path, path().c_str(), path().size());
  // The kernel tells the uid that this process has at this moment.
  if (kind_ == WallKind::local) MOOT_CHECK(::seteuid(kFirstUid + number_of(who.user)) == 0);
  const bool there = ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  if (kind_ == WallKind::local) MOOT_CHECK(::seteuid(0) == 0);
  if (!there) give_up("nobody takes connections at " + path() + ".");
  if (kind_ == WallKind::proxy) {
    const std::string header = proxy_header(who.user.str());
    MOOT_CHECK(::send(fd, header.data(), header.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(header.size()));
  }
  return {.fd = fd};
}

}  // namespace moot::bench
