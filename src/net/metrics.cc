#include "net/metrics.h"

#include <prometheus/text_serializer.h>

#include <cstdio>
#include <utility>
#include <vector>

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

namespace moot::net {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

template <class Any>
constexpr auto command_names() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<std::string_view, sizeof...(I)>{
        std::variant_alternative_t<I, Any>::kTable.name...};
  }(std::make_index_sequence<std::variant_size_v<Any>>{});
}

constexpr std::array<std::string_view, kChannelEvents> kEventTexts{"commit", "merge", "elected",
                                                                   "refused", "deposed"};

class Families {
 public:
  void counter(std::string name, std::string help, std::uint64_t value) {
    family(std::move(name), std::move(help), MetricType::Counter);
    add(value);
  }
  void gauge(std::string name, std::string help, std::uint64_t value) {
    family(std::move(name), std::move(help), MetricType::Gauge);
    add(value);
  }
  void family(std::string name, std::string help, MetricType type) {
    all_.push_back({.name = std::move(name), .help = std::move(help), .type = type, .metric = {}});
  }
  // To the newest family.
  void add(std::uint64_t value, std::vector<ClientMetric::Label> labels = {}) {
    ClientMetric m;
    m.label = std::move(labels);
    m.counter.value = static_cast<double>(value);
    m.gauge.value = static_cast<double>(value);
    all_.back().metric.push_back(std::move(m));
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(all_); }

 private:
  std::vector<MetricFamily> all_;
};

// Of all threads together.
class Sums {
 public:
  explicit Sums(std::span<const WorkerTallies* const> workers) : workers_(workers) {}
  std::uint64_t operator()(Tally WorkerTallies::* which) const {
    std::uint64_t n = 0;
    for (const WorkerTallies* w : workers_) n += (w->*which).get();
    return n;
  }
  template <std::size_t N>
  std::uint64_t operator()(std::array<Tally, N> WorkerTallies::* which, std::size_t i) const {
    std::uint64_t n = 0;
    for (const WorkerTallies* w : workers_) n += (w->*which)[i].get();
    return n;
  }

 private:
  std::span<const WorkerTallies* const> workers_;
};

void put_connections(Families& f, const MetricsView& v, const Sums& sum) {
  const server::Counts n = v.hub.core().counts();
  f.gauge("moot_connections", "Connections of every kind.", v.connections);
  f.gauge("moot_sessions", "Connections that are through CNN.", n.connections);
  f.gauge("moot_users_online", "Users with a session.", n.users_online);
  f.gauge("moot_accounts", "Accounts, removed ones left out.", n.accounts);
  f.gauge("moot_offline_messages", "Private messages kept for devices.", n.offline_messages);
  f.counter("moot_connections_accepted_total", "Connections that were taken.",
            sum(&WorkerTallies::connections));
  f.counter("moot_connections_dropped_total",
            "Connections closed at once: limits of their source, or the early drop.",
            v.early_drops);
  f.counter("moot_cnn_held_total",
            "CNN that waited a second: too many failed in that name from that source.",
            v.hub.effects().tallies.held.get());
  f.counter("moot_cnn_total", "CNN whose signature was looked at.", sum(&WorkerTallies::cnn));
  f.counter("moot_cnn_admitted_total", "CNN that became a session.", sum(&WorkerTallies::admitted));
  f.family("moot_silent_closes_total", "Connections closed without a word.", MetricType::Counter);
  for (std::size_t i = 0; i < kSilentTexts.size(); ++i) {
    f.add(sum(&WorkerTallies::silent, i), {{"reason", std::string(kSilentTexts[i])}});
  }
}

void put_fronts(Families& f, const Sums& sum) {
  f.family("moot_proxy_headers_total", "What fronts sent, by what was wrong with it.",
           MetricType::Counter);
  for (std::size_t i = 0; i <= kFrontLate; ++i) {
    f.add(sum(&WorkerTallies::fronts, i), {{"fault", std::string(front_text(i))}});
  }
}

void put_frames(Families& f, const MetricsView& v, const Sums& sum) {
  static constexpr auto kIn = command_names<c::Any>();
  static constexpr auto kOut = command_names<s::Any>();
  const server::Received& received = v.hub.core().received();
  f.family("moot_frames_received_total", "Frames that came through a session, and judged CNN.",
           MetricType::Counter);
  for (std::size_t i = 0; i < kIn.size(); ++i) {
    const bool cnn = kIn[i] == c::Cnn::kTable.name;
    f.add(cnn ? sum(&WorkerTallies::cnn) : received[i], {{"command", std::string(kIn[i])}});
  }
  f.add(received.back(), {{"command", "unknown"}});
  f.counter("moot_frames_sent_total", "Frames made; a BATCH is one.",
            sum(&WorkerTallies::frames_out));
  f.family("moot_commands_sent_total", "Commands sent, alone or in a BATCH; greetings left out.",
           MetricType::Counter);
  for (std::size_t i = 0; i < kOut.size(); ++i) {
    f.add(sum(&WorkerTallies::commands_out, i), {{"command", std::string(kOut[i])}});
  }
  f.counter("moot_received_bytes_total", "Octets read from connections.",
            sum(&WorkerTallies::octets_in));
  f.counter("moot_sent_bytes_total", "Octets that the system took.",
            sum(&WorkerTallies::octets_out));
  f.gauge("moot_send_queue_bytes", "Octets that wait in send queues.", sum(&WorkerTallies::queued));
}

