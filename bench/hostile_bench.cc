#include "bench/hostile_bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <random>
#include <string>
#include <string_view>

#include "bench/accounts.h"
#include "bench/driver.h"
#include "client/content.h"

namespace moot::bench {
namespace {

constexpr std::size_t kPairs = 10;
constexpr std::chrono::milliseconds kPause{10};  // between two messages; the pairs take turns
constexpr std::size_t kBogusPerSecond = 10'000;
constexpr std::size_t kSlowReaders = 1'000;
constexpr std::size_t kCrowd = 1'000;

// The people who go on talking meanwhile: an open loop, so that a server that stands still makes
// the messages behind it late as well.
class Chat {
 public:
  Chat(Driver& d, const std::vector<Identity>& who) : d_(d), who_(who) {}

  void step() {
    const auto t = Clock::now();
    for (; next_ <= t; next_ += kPause) {
      const std::size_t pair = sent_ % kPairs;
      std::array<std::uint8_t, 10> random{};
      put_be64(random.data() + 2, ++sent_);
      const MsgId id = MsgId::make(now().wall, random);
      under_way_[pair].push_back(next_);
      d_.clients()[2 * pair]->send(
          c::PvMsg{.to = who_[2 * pair + 1].user, .msg_id = id, .msg = body_});
    }
  }
  // What a message of the server means to the chat.
  void hear(Client& c, const s::Any& cmd) {
    const auto* m = std::get_if<s::Msg>(&cmd);
    if (m == nullptr || c.index >= 2 * kPairs || c.index % 2 == 0) return;
    auto& sent = under_way_[c.index / 2];
    if (sent.empty()) return;
    latency_.push_back(micros(Clock::now() - sent.front()));
    sent.pop_front();
    c.send(c::AckMsg{.from = m->from, .msg_id = m->msg_id});
  }
  // Of the time since the last call.
  std::vector<double> take() { return std::exchange(latency_, {}); }
  void begin() { next_ = Clock::now(); }

 private:
  Driver& d_;
  const std::vector<Identity>& who_;
  const ByteBuf body_ = ByteBuf(100, 'x');
  std::uint64_t sent_ = 0;
  Clock::time_point next_;
  std::array<std::deque<Clock::time_point>, kPairs> under_way_;
  std::vector<double> latency_;
};

// Connections from everywhere in 127.0.0.0/8 that say nothing, or something wrong.
class Flood {
 public:
  explicit Flood(std::uint16_t port) : port_(port) {}
  ~Flood() {
    for (const auto& [since, fd] : open_) ::close(fd);
  }
  void step() {
    const auto t = Clock::now();
    const double due = micros(t - begin_) * 1e-6 * static_cast<double>(kBogusPerSecond);
    // A server that is slow to take them gets no more than this at once for it.
    for (int n = 0; made_ < static_cast<std::size_t>(due) && n < 64; ++n) one(t);
    while (!open_.empty() && t - open_.front().first > std::chrono::milliseconds{100}) {
      ::close(open_.front().second);
      open_.pop_front();
    }
  }
  std::size_t made() const { return made_; }

 private:
  void one(Clock::time_point t) {
    ++made_;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    // No port of the attacker's stays behind.
    const linger reset{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7f010001u + static_cast<std::uint32_t>(random_() % 0xfd0000u));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port_);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0) {
      [[maybe_unused]] const int started =
          ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to);
      if (made_ % 2 == 0) {
        static const std::string kBogus = "CNN 3 " + std::string(128, 'f') + "\n\xa1x\xc0";
        [[maybe_unused]] const ssize_t n = ::send(fd, kBogus.data(), kBogus.size(), MSG_NOSIGNAL);
      }
    }
    open_.emplace_back(t, fd);
  }

  const std::uint16_t port_;
  const Clock::time_point begin_ = Clock::now();
  std::minstd_rand random_{7};
  std::size_t made_ = 0;
  std::deque<std::pair<Clock::time_point, int>> open_;
};

struct Scene {
  const char* name = "";
  std::vector<double> latency = {};
  std::vector<double> resident = {};  // MiB, once a second
  std::string beside = {};
};

