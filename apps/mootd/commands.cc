#include "apps/mootd/commands.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <unistd.h>

#include "apps/mootd/key_output.h"
#include "base/counted.h"
#include "net/admin.h"
#include "net/admin_socket.h"
#include "net/clock.h"
#include "net/hub.h"
#include "net/transport.h"
#include "store/owner.h"

namespace moot::mootd {
namespace {

int failed(std::string_view sentence) {
  std::fprintf(stderr, "mootd: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  return kExitFailed;
}

// Root makes no data directory for a server that becomes somebody else and could not open it.
Status has_owner(const Config& config) {
  const std::string& dir = config.server.data_dir;
  if (::geteuid() != 0 || config.user.empty() || std::filesystem::exists(dir)) return {};
  return fail("There is no data directory " + dir + "; make it for the user of the server: " +
              "install -d -m 700 -o " + config.user + " " + dir);
}

Result<net::AdminReply> on_store(const Config& config, const net::AdminRequest& request) {
  if (!std::filesystem::exists(config.server.data_dir) && request.command != "user add" &&
      request.command != "invite") {
    return fail("There is no data directory " + config.server.data_dir +
                "; check --data-dir, or start with `mootd user add`.");
  }
  if (const Status ok = has_owner(config); !ok) return std::unexpected(ok.error());
  const std::string actor =
      "uid=" + std::to_string(::geteuid()) + " pid=" + std::to_string(::getpid()) + " via=store";
  const auto where = configured_addresses(config);
  // What root makes there would be closed to the server.
  const auto as = store::AsOwner::of(config.server.data_dir);
  if (!as) return std::unexpected(as.error());
  auto hub = net::Hub::open(config.server, 0);
  if (!hub) return std::unexpected(hub.error());
  (*hub)->start(net::read_clocks());
  auto result = net::administer(**hub, config.server, where, actor, nullptr, request);
  if (auto ok = (*hub)->commit_all(); !ok) return std::unexpected(ok.error());
  return std::move(result.reply);
}

}  // namespace

std::vector<net::PublicAddress> configured_addresses(const Config& config) {
  std::vector<net::PublicAddress> all;
  for (const net::ListenOptions& l : config.server.listen) {
    const auto id = l.door == net::Door::tls ? net::TlsIdentity::load(l.cert, l.key, l.client_ca)
                                             : fail("no TLS");
    all.push_back(net::public_address(config.server, l, l.address, id ? &*id : nullptr));
  }
  return all;
}

Result<net::AdminReply> carry_out(const Config& config, const net::AdminRequest& request) {
  return carry_out(config, request, net::ask_running_server(config.server.data_dir, request));
}

Result<net::AdminReply> carry_out(const Config& config, const net::AdminRequest& request,
                                  Result<std::optional<net::AdminReply>> asked) {
  if (!asked) return std::unexpected(asked.error());
  Result<net::AdminReply> reply =
      *asked ? Result<net::AdminReply>(std::move(**asked)) : on_store(config, request);
  if (reply && reply->code != 0 && reply->keys.empty()) return fail(reply->note);
  return reply;
}

int run_command(const Config& config, const net::AdminRequest& request,
                const CommandOutput& output) {
  const bool makes_key = request.command == "user add" || request.command == "key add" ||
                         request.command == "key rotate";
  const bool wall = std::ranges::any_of(
      net::wall_options(), [&request](const net::WallOption& o) { return request.has(o.name); });
  const bool many = request.command == "key rotate" && request.has("all");
  if (makes_key && !wall && output.key_out.empty() && (output.json || many)) {
    std::fprintf(stderr,
                 many ? "mootd: --all needs --key-out DIR, a new directory for the key files.\n"
                      : "mootd: --json needs --key-out FILE; without it the key would be lost.\n");
    return kExitUsage;
  }
  KeyOut out;
  if (!output.key_out.empty()) {
    const Status ok = many ? out.make_dir(output.key_out) : out.make_file(output.key_out);
    if (!ok) return failed(ok.error().message);
  }
  const auto reply = carry_out(config, request);
  if (!reply) return failed(reply.error().message);
  if (!reply->note.empty()) std::fprintf(stderr, "mootd: %s\n", reply->note.c_str());
  print(reply->out);
  for (const net::AdminReply::Key& key : reply->keys) {
    const Status done = request.command == "invite" ? print_invitation(key, output.json)
                                                    : print_key(key, output.json, out);
    if (!done) return failed(done.error().message);
  }
  return reply->code == 0 ? kExitDone : kExitFailed;
}

int run_restore(const Config& config, const std::string& file) {
  if (const Status ok = has_owner(config); !ok) return failed(ok.error().message);
  const auto report = store::restore(file, config.server.data_dir);
  if (!report) return failed(report.error().message);
  char id[16];
  std::snprintf(id, sizeof id, "%08x", report->mk_id);
  print("restored " + counted(report->accounts, "account") + "; the store needs master key " + id +
        "\n");
  return kExitDone;
}

}  // namespace moot::mootd