void put_refusals(Families& f, const MetricsView& v, const Sums& sum) {
  const HubTallies& hub = v.hub.effects().tallies;
  f.family("moot_refusals_total", "ERR by code.", MetricType::Counter);
  for (std::size_t i = 0; i < hub.err.size(); ++i) {
    f.add(hub.err[i].get(), {{"code", std::string(text(static_cast<Errc>(i)))}});
  }
  f.family("moot_disconnects_total", "DCNN by code.", MetricType::Counter);
  for (std::size_t i = 0; i < hub.dcnn.size(); ++i) {
    f.add(hub.dcnn[i].get() + sum(&WorkerTallies::dcnn, i),
          {{"code", std::string(text(static_cast<DcnnCode>(i)))}});
  }
}

void put_channels(Families& f, const MetricsView& v) {
  const ChannelCensus n = v.hub.core().channels().census();
  f.family("moot_channels", "Channels by status; `server`: the server keeps them.",
           MetricType::Gauge);
  for (std::size_t i = 0; i < n.by_status.size(); ++i) {
    f.add(n.by_status[i], {{"status", std::string(text(static_cast<ChannelStatus>(i)))}});
  }
  f.gauge("moot_channels_led", "Channels of members that have a leader.", n.led);
  f.gauge("moot_candidates", "Channels in which somebody stands for leader.", n.standing);
  f.gauge("moot_replicas", "Replicas that are attached.", n.attached);
  f.gauge("moot_messages_in_flight", "Channel messages that wait for their quorum.", n.in_flight);
  f.family("moot_channel_events_total",
           "Commits, merged records, elections won, candidates refused by vote, leaders deposed.",
           MetricType::Counter);
  for (std::size_t i = 0; i < kEventTexts.size(); ++i) {
    f.add(v.hub.effects().tallies.channel_events[i].get(),
          {{"event", std::string(kEventTexts[i])}});
  }
}

void put_store(Families& f, const MetricsView& v) {
  const store::GroupCommit::Tallies& n = v.hub.store_tallies();
  f.counter("moot_store_commits_total", "Transactions on disk, each with an fsync of the log.",
            n.commits.get());
  f.counter("moot_store_operations_total", "Operations in them.", n.operations.get());
  f.counter("moot_store_checkpoints_total", "The log put into the store, an fsync of each.",
            n.checkpoints.get());
  f.gauge("moot_store_waiting", "Operations that are not on disk yet.", v.hub.uncommitted());
}

// 0 where the system does not tell.
std::uint64_t resident_octets() {
  unsigned long long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%*u %llu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t open_descriptors() {
  DIR* dir = ::opendir("/proc/self/fd");
  if (dir == nullptr) return 0;
  std::uint64_t n = 0;
  while (const dirent* entry = ::readdir(dir)) n += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(dir);
  return n - 1;  // the one that looks
}

void put_process(Families& f, const MetricsView& v) {
  f.family("moot_build_info", "What runs.", MetricType::Gauge);
  f.add(1, {{"version", std::string(v.version)}});
  f.gauge("moot_start_time_seconds", "When it started.", v.started.seconds());
  f.gauge("moot_draining", "1 while it stops.", v.draining ? 1 : 0);
  f.gauge("moot_resident_memory_bytes", "Memory that is in use.", resident_octets());
  f.gauge("moot_open_descriptors", "Descriptors that are open.", open_descriptors());
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  f.gauge("moot_descriptors_max", "How many may be.", files.rlim_cur);
  f.counter("moot_log_lines_left_out_total", "Lines over the rate of the log.",
            v.log_lines_left_out);
}

}  // namespace

std::string metrics_text(const MetricsView& view) {
  Families f;
  const Sums sum(view.workers);
  put_process(f, view);
  put_connections(f, view, sum);
  put_fronts(f, sum);
  put_frames(f, view, sum);
  put_refusals(f, view, sum);
  put_channels(f, view);
  put_store(f, view);
  return f.text();
}

}  // namespace moot::net