void report(const Options& o, Scene& scene, double calm_p99) {
  const double p50 = percentile(scene.latency, 0.5);
  const double p99 = percentile(scene.latency, 0.99);
  const auto half = scene.resident.begin() + static_cast<std::ptrdiff_t>(scene.resident.size() / 2);
  const auto most = [](auto from, auto to) {
    return from == to ? 0.0 : *std::max_element(from, to);
  };
  char beside[300];
  std::snprintf(
      beside, sizeof beside,
      "p50 %.2f p99.9 %.2f ms, %.1f times the calm p99; resident MiB: %.0f at most in the "
      "first half, %.0f in the second%s%s",
      p50 / 1000, percentile(scene.latency, 0.999) / 1000, calm_p99 > 0 ? p99 / calm_p99 : 1.0,
      most(scene.resident.begin(), half), most(half, scene.resident.end()),
      scene.beside.empty() ? "" : "; ", scene.beside.c_str());
  print(o, {std::string("chat, ") + scene.name, "ms p99", {p99 / 1000}, beside});
}

// The chat for `seconds`, with `attack` before each turn.
void play(Driver& d, Chat& chat, const ServerProcess& server, double seconds, Scene& scene,
          const std::function<void()>& attack) {
  chat.take();
  chat.begin();
  const auto begin = Clock::now();
  auto look = begin;
  for (;;) {
    const auto t = Clock::now();
    if (micros(t - begin) * 1e-6 >= seconds) break;
    if (t >= look) {
      scene.resident.push_back(static_cast<double>(server.resident_bytes()) / (1024.0 * 1024.0));
      look += std::chrono::seconds{1};
    }
    attack();
    chat.step();
    d.turn(std::chrono::milliseconds{1});
  }
  scene.latency = chat.take();
}

// They connect, are written to by a talker in turn, and never read; whoever is let go comes again.
class SlowReaders {
 public:
  SlowReaders(Driver& d, const std::vector<Identity>& who, std::size_t talker)
      : d_(d), who_(who), talker_(talker) {}
  void opened(Client& c) {
    if (c.index > talker_) d_.stop_reading(c);
  }
  void closed(const Client& c) {
    if (c.index > talker_) again_.push_back(c.index);
  }
  void step() {
    for (const std::size_t i : std::exchange(again_, {})) {
      d_.connect(who_[i]).index = i;
      ++came_again_;
    }
    const auto t = Clock::now();
    if (t < next_) return;
    next_ = t + std::chrono::milliseconds{1};  // 4 KiB for each of them a second
    const std::size_t to = talker_ + 1 + said_ % kSlowReaders;
    std::array<std::uint8_t, 10> random{};
    put_be64(random.data() + 2, ++said_ | 1ull << 50);
    d_.clients()[talker_]->send(
        c::PvMsg{.to = who_[to].user, .msg_id = MsgId::make(now().wall, random), .msg = body_});
  }
  std::size_t came_again() const { return came_again_; }

 private:
  Driver& d_;
  const std::vector<Identity>& who_;
  const std::size_t talker_;
  const ByteBuf body_ = ByteBuf(4096, 'y');
  std::uint64_t said_ = 0;
  std::size_t came_again_ = 0;
  std::vector<std::size_t> again_;
  Clock::time_point next_;
};

// A server with the chat on it, and others beside it.
struct Stage {
  Stage(const Options& o, std::size_t others, std::vector<std::string> args)
      : server(o.bin_dir, std::move(args)),
        who(enrol(server, 2 * kPairs + others)),
        driver(server.port(), "moot.local", o.batch),
        chat(driver, who) {
    open_all(driver, who, 0, who.size());
    hear([](Client&, const s::Any&) {});
  }
  void hear(std::function<void(Client&, const s::Any&)> more) {
    driver.hooks({.opened = {},
                  .deliver =
                      [this, more = std::move(more)](Client& c, const s::Any& cmd, Bytes) {
                        chat.hear(c, cmd);
                        more(c, cmd);
                      },
                  .closed = {}});
  }
  ServerProcess server;
  std::vector<Identity> who;
  Driver driver;
  Chat chat;
};

// What the others are compared with: the p99.
double calm_talk(const Options& o, Stage& stage) {
  Scene quiet{.name = "calm"};
  play(stage.driver, stage.chat, stage.server, std::min(o.seconds, 20.0), quiet, [] {});
  const double calm = percentile(quiet.latency, 0.99);
  report(o, quiet, calm);
  return calm;
}

double bogus_connections(const Options& o) {
  // This machine's own address is no stranger's.
  Stage stage(o, 0, {"--set", "limits.exempt=[\"127.0.0.1/32\"]"});
  const double calm = calm_talk(o, stage);
  Scene flooded{.name = "bogus connections"};
  Flood flood(stage.server.port());
  play(stage.driver, stage.chat, stage.server, o.seconds, flooded, [&] { flood.step(); });
  flooded.beside =
      std::to_string(static_cast<std::size_t>(static_cast<double>(flood.made()) / o.seconds)) +
      " a second";
  report(o, flooded, calm);
  return calm;
}

