// moot-bench: what the server costs, measured on real processes over loopback. Every figure is the
// server's CPU from the operating system's accounting; see docs/testing.md.
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "bench/accounts.h"
#include "bench/channel_bench.h"
#include "bench/driver.h"
#include "bench/hostile_bench.h"
#include "bench/moot_work.h"
#include "bench/report.h"
#include "bench/revocation.h"
#include "bench/scale_bench.h"
#include "bench/server_process.h"
#include "bench/timing_bench.h"
#include "bench/wall.h"

namespace moot::bench {
namespace {

// CPU this process has used: what else runs on the machine does not count.
double cpu_micros() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

void private_messages(const Options& o, unsigned window, std::size_t messages) {
  constexpr std::size_t kPairs = 50;
  ServerProcess server(o.bin_dir, {});
  const auto who = enrol(server, 2 * kPairs);
  std::vector<double> cpu;
  std::vector<double> latency;
  double rate = 0;
  for (int run = 0; run < o.runs; ++run) {
    Driver d(server.port(), "moot.local", o.batch);
    open_all(d, who, 0, 2 * kPairs);
    Cost cost = private_messages(d, who, window, messages, static_cast<std::uint64_t>(run),
                                 [&] { return server.cpu_seconds(); });
    cpu.push_back(cost.cpu_us);
    latency.insert(latency.end(), cost.latency_us.begin(), cost.latency_us.end());
    rate = cost.rate;
  }
  char beside[160];
  std::snprintf(beside, sizeof beside, "%.0f/s, p50 %.0f p99 %.0f p99.9 %.0f us", rate,
                percentile(latency, 0.5), percentile(latency, 0.99), percentile(latency, 0.999));
  print(o, {"W1 private message, window " + std::to_string(window) + (o.batch ? "" : ", no BATCH"),
            "us CPU/message", cpu, beside});
}

void idle_and_logins(const Options& o) {
  ServerProcess server(o.bin_dir, {"--set", "presence.mode=\"off\""});
  std::printf("  enrolling %zu accounts ...\n", o.connections);
  std::fflush(stdout);
  const auto who = enrol(server, o.connections);
  // Who connects now would be told of every account that was made just before.
  server.restart();
  std::vector<double> bytes;
  std::vector<double> login;
  for (int run = 0; run < std::min(o.runs, 3); ++run) {
    Driver d(server.port(), "moot.local", o.batch);
    const std::size_t warm = std::min<std::size_t>(100, o.connections / 10);
    open_all(d, who, 0, warm);
    usleep(300'000);
    const std::uint64_t before = server.resident_bytes();
    const double cpu = server.cpu_seconds();
    open_all(d, who, warm, o.connections);
    login.push_back((server.cpu_seconds() - cpu) * 1e6 / static_cast<double>(o.connections - warm));
    usleep(1'500'000);
    const auto grown = static_cast<double>(server.resident_bytes()) - static_cast<double>(before);
    // Memory freed by an earlier run is used again: only the first one shows growth.
    if (run == 0) bytes.push_back(grown / static_cast<double>(o.connections - warm));
    d.close_all();
    usleep(500'000);
  }
  print(o, {"W3 idle connection", "resident bytes", bytes,
            std::to_string(o.connections) + " connections"});
  print(o, {"W4 login", "us CPU/login", login, "greeting, CNN, SINFO, CH_STATUS"});
}

// decode + verify + encode + sign of one relayed private message against its two bare HMACs.
void frame_cost(const Options& o) {
  constexpr int kRounds = 200'000;
  KeyBytes key;
  key.octets.fill(7);
  const MacKey mac(std::span<const std::uint8_t, 32>(key.octets));
  ByteBuf body(100, 'x');
  Buffer fields;
  const c::Any cmd = c::PvMsg{.to = *UserId::parse("bob"), .msg = body};
  const auto pairs = wire::encode_fields(fields, cmd);
  Buffer in;
  const auto slot = wire::put_frame(in, Dir::client, 1ull << 60, 1'700'000'000,
                                    {"PV_MSG", pairs, fields.bytes(), true});
  wire::put_signature(in, slot, mac.sign(in.bytes().subspan(slot.payload, slot.payload_len)));
  std::vector<double> whole;
  std::vector<double> bare;
  std::uint64_t kept = 0;
  for (int run = 0; run < o.runs; ++run) {
    Buffer out;
    Arena arena;
    std::vector<session::Unsigned> to_sign;
    session::Outgoing outgoing(Dir::server);
    auto begin = cpu_micros();
    for (int i = 0; i < kRounds; ++i) {
      wire::FrameReader reader;
      reader.next(in.bytes(), limits::kFrameBytesMax);
      const wire::Frame& f = reader.frame();
      if (!session::signature_is(f.sig, mac.sign(f.payload))) std::exit(1);
      if (wire::validate(f.payload) != wire::ProfileError::ok) std::exit(1);
      const auto opened = wire::open(f.payload);
      arena.reset();
      const auto got = wire::decode_client(f.cmd, f.payload, arena);
      const auto& pv = std::get<c::PvMsg>(*got);
      fields.clear();
      const s::Any msg = s::Msg{
          .from = pv.to, .msg_id = pv.msg_id, .msg = pv.msg, .sent = opened->envelope.timestamp};
      const wire::Body b{"MSG", wire::encode_fields(fields, msg), fields.bytes(), true};
      out.clear();
      to_sign.clear();
      outgoing.put(out, 1'700'000'000, {&b, 1}, to_sign);
      session::sign_all(out, to_sign, &mac);
      kept += out.size();
    }
    whole.push_back((cpu_micros() - begin) / kRounds);
    begin = cpu_micros();
    for (int i = 0; i < kRounds; ++i) {
      kept += mac.sign(in.bytes().subspan(slot.payload, slot.payload_len))[0];
      kept += mac.sign(out.bytes().subspan(out.size() - slot.payload_len))[1];
    }
    bare.push_back((cpu_micros() - begin) / kRounds);
  }
  std::vector<double> w = whole;
  std::vector<double> b = bare;
  char beside[120];
  std::snprintf(beside, sizeof beside, "%.2f times the two HMACs alone (%llu)",
                percentile(w, 0.5) / percentile(b, 0.5),
                static_cast<unsigned long long>(kept % 10));
  print(o, {"frame: verify decode encode sign", "us", whole, beside});
  print(o, {"frame: the two HMACs alone", "us", bare, ""});
}

bool wanted(const Options& o, std::string_view name) {
  return o.only.empty() || std::ranges::find(o.only, name) != o.only.end();
}

int main_of(int argc, char** argv) {
  Options o;
  o.bin_dir = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    if (a == "--runs" && i + 1 < argc) {
      o.runs = std::max(1, std::atoi(argv[++i]));
    } else if (a == "--connections" && i + 1 < argc) {
      o.connections = static_cast<std::size_t>(std::max(200, std::atoi(argv[++i])));
    } else if (a == "--records" && i + 1 < argc) {
      o.records = static_cast<std::size_t>(std::max(1'000, std::atoi(argv[++i])));
    } else if (a == "--seconds" && i + 1 < argc) {
      o.seconds = std::max(1.0, std::atof(argv[++i]));
    } else if (a == "--tries" && i + 1 < argc) {
      o.tries = static_cast<std::size_t>(std::max(1'000, std::atoi(argv[++i])));
    } else if (a == "--wall" && i + 1 < argc && wall_named(argv[i + 1])) {
      o.wall = argv[++i];
    } else if (a == "--no-batch") {
      o.batch = false;
    } else if (a == "--json") {
      o.json = true;
    } else if (a == "pm" || a == "channel" || a == "pull" || a == "idle" || a == "revoke" ||
               a == "frame" || a == "scale" || a == "hostile" || a == "readers" ||
               a == "refusals") {
      o.only.push_back(a);
    } else {
      std::printf(
          "moot-bench [pm] [channel] [pull] [idle] [revoke] [frame] [scale] [hostile] [readers]\n"
          "  [refusals] [--runs N] [--connections N] [--records N] [--seconds N] [--tries N]\n"
          "  [--wall proxy|unix|tls] [--no-batch] [--json]\n\n"
          "Starts a mootd of its own on one processor, loads it from another and prints what it\n"
          "costs:\n"
          "  pm      CPU per relayed private message, 50 pairs, windows 1 and 64\n"
          "  channel CPU, frames, octets, round trips and the members' syncs per committed "
          "message,\n"
          "          3, 10, 100 members\n"
          "  pull    a new member brings a history of --records messages (default 100,000)\n"
          "  idle    resident bytes per idle connection and CPU per login, 10,000 connections\n"
          "  revoke  time from the return of `mootd key revoke` to the closed connection;\n"
          "          with --wall of CNs that a front tells, uids (as root), certificates\n"
          "  frame   verify, decode, encode and sign one frame, against the bare HMACs\n"
          "  scale   CPU of a delivery by members of a channel, 3 to 10,000;\n"
          "          memory by connections\n"
          "  hostile an established chat beside 10,000 bogus connections a second,\n"
          "          1,000 slow readers, a storm of fan-out and one of elections,\n"
          "          each for --seconds (default 20)\n"
          "  readers the calm chat and the slow readers alone: --seconds 600 shows whether the\n"
          "          server's memory stays flat\n"
          "  refusals  whether the time of a refusal tells its reason,\n"
          "          --tries (default 1,000,000)\n"
          "Without a name: all but scale, hostile, readers and refusals.\n"
          "Medians of N runs (default 5) with the spread in brackets.\n");
      return a == "--help" || a == "-h" ? 0 : 2;
    }
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < o.connections + 100) {
    std::fprintf(stderr,
                 "moot-bench: %llu descriptors allow no %zu connections; say --connections or "
                 "raise `ulimit -n`.\n",
                 static_cast<unsigned long long>(files.rlim_cur), o.connections);
    return 1;
  }
  if (wanted(o, "frame")) frame_cost(o);
  if (wanted(o, "pm")) {
    pin_to_load_processor();
    private_messages(o, 1, 40'000);
    private_messages(o, 64, 400'000);
  }
  if (wanted(o, "channel")) {
    pin_to_load_processor();
    for (const std::size_t members : {3u, 10u, 100u}) {
      for (const unsigned window : {1u, 16u}) channel_commits(o, members, window);
    }
  }
  if (wanted(o, "pull")) catch_up(o, o.records);
  if (wanted(o, "idle")) idle_and_logins(o);
  if (wanted(o, "revoke")) revocation(o);
  if (!o.only.empty() && wanted(o, "scale")) scale(o);
  if (!o.only.empty() && wanted(o, "hostile")) hostile(o);
  if (!o.only.empty() && wanted(o, "readers")) readers(o);
  if (!o.only.empty() && wanted(o, "refusals")) refusals(o);
  return 0;
}

}  // namespace
}  // namespace moot::bench

int main(int argc, char** argv) { return moot::bench::main_of(argc, argv); }
