// bench-peers: the same work for moot and for others, in one run. Prints one JSON object a row;
// tools/performance.py makes docs/performance.md of them.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bench/accounts.h"
#include "bench/certificates.h"
#include "bench/moot_work.h"
#include "bench/peers/load.h"
#include "bench/peers/servers.h"
#include "bench/server_process.h"
#include "store/temp_dir.h"

namespace moot::bench {
namespace {

constexpr std::size_t kPairs = 50;

bool among(const std::vector<std::string>& list, const std::string& name) {
  return list.empty() || std::ranges::find(list, name) != list.end();
}

struct Settings {
  Options options;
  std::string config_dir;
  std::vector<std::string> only;  // workloads; empty: all
  std::vector<std::string> with;  // servers; empty: all there are
  std::set<std::string> done;     // workloads that are left out, whatever `only` says
  std::size_t part = 1;           // of the messages, one of so many: for a quick look
  bool wanted(const std::string& id) const { return among(only, id) && !done.contains(id); }
};

// A server under one workload, ready: every call of `run` is one run.
struct Contestant {
  std::string name;
  std::string version;
  std::function<Cost()> run;
  // Keeps its connections while others have their turn; empty: nothing ends them.
  std::function<void()> keep = {};
};

struct Workload {
  std::string id;             // W1.1 ...
  std::string title;          // as the table says it
  std::size_t receivers = 0;  // 0: pairs
  unsigned window = 1;
  std::size_t messages = 0;
};

const std::vector<Workload> kWorkloads = {
    {"W1.1", "W1 private message, 50 pairs, window 1", 0, 1, 40'000},
    {"W1.64", "W1 private message, 50 pairs, window 64", 0, 64, 300'000},
    {"W2.100.1", "W2 fan-out to 100, window 1", 100, 1, 2'000},
    {"W2.100.16", "W2 fan-out to 100, window 16", 100, 16, 3'000},
    {"W2.1000.1", "W2 fan-out to 1,000, window 1", 1'000, 1, 200},
    {"W2.1000.16", "W2 fan-out to 1,000, window 16", 1'000, 16, 300},
};

void print_row(const std::string& id, const std::string& title, const std::string& unit,
               const Contestant& who, std::vector<double> values, const std::vector<double>& rates,
               std::vector<double> latency) {
  std::ranges::sort(values);
  std::vector<double> sorted_rates = rates;
  std::printf(
      "{\"id\":\"%s\",\"workload\":\"%s\",\"unit\":\"%s\",\"server\":\"%s\",\"version\":\"%s\","
      "\"runs\":%zu,\"median\":%.4f,\"min\":%.4f,\"max\":%.4f,\"rate\":%.0f,\"p50\":%.1f,"
      "\"p99\":%.1f,\"p999\":%.1f}\n",
      id.c_str(), title.c_str(), unit.c_str(), who.name.c_str(), who.version.c_str(), values.size(),
      values[values.size() / 2], values.front(), values.back(), percentile(sorted_rates, 0.5),
      percentile(latency, 0.5), percentile(latency, 0.99), percentile(latency, 0.999));
  std::fflush(stdout);
  std::fprintf(stderr, "  %-34s %-18s %10.3f  [%.3f .. %.3f] %s\n", title.c_str(), who.name.c_str(),
               values[values.size() / 2], values.front(), values.back(), unit.c_str());
}

// In which way moot does a workload.
struct MootWay {
  std::string name;
  bool batch = true;
  Keeper keeper = Keeper::server;
  bool tls = false;
  unsigned threads = 1;  // of connections; the one processor is theirs together
};

// What of moot stays alive between the runs of a workload.
struct MootRun {
  MootRun(const Settings& s, const Workload& w, const MootWay& way)
      : server(s.options.bin_dir, server_args(way)),
        who(enrol(server, w.receivers == 0 ? 2 * kPairs : w.receivers + 1)),
        driver(connector(way), "moot.local", way.batch, false) {
    open_all(driver, who, 0, who.size());
    if (w.receivers > 0) channel.emplace(driver, who.size(), way.keeper, "bench");
  }
  std::vector<std::string> server_args(const MootWay& way) {
    std::vector<std::string> args{"--set", "channels.lobby=false", "--set",
                                  "threads=" + std::to_string(way.threads)};
    if (way.tls) {
      certificates.emplace(dir.path());
      certificates->issue();
      std::ranges::copy(certificates->tls_args(), std::back_inserter(args));
    }
    return args;
  }
  Driver::Connect connector(const MootWay& way) {
    if (way.tls)
      return [this](const Identity&) { return certificates->connect(server.tls_port(), 0); };
    return [this](const Identity&) { return Link{.fd = connect_tcp(server.port())}; };
  }
  store::TempDir dir;
  std::optional<Certificates> certificates;
  ServerProcess server;
  std::vector<Identity> who;
  Driver driver;
  std::optional<BenchChannel> channel;
  std::uint64_t runs = 0;
};

Contestant moot_contestant(const Settings& s, const Workload& w, const MootWay& way) {
  auto state = std::make_shared<MootRun>(s, w, way);
  return {way.name, "this tree",
          [state, w] {
            const CpuSeconds cpu = [&] { return state->server.cpu_seconds(); };
            if (state->channel) {
              return channel_fan_out(*state->channel, w.window, w.messages, cpu);
            }
            return private_messages(state->driver, state->who, w.window, w.messages, state->runs++,
                                    cpu);
          },
          [state] {
            for (const auto& client : state->driver.clients()) client->send(c::Kalive{});
            state->driver.turn(std::chrono::milliseconds{0});
          }};
}

struct PeerRun {
  PeerRun(const Settings& s, const Workload& w, const PeerServer& peer)
      : program(peer.start(s.config_dir)), load(program->port(), peer.make, "b") {
    load.open(w.receivers == 0 ? 2 * kPairs : w.receivers + 1);
    if (w.receivers > 0) load.join(w.receivers + 1);
  }
  std::unique_ptr<Program> program;
  Load load;
};

Contestant peer_contestant(const Settings& s, const Workload& w, const PeerServer& peer) {
  auto state = std::make_shared<PeerRun>(s, w, peer);
  return {peer.name, peer.version_text(), [state, w] {
            const CpuSeconds cpu = [&] { return state->program->cpu_seconds(); };
            return w.receivers > 0 ? fan_out(state->load, w.receivers, w.window, w.messages, cpu)
                                   : pairs(state->load, kPairs, w.window, w.messages, cpu);
          }};
}

// A peer that does not do its part is left out; the others go on.
bool attempt(const std::string& name, const std::function<void()>& part) {
  try {
    part();
    return true;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench-peers: %s is left out: %s.\n", name.c_str(), e.what());
    return false;
  }
}

// The contestants take turns, so that a change of the machine's mood meets all of them.
void compare(const Settings& s, const Workload& w, const std::vector<PeerServer>& peers) {
  std::vector<Contestant> all;
  const auto keep_all = [&] {
    for (const Contestant& c : all) {
      if (c.keep) c.keep();
    }
  };
  const auto add_moot = [&](const MootWay& way) {
    if (among(s.with, way.name)) all.push_back(moot_contestant(s, w, way));
  };
  add_moot({.name = "moot"});
  add_moot({.name = "moot without BATCH", .batch = false});
  add_moot({.name = "moot over TLS", .tls = true});
  add_moot({.name = "moot on two threads", .threads = 2});
  if (w.receivers > 0 && w.receivers <= 100)
    add_moot({.name = "moot member-kept", .keeper = Keeper::members});
  for (const PeerServer& peer : peers) {
    if (!among(s.with, peer.name)) continue;
    attempt(peer.name, [&] { all.push_back(peer_contestant(s, w, peer)); });
    keep_all();
  }
  std::vector<std::vector<double>> cpu(all.size());
  std::vector<std::vector<double>> rates(all.size());
  std::vector<std::vector<double>> latency(all.size());
  // The first round warms everybody up and does not count.
  for (int run = -1; run < s.options.runs; ++run) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!all[i].run) continue;
      keep_all();
      Cost cost;
      if (!attempt(all[i].name, [&] { cost = all[i].run(); })) {
        all[i].run = {};
        continue;
      }
      if (run < 0) continue;
      cpu[i].push_back(cost.cpu_us);
      rates[i].push_back(cost.rate);
      latency[i].insert(latency[i].end(), cost.latency_us.begin(), cost.latency_us.end());
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!cpu[i].empty())
      print_row(w.id, w.title, "us CPU a delivery", all[i], cpu[i], rates[i], latency[i]);
  }
}

// What the idle connections cost: resident octets of one, CPU of a login. A fresh server a run.
struct Idle {
  std::vector<double> octets;
  std::vector<double> login_us;
};

void settle() { usleep(3'000'000); }

void idle_once(const Settings& s, const PeerServer& peer, Idle& idle) {
  const auto program = peer.start(s.config_dir);
  Load load(program->port(), peer.make, "b");
  const std::size_t warm = s.options.connections / 100;
  load.open(warm);
  settle();
  const auto before = static_cast<double>(program->resident_bytes());
  const double cpu = program->cpu_seconds();
  load.open(s.options.connections);
  const double n = static_cast<double>(s.options.connections - warm);
  idle.login_us.push_back((program->cpu_seconds() - cpu) * 1e6 / n);
  settle();
  idle.octets.push_back((static_cast<double>(program->resident_bytes()) - before) / n);
}

void moot_idle_once(const Settings& s, Idle& idle) {
  ServerProcess server(s.options.bin_dir, {});
  const auto who = enrol(server, s.options.connections);
  // The first login of a key in a day is written down; those that are counted are not the first.
  open_all(*std::make_unique<Driver>(server.port(), "moot.local", true), who, 0, who.size());
  server.restart();
  Driver d(server.port(), "moot.local", true);
  const std::size_t warm = s.options.connections / 100;
  open_all(d, who, 0, warm, kLoginsAtOnce);
  settle();
  const auto before = static_cast<double>(server.resident_bytes());
  const double cpu = server.cpu_seconds();
  open_all(d, who, warm, s.options.connections, kLoginsAtOnce);
  const double n = static_cast<double>(s.options.connections - warm);
  idle.login_us.push_back((server.cpu_seconds() - cpu) * 1e6 / n);
  settle();
  idle.octets.push_back((static_cast<double>(server.resident_bytes()) - before) / n);
}

void compare_idle(const Settings& s, const std::vector<PeerServer>& peers) {
  std::map<std::string, Idle> idle;
  std::set<std::string> failed;
  for (int run = 0; run < s.options.runs; ++run) {
    if (among(s.with, "moot")) moot_idle_once(s, idle["moot"]);
    for (const PeerServer& peer : peers) {
      if (!among(s.with, peer.name) || failed.contains(peer.name)) continue;
      if (!attempt(peer.name, [&] { idle_once(s, peer, idle[peer.name]); }))
        failed.insert(peer.name);
    }
  }
  for (const auto& [name, figures] : idle) {
    if (figures.octets.empty()) continue;
    const auto peer = std::ranges::find(peers, name, &PeerServer::name);
    const Contestant who{name, peer == peers.end() ? "this tree" : peer->version_text(), {}};
    print_row("W3", "W3 idle connection", "resident octets", who, figures.octets, {}, {});
    print_row("W4", "W4 login", "us CPU a login", who, figures.login_us, {}, {});
  }
}

int usage(int code) {
  std::printf(
      "bench-peers --config DIR [--runs N] [--connections N] [--only W1.1,W3,...] "
      "[--with NAME,...] [--part N] [--done FILE]\n\n"
      "The same work for moot, a bare relay and the servers that are installed, in one run: every\n"
      "workload N times (default 5), one server after the other. DIR is bench/peers/config. With\n"
      "--part only one of N messages is sent. Workloads that FILE has rows of are left out: the "
      "rows of\n"
      "a run that was stopped. Rows go to standard output as JSON, progress to standard error.\n");
  return code;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    parts.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// The workloads that rows of an earlier run tell of; those of one workload are written together.
std::set<std::string> workloads_in(const std::string& file) {
  static constexpr std::string_view kKey = "{\"id\":\"";
  std::set<std::string> ids;
  std::ifstream rows(file);
  for (std::string row; std::getline(rows, row);) {
    const std::size_t end = row.find('"', kKey.size());
    if (row.starts_with(kKey) && row.ends_with('}')) {
      ids.insert(row.substr(kKey.size(), end - kKey.size()));
    }
  }
  return ids;
}

int main_of(int argc, char** argv) {
  Settings s;
  s.options.bin_dir = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (a == "--help" || a == "-h") return usage(0);
    if (value.empty()) return usage(2);
    ++i;
    if (a == "--config") {
      s.config_dir = value;
    } else if (a == "--runs") {
      s.options.runs = std::max(1, std::atoi(value.c_str()));
    } else if (a == "--connections") {
      s.options.connections = static_cast<std::size_t>(std::max(200, std::atoi(value.c_str())));
    } else if (a == "--only") {
      s.only = split(value);
    } else if (a == "--part") {
      s.part = static_cast<std::size_t>(std::clamp(std::atoi(value.c_str()), 1, 100));
    } else if (a == "--with") {
      s.with = split(value);
    } else if (a == "--done") {
      s.done = workloads_in(value);
    } else {
      return usage(2);
    }
  }
  if (s.config_dir.empty()) return usage(2);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  std::vector<PeerServer> peers;
  for (PeerServer& peer : peer_servers(s.options.bin_dir)) {
    if (peer.version_text().empty()) {
      std::fprintf(stderr, "bench-peers: %s is not installed; it is left out.\n",
                   peer.name.c_str());
    } else {
      peers.push_back(std::move(peer));
    }
  }
  pin_to_load_processor();
  for (Workload w : kWorkloads) {
    w.messages /= s.part;
    if (s.wanted(w.id)) compare(s, w, peers);
  }
  if (s.wanted("W3") || s.wanted("W4")) compare_idle(s, peers);
  return 0;
}

}  // namespace
}  // namespace moot::bench

int main(int argc, char** argv) { return moot::bench::main_of(argc, argv); }
