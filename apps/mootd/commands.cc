#include "apps/mootd/commands.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include "base/hex.h"
#include "client/invite_link.h"
#include "client/keyfile.h"
#include "net/admin.h"
#include "net/admin_socket.h"
#include "net/clock.h"
#include "net/hub.h"
#include "net/transport.h"

namespace moot::mootd {
namespace {

int failed(std::string_view sentence) {
  std::fprintf(stderr, "mootd: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  return kExitFailed;
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

// The file for a new key, made before the key is: an account without its key file helps nobody.
class KeyOut {
 public:
  Status open(const std::string& path) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd_ >= 0) {
      path_ = path;
      return {};
    }
    if (errno == EEXIST) {
      return fail("--key-out: " + path + " exists; name a new file, keys are never overwritten.");
    }
    return fail("--key-out: " + path + " cannot be made (" + std::strerror(errno) +
                "); check the directory.");
  }
  Status write(std::string_view text) {
    const bool ok = ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                    ::fsync(fd_) == 0;
    if (!ok) return fail("--key-out: " + path_ + " cannot be written; make a new key.");
    ::close(fd_);
    fd_ = -1;
    path_.clear();
    return {};
  }
  bool open() const { return fd_ >= 0; }
  ~KeyOut() {
    if (fd_ >= 0) ::close(fd_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }

 private:
  int fd_ = -1;
  std::string path_;
};

net::PublicAddress configured_address(const Config& config) {
  const net::ListenOptions& l = config.server.listen.front();
  net::PublicAddress where{l.address, "off"};
  if (l.tls) {
    if (const auto id = net::TlsIdentity::load(l.cert, l.key)) where.tls = "pin:" + id->pin();
  }
  return where;
}

Result<net::AdminReply> on_store(const Config& config, const net::AdminRequest& request) {
  if (!std::filesystem::exists(config.server.data_dir) && request.command != "user add" &&
      request.command != "invite") {
    return fail("There is no data directory " + config.server.data_dir +
                "; check --data-dir, or start with `mootd user add`.");
  }
  auto hub = net::Hub::open(config.server, 0);
  if (!hub) return std::unexpected(hub.error());
  (*hub)->start(net::read_clocks());
  const std::string actor =
      "uid=" + std::to_string(::geteuid()) + " pid=" + std::to_string(::getpid()) + " via=store";
  auto result =
      net::administer(**hub, config.server, configured_address(config), actor, false, request);
  if (auto ok = (*hub)->commit_all(); !ok) return std::unexpected(ok.error());
  return std::move(result.reply);
}

Result<client::KeyFile> key_file_of(const net::AdminReply& reply) {
  const auto field = [&reply](const char* name) {
    const auto it = reply.key.find(name);
    return it == reply.key.end() ? std::string() : it->second;
  };
  client::KeyFile k;
  const auto account = UserId::parse(field("account"));
  const auto kid = parse_kid(field("kid"));
  if (!account || !kid || !unhex_into(field("key"), k.key.octets)) {
    return fail("The server's answer holds no key; use one version of mootd.");
  }
  k.account = *account;
  k.kid = *kid;
  k.srv = field("srv");
  k.address = field("address");
  k.tls = field("tls");
  k.label = field("label");
  return k;
}

int print_invitation(const client::KeyFile& k, bool json) {
  const auto address = client::parse_address(k.address);
  const auto tls = client::parse_tls(k.tls);
  if (!address) return failed(address.error().message);
  if (!tls) return failed(tls.error().message);
  const std::string link = client::write_invite_link(
      {.address = *address, .kid = k.kid, .key = k.key, .tls = *tls, .srv = k.srv});
  if (json) {
    print("{\"link\":" + net::json_text(link) + ",\"kid\":" + net::json_text(text(k.kid)) + "}\n");
  } else {
    print("moot join '" + link + "'\n");
  }
  return kExitDone;
}

int print_key(const client::KeyFile& k, const CommandOutput& output, KeyOut& out) {
  if (out.open()) {
    if (auto ok = out.write(client::write_key_file(k)); !ok) return failed(ok.error().message);
  }
  if (output.json) {
    print("{\"account\":" + net::json_text(k.account.str()) + ",\"kid\":" +
          net::json_text(text(k.kid)) + ",\"label\":" + net::json_text(k.label) + "}\n");
  } else if (output.key_out.empty()) {
    print(client::write_key_file(k));
  }
  return kExitDone;
}

}  // namespace

int run_command(const Config& config, const net::AdminRequest& request,
                const CommandOutput& output) {
  const bool makes_key = request.command == "user add" || request.command == "key add" ||
                         request.command == "key rotate";
  if (makes_key && output.json && output.key_out.empty()) {
    std::fprintf(stderr, "mootd: --json needs --key-out FILE; without it the key would be lost.\n");
    return kExitUsage;
  }
  KeyOut out;
  if (!output.key_out.empty()) {
    if (auto ok = out.open(output.key_out); !ok) return failed(ok.error().message);
  }
  auto asked = net::ask_running_server(config.server.data_dir, request);
  if (!asked) return failed(asked.error().message);
  Result<net::AdminReply> reply =
      *asked ? Result<net::AdminReply>(std::move(**asked)) : on_store(config, request);
  if (!reply) return failed(reply.error().message);
  if (reply->code != 0) return failed(reply->note);
  if (!reply->note.empty()) std::fprintf(stderr, "mootd: %s\n", reply->note.c_str());
  if (reply->key.empty()) {
    print(reply->out);
    return kExitDone;
  }
  const auto key = key_file_of(*reply);
  if (!key) return failed(key.error().message);
  return request.command == "invite" ? print_invitation(*key, output.json)
                                     : print_key(*key, output, out);
}

int run_restore(const Config& config, const std::string& file) {
  const auto report = store::restore(file, config.server.data_dir);
  if (!report) return failed(report.error().message);
  char id[16];
  std::snprintf(id, sizeof id, "%08x", report->mk_id);
  print("restored " + std::to_string(report->accounts) + " accounts; the store needs master key " +
        id + "\n");
  return kExitDone;
}

int run_doctor(const Config& config) {
  print("configuration: good\n");
  for (const net::ListenOptions& l : config.server.listen) {
    if (l.tls) {
      const auto id = net::TlsIdentity::load(l.cert, l.key);
      if (!id) return failed(l.option + ": " + id.error().message);
      print("certificate " + l.cert + ": good, pin " + id->pin() + "\n");
    }
  }
  const int code = run_command(config, {"status", {}}, {});
  return code != kExitDone ? code : run_command(config, {"doctor", {}}, {});
}

}  // namespace moot::mootd
