#include "apps/moot/show.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>

namespace moot::app {

int colour_of(std::string_view name) {
  unsigned sum = 0;
  for (const char c : name) sum = sum * 31 + static_cast<unsigned char>(c);
  return 1 + static_cast<int>(sum % 6);
}

std::string local_time(std::uint64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  const std::time_t now = std::time(nullptr);
  std::tm at{};
  std::tm today{};
  localtime_r(&seconds, &at);
  localtime_r(&now, &today);
  if (at.tm_year == today.tm_year && at.tm_yday == today.tm_yday)
    return fmt::format("{:02}:{:02}", at.tm_hour, at.tm_min);
  return fmt::format("{}-{:02}-{:02} {:02}:{:02}", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday,
                     at.tm_hour, at.tm_min);
}

std::string coloured(std::string_view text, std::string_view name, bool colour) {
  if (!colour) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", 30 + colour_of(name), text);
}

std::uint64_t now_ms() {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}

std::string iso_time(std::uint64_t unix_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds{static_cast<std::int64_t>(unix_ms)}};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss time{at - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

std::optional<std::uint64_t> parse_iso_time(std::string_view text) {
  using namespace std::chrono;
  const auto number = [&](std::size_t at, std::size_t digits) -> int {
    int n = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
      n = n * 10 + (text[i] - '0');
    }
    return n;
  };
  const int y = number(0, 4), mo = number(5, 2), d = number(8, 2);
  if (y < 0 || mo < 0 || d < 0 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const year_month_day date{year{y}, month{static_cast<unsigned>(mo)},
                            day{static_cast<unsigned>(d)}};
  if (!date.ok()) return std::nullopt;
  std::int64_t ms = sys_days{date}.time_since_epoch() / milliseconds{1};
  if (text.size() > 10) {
    const int h = number(11, 2), mi = number(14, 2);
    if ((text[10] != 'T' && text[10] != ' ') || h < 0 || h > 23 || mi < 0 || mi > 59 ||
        text[13] != ':') {
      return std::nullopt;
    }
    ms += (h * 60 + mi) * 60'000;
    std::string_view rest = text.substr(16);
    if (rest.starts_with(':')) {
      const int s = number(17, 2);
      if (s < 0 || s > 60) return std::nullopt;
      ms += s * 1000;
      rest = text.substr(19);
      if (rest.starts_with('.')) {
        const int fraction = number(20, 3);
        if (fraction < 0) return std::nullopt;
        ms += fraction;
        rest = text.substr(23);
      }
    }
    if (!rest.empty() && rest != "Z") return std::nullopt;
  }
  if (ms < 0) return std::nullopt;
  return static_cast<std::uint64_t>(ms);
}

std::string_view word(Client::State state) {
  switch (state) {
    case Client::State::queued:
      return "queued";
    case Client::State::sent:
      return "sent";
    case Client::State::acked:
      return "acked";
    case Client::State::received:
      return "received";
    case Client::State::pending:
      return "pending";
    case Client::State::committed:
      return "committed";
    case Client::State::failed:
      break;
  }
  return "failed";
}

std::optional<Client::State> state_of(std::string_view w) {
  for (const auto s :
       {Client::State::queued, Client::State::sent, Client::State::acked, Client::State::received,
        Client::State::failed, Client::State::pending, Client::State::committed}) {
    if (word(s) == w) return s;
  }
  return std::nullopt;
}

std::string_view event_word(Client::Event::Kind kind) {
  using Kind = Client::Event::Kind;
  switch (kind) {
    case Kind::connecting:
      return "connecting";
    case Kind::connected:
      return "connected";
    case Kind::caught_up:
      return "caught_up";
    case Kind::disconnected:
      return "disconnected";
    case Kind::stopped:
      return "stopped";
    case Kind::message:
      return "message";
    case Kind::state:
      return "state";
    case Kind::renumbered:
      return "renumbered";
    case Kind::presence:
      return "presence";
    case Kind::removed:
      return "removed";
    case Kind::users:
      return "users";
    case Kind::ready:
      return "ready";
    case Kind::asked:
      return "asked";
    case Kind::away:
      return "away";
    case Kind::silent:
      return "silent";
    case Kind::done:
      return "done";
    case Kind::notice:
      return "notice";
    case Kind::channel:
      return "channel";
    case Kind::left:
      return "left";
    case Kind::channels:
      return "channels";
    case Kind::members:
      return "members";
    case Kind::acks:
      return "acks";
    case Kind::post:
      return "post";
    case Kind::election:
      return "election";
    case Kind::leader:
      return "leader";
    case Kind::sync:
      return "sync";
    case Kind::synced:
      return "synced";
    case Kind::store_failed:
      break;
  }
  return "store_failed";
}

std::string message_json(const Client::Message& m) {
  // The reader of a received message is the one who confirmed it.
  const bool acked = m.state == Client::State::acked || m.state == Client::State::received;
  std::string out = "{\"to\":" + json_text(m.to) + ",\"id\":" + json_text(m.id) +
                    ",\"from\":" + json_text(m.from) + ",\"at\":" + json_text(iso_time(m.at_ms)) +
                    ",\"text\":" + json_text(m.text) + ",\"state\":" +
                    json_text(m.state == Client::State::received ? "acked" : word(m.state)) +
                    ",\"acks\":[" + (acked ? json_text(m.to) : std::string()) + ']';
  if (!m.error.empty()) out += ",\"error\":" + json_text(m.error);
  return out + '}';
}

std::string message_line(const Client::Message& m, std::string_view self, bool colour) {
  const bool ours = m.from == self;
  const std::string mark = !ours                              ? ""
                           : m.state == Client::State::queued ? "  (queued)"
                           : m.state == Client::State::failed ? "  (failed: " + safe(m.error) + ")"
                                                              : "";
  const std::string who = ours && m.to != self ? "@" + m.from + " -> @" + m.to : "@" + m.from;
  return local_time(m.at_ms) + "  " + coloured(who, m.from, colour) + "  " + safe(m.text, true) +
         mark;
}

void put_message(Json& json, const Client::Message& m) {
  json.set("id", m.id)
      .set("from", m.from)
      .set("to", m.to)
      .set("text", m.text)
      .set("error", m.error)
      .set("at", m.at_ms)
      .set("state", word(m.state))
      .set("seq", m.seq);
}

Client::Message get_message(const Json& json) {
  Client::Message m;
  m.id = json.str("id");
  m.from = json.str("from");
  m.to = json.str("to");
  m.text = json.str("text");
  m.error = json.str("error");
  m.at_ms = json.u64("at");
  m.state = state_of(json.str("state")).value_or(Client::State::failed);
  m.seq = json.u64("seq");
  return m;
}

bool colour_wanted(int fd) {
  const char* no = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && (no == nullptr || *no == '\0') &&
         !(term != nullptr && std::string_view(term) == "dumb");
}

}  // namespace moot::app