void slow_readers(const Options& o, double calm) {
  Stage stage(o, 1 + kSlowReaders, {"--set", "presence.mode=\"off\""});
  SlowReaders slow(stage.driver, stage.who, 2 * kPairs);
  for (const auto& c : stage.driver.clients()) slow.opened(*c);
  stage.driver.hooks(
      {.opened = [&](Client& c) { slow.opened(c); },
       .deliver = [&](Client& c, const s::Any& cmd, Bytes) { stage.chat.hear(c, cmd); },
       .closed = [&](Client& c) { slow.closed(c); }});
  Scene scene{.name = "slow readers"};
  play(stage.driver, stage.chat, stage.server, o.seconds, scene, [&] { slow.step(); });
  scene.beside = std::to_string(kSlowReaders) + " of them, " + std::to_string(slow.came_again()) +
                 " connections let go";
  report(o, scene, calm);
}

// A channel of everybody but the chat, with the shipped rates; the first of them storms.
void storm(const Options& o, double calm, const char* name, std::size_t members, Keeper keeper,
           const std::function<void(Client&, const ChannelId&, std::uint64_t)>& say) {
  Stage stage(o, members,
              {"--set", "presence.mode=\"off\"", "--set", "limits.commands_per_s=20", "--set",
               "channels.lobby=false"});
  const ChannelId channel = ChannelId::make(now().wall, std::array<std::uint8_t, 10>{});
  std::size_t in = 0;
  std::uint64_t heard = 0;
  stage.hear([&](Client&, const s::Any& cmd) {
    ++heard;
    const auto* status = std::get_if<s::ChStatus>(&cmd);
    if (status != nullptr && status->id == channel) ++in;
  });
  Client& loud = *stage.driver.clients()[2 * kPairs];
  loud.send(c::ChCreate{.id = channel, .name = Name{"crowd"}, .keeper = keeper});
  bool joined = stage.driver.run([&] { return in > 0; }, std::chrono::seconds{10});
  for (std::size_t i = 2 * kPairs + 1; i < stage.who.size(); ++i) {
    stage.driver.clients()[i]->send(c::ChJoin{.id = channel});
  }
  joined = joined && stage.driver.run([&] { return in >= members; }, std::chrono::seconds{60});
  if (!joined) {
    std::fprintf(stderr, "moot-bench: not everybody could join.\n");
    std::exit(1);
  }
  for (std::size_t i = 2 * kPairs; i < stage.who.size(); ++i) {
    ReplicaId replica;
    put_be64(replica.octets.data(), i);
    stage.driver.clients()[i]->send(c::ChAttach{.id = channel, .replica = replica});
  }
  heard = 0;
  Scene scene{.name = name};
  std::uint64_t said = 0;
  play(stage.driver, stage.chat, stage.server, o.seconds, scene, [&] {
    // As much as the socket takes: the server reads it when the rates allow.
    if (loud.gone() || loud.unsent() > 0) return;
    for (int i = 0; i < 32; ++i) say(loud, channel, ++said);
  });
  scene.beside = std::to_string(said) + " commands written, " + std::to_string(heard) + " heard";
  report(o, scene, calm);
}

}  // namespace

void hostile(const Options& o) {
  pin_to_load_processor();
  const double calm = bogus_connections(o);
  slow_readers(o, calm);
  const ByteBuf body = *client::write_text(std::string(4'000, 'z'), std::nullopt);
  storm(o, calm, "fan-out storm", kCrowd, Keeper::server,
        [&](Client& c, const ChannelId& channel, std::uint64_t n) {
          std::array<std::uint8_t, 10> random{};
          put_be64(random.data() + 2, n);
          c.send(c::ChMsg{.id = channel, .msg_id = MsgId::make(now().wall, random), .msg = body});
        });
  storm(o, calm, "election storm", 100, Keeper::members,
        [](Client& c, const ChannelId& channel, std::uint64_t n) {
          c.send(c::ChLead{.election = n << 20 | 1, .id = channel, .last = {}, .count = 0});
        });
}

void readers(const Options& o) {
  pin_to_load_processor();
  double calm = 0;
  {
    Stage stage(o, 0, {});
    calm = calm_talk(o, stage);
  }
  slow_readers(o, calm);
}

}  // namespace moot::bench
