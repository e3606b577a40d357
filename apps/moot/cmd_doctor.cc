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

// A line for each thing that was looked at: `topic` names it for programs, as `mootd doctor` does.
class Report {
 public:
  explicit Report(bool json) : json_(json) {}
  void good(const char* topic, const std::string& what) { line(topic, "good", "ok   ", what, {}); }
  void bad(const char* topic, const std::string& what, const std::string& fix) {
    line(topic, "bad", "BAD  ", what, fix);
    if (code_ == kDone) code_ = kFailed;
  }
  // What could not be looked at is not known to be good.
  void skipped(const char* topic, const std::string& what) {
    line(topic, "skipped", "--   ", what, {});
  }
  // What cannot be looked at without what was just found bad.
  void skipped_from(const char* first, const char* missing) {
    bool behind = false;
    for (const auto& [topic, name] : kLooks) {
      behind = behind || std::string_view(topic) == first;
      if (behind) skipped(topic, fmt::format("{}: not looked at without {}", name, missing));
    }
  }
  int end(int code) {
    code_ = code;
    return code_;
  }
  int code() const { return code_; }

 private:
  // In this order.
  static constexpr std::pair<const char*, const char*> kLooks[] = {
      {"address", "the address"},
      {"store", "the store"},
      {"connection", "the connection"},
      {"clock", "the clock of the server"},
  };
  void line(const char* topic, const char* verdict, const char* sign, const std::string& what,
            const std::string& fix) {
    if (json_) {
      fmt::print("{{\"topic\":{},\"verdict\":{},\"what\":{}{}}}\n", json_text(topic),
                 json_text(verdict), json_text(what),
                 fix.empty() ? std::string() : ",\"fix\":" + json_text(fix));
    } else {
      fmt::print("{} {}\n", sign, what);
      if (!fix.empty()) fmt::print("      {}\n", fix);
    }
  }
  bool json_;
  int code_ = kDone;
};

bool check_connection(Seat& seat, Report& report) {
  const auto not_connected = [&report](const std::string& why) {
    report.bad("connection", "not connected", why);
    return false;
  };
  constexpr char kOwnerEnded[] = "The moot that has the store ended; run it again.";
  if (!seat.send(Json().set("do", "watch"))) return not_connected(kOwnerEnded);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    const auto got = seat.receive(std::chrono::milliseconds(500));
    if (got.ended) return not_connected(kOwnerEnded);
    if (!got.line) continue;
    const std::string& ev = got.line->str("ev");
    if (ev == "connected" || ev == "caught_up") {
      report.good("connection", "connected, the key is accepted");
      return true;
    }
    if (ev == "disconnected" || ev == "stopped") return not_connected(safe(got.line->str("text")));
  }
  return not_connected("The server does not answer; check that mootd runs at the address.");
}

void check_clock(Seat& seat, bool connected, Report& report) {
  if (!connected)
    return report.skipped("clock", "the server's clock is not known without a connection");
  std::int64_t offset = 0;
  const auto facts = [&](const Json& line) {
    if (line.has("offset_ms")) offset = std::atoll(line.str("offset_ms").c_str());
  };
  if (const auto done = seat.ask(Json().set("do", "status"), facts); !done)
    return report.skipped("clock", "the server's clock is not known: " + done.error().sentence);
  const std::string words = fmt::format("the server's clock is {} ms {} this one", std::abs(offset),
                                        offset < 0 ? "behind" : "ahead of");
  std::abs(offset) < kOffsetWarnMs
      ? report.good("clock", words)
      : report.bad("clock", words,
                   "Set this computer's clock, for instance with `timedatectl set-ntp true`.");
}

int doctor(const Globals& globals, bool json) {
  Report report(json);
  const auto place = find_place(globals);
  if (!place) {
    report.bad("key", "the key file", place.error().sentence);
    report.skipped_from("address", "a key");
    return report.end(place.error().code);
  }
  const auto key = net::load_key_file(place->key_file);
  if (!key) {
    report.bad("key", "the key file", key.error().message);
    report.skipped_from("address", "a key");
    return report.end(kBadConfig);
  }
  report.good("key", fmt::format("key file {}: @{} on {}, mode 0600", place->key_file,
                                 key->account.str(), safe(key->srv)));
  const auto address = client::parse_address(key->address);
  const auto tls = client::parse_tls(key->tls);
  if (const auto allowed = client::check_protection(*address, *tls); !allowed) {
    report.bad("address", "address " + key->address, allowed.error().message);
    report.skipped_from("store", "a good address");
    return report.code();
  }
  report.good("address",
              fmt::format("address {} ({})", key->address,
                          tls->mode == client::Tls::Mode::off ? "plain, this machine" : "TLS"));
  auto seat = Seat::take(globals, {});
  if (!seat) {
    report.bad("store", "the store in " + place->home, seat.error().sentence);
    report.skipped_from("connection", "a store");
    return report.code();
  }
  const auto checked =
      seat->ask(Json().set("do", "check"), [](const Json&) {}, std::chrono::minutes(5));
  checked ? report.good("store", "the store in " + place->home)
          : report.bad("store", "the store in " + place->home, safe(checked.error().sentence));
  check_clock(*seat, check_connection(*seat, report), report);
  return report.code();
}

}  // namespace

void add_doctor(CLI::App& app, Globals& globals, Run& run) {
  auto* sub =
      app.add_subcommand("doctor", "Check key, address, clock, store; say how to mend them");
  auto json = std::make_shared<bool>(false);
  sub->add_flag("--json", *json, "One object a line: {\"topic\",\"verdict\",\"what\",\"fix\"}");
  sub->footer(
      "ok, BAD with what to do (exit 1), or -- for what could not be looked at.\n"
      "Example: moot doctor --json | jq -r 'select(.verdict==\"bad\").fix'");
  sub->callback([=, &globals, &run] { run = [=, &globals] { return doctor(globals, *json); }; });
}

}  // namespace moot::app
