#include "apps/mootd/key_output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "client/invite_link.h"
#include "client/keyfile.h"

namespace moot::mootd {
namespace {

Result<int> new_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  if (errno == EEXIST) {
    return fail("--key-out: " + path + " exists; name a new file, keys are never overwritten.");
  }
  return fail("--key-out: " + path + " cannot be made (" + std::strerror(errno) +
              "); check the directory.");
}

Result<client::KeyFile> key_file_of(const net::AdminReply::Key& key) {
  const auto field = [&key](const char* name) {
    const auto it = key.find(name);
    return it == key.end() ? std::string() : it->second;
  };
  client::KeyFile k;
  const auto account = UserId::parse(field("account"));
  const auto kid = parse_kid(field("kid"));
  k.wall = key.contains("wall");
  if (!account || !kid || (!k.wall && !unhex_into(field("key"), k.key.octets))) {
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

}  // namespace

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

Status KeyOut::make_file(const std::string& path) {
  const auto fd = new_file(path);
  if (!fd) return std::unexpected(fd.error());
  fd_ = *fd;
  path_ = path;
  return {};
}

Status KeyOut::make_dir(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    return fail("--key-out: the directory " + path + " cannot be made (" + std::strerror(errno) +
                "); name a new one.");
  }
  dir_ = path;
  return {};
}

Result<std::string> KeyOut::write(std::string_view name, std::string_view text) {
  if (fd_ < 0 && dir_.empty()) {
    print(text);
    return std::string();
  }
  if (fd_ < 0) {
    if (const Status made = make_file(dir_ + "/" + std::string(name)); !made)
      return std::unexpected(made.error());
  }
  const bool ok = ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                  ::fsync(fd_) == 0;
  if (!ok) return fail("--key-out: " + path_ + " cannot be written; make a new key.");
  ::close(fd_);
  fd_ = -1;
  return std::exchange(path_, {});
}

KeyOut::~KeyOut() {
  if (fd_ >= 0) ::close(fd_);
  if (!path_.empty()) ::unlink(path_.c_str());
  if (!dir_.empty()) ::rmdir(dir_.c_str());  // stays when there is something in it
}

Status print_key(const net::AdminReply::Key& key, bool json, KeyOut& out) {
  const auto k = key_file_of(key);
  if (!k) return std::unexpected(k.error());
  // By the key it replaces: that is what the device is known by.
  const auto replaces = key.find("replaces");
  const std::string account(k->account.str());
  const std::string old = replaces == key.end() ? std::string() : replaces->second;
  const auto wall = key.find("wall");
  // Beside a key the wall asks nothing of the client: the key's file is all there is. In JSON there
  // is no secret to lose.
  const bool needed = wall == key.end() || (wall->second == "alone" && (!json || out.named()));
  Result<std::string> file = std::string();
  if (needed) file = out.write(account + "-" + old + ".toml", client::write_key_file(*k));
  if (!file) return std::unexpected(file.error());
  if (!needed && !json) print(text(k->kid) + "\n");
  if (json) {
    print("{\"account\":" + net::json_text(account) + ",\"kid\":" + net::json_text(text(k->kid)) +
          ",\"label\":" + net::json_text(k->label) +
          (old.empty()
               ? ""
               : ",\"replaces\":" + net::json_text(old) + ",\"file\":" + net::json_text(*file)) +
          "}\n");
  }
  return {};
}

Status print_invitation(const net::AdminReply::Key& key, bool json) {
  const auto k = key_file_of(key);
  if (!k) return std::unexpected(k.error());
  const auto address = client::parse_address(k->address);
  const auto tls = client::parse_tls(k->tls);
  if (!address) return std::unexpected(address.error());
  if (!tls) return std::unexpected(tls.error());
  const std::string link = client::write_invite_link(
      {.address = *address, .kid = k->kid, .key = k->key, .tls = *tls, .srv = k->srv});
  if (json) {
    print("{\"link\":" + net::json_text(link) + ",\"kid\":" + net::json_text(text(k->kid)) + "}\n");
  } else {
    print("moot join '" + link + "'\n");
  }
  return {};
}

}  // namespace moot::mootd
