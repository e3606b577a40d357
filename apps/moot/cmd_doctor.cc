#include <fmt/format.h>

#include <cstdlib>

#include "apps/moot/commands.h"
#include "apps/moot/seat.h"
#include "apps/moot/show.h"
#include "net/client/key_on_disk.h"
#include "store/files.h"

namespace moot::app {
namespace {

constexpr auto kPatience = std::chrono::seconds(15);
// Messages that are further ahead of the server are not taken (protocol.md 6.2).
constexpr std::int64_t kOffsetWarnMs = 60'000;

class Report {
 public:
  void good(const std::string& what) { fmt::print("ok    {}\n", what); }
  void bad(const std::string& what, const std::string& fix) {
    fmt::print("BAD   {}\n      {}\n", what, fix);
    failed_ = true;
  }
  int code() const { return failed_ ? kFailed : kDone; }

 private:
  bool failed_ = false;
};

void check_connection(Seat& seat, Report& report) {
  if (!seat.send(Json().set("do", "watch"))) return;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    const auto got = seat.receive(std::chrono::milliseconds(500));
    if (got.ended)
      return report.bad("the connection", "The moot that has the store ended; run it again.");
    if (!got.line) continue;
    const std::string& ev = got.line->str("ev");
    if (ev == "connected" || ev == "caught_up")
      return report.good("connected, the key is accepted");
    if (ev == "disconnected" || ev == "stopped")
      return report.bad("not connected", safe(got.line->str("text")));
  }
  report.bad("not connected", "The server does not answer; check that mootd runs at the address.");
}

int doctor(const Globals& globals) {
  Report report;
  const auto place = find_place(globals);
  if (!place) {
    report.bad("the key file", place.error().sentence);
    return place.error().code;
  }
  const auto key = net::load_key_file(place->key_file);
  if (!key) return give_up({key.error().message, kBadConfig});
  report.good(fmt::format("key file {}: @{} on {}, mode 0600", place->key_file, key->account.str(),
                          safe(key->srv)));
  const auto address = client::parse_address(key->address);
  const auto tls = client::parse_tls(key->tls);
  if (const auto allowed = client::check_protection(*address, *tls); !allowed) {
    report.bad("address " + key->address, allowed.error().message);
    return report.code();
  }
  report.good(fmt::format("address {} ({})", key->address,
                          tls->mode == client::Tls::Mode::off ? "plain, this machine" : "TLS"));
  auto seat = Seat::take(globals, {});
  if (!seat) {
    report.bad("the store in " + place->home, seat.error().sentence);
    return report.code();
  }
  const auto checked =
      seat->ask(Json().set("do", "check"), [](const Json&) {}, std::chrono::minutes(5));
  checked ? report.good("the store in " + place->home)
          : report.bad("the store in " + place->home, safe(checked.error().sentence));
  check_connection(*seat, report);
  std::int64_t offset = 0;
  const auto facts = [&](const Json& line) {
    if (line.has("offset_ms")) offset = std::atoll(line.str("offset_ms").c_str());
  };
  if (seat->ask(Json().set("do", "status"), facts)) {
    const std::string words = fmt::format("the server's clock is {} ms {} this one",
                                          std::abs(offset), offset < 0 ? "behind" : "ahead of");
    std::abs(offset) < kOffsetWarnMs
        ? report.good(words)
        : report.bad(words,
                     "Set this computer's clock, for instance with `timedatectl set-ntp true`.");
  }
  return report.code();
}

}  // namespace

void add_doctor(CLI::App& app, Globals& globals, Run& run) {
  auto* sub =
      app.add_subcommand("doctor", "Check key, address, clock, store; say how to mend them");
  sub->footer("Example: moot doctor");
  sub->callback([&globals, &run] { run = [&globals] { return doctor(globals); }; });
}

}  // namespace moot::app
