#include "net/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <span>

namespace moot::net::log {
namespace {

std::shared_ptr<spdlog::logger> logger;
Format line_format = Format::text;
std::atomic<Level> least{Level::info};

// At most so many lines a second, and as many errors besides; what is left out is counted and told
// with the next line.
constexpr unsigned kLinesPerSecond = 100;
std::atomic<std::int64_t> second{0};
std::atomic<unsigned> lines{0};
std::atomic<unsigned> error_lines{0};
std::atomic<std::uint64_t> left_out_now{0};
std::atomic<std::uint64_t> left_out_before{0};

spdlog::level::level_enum spd(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

// How many lines were left out until now, where that is still to be told.
std::uint64_t begin_second(std::int64_t now) {
  if (second.exchange(now) == now) return 0;
  lines = 0;
  error_lines = 0;
  const std::uint64_t n = left_out_now.exchange(0);
  left_out_before += n;
  return n;
}

bool has_room(Level level) {
  auto& n = level == Level::error ? error_lines : lines;
  if (++n <= kLinesPerSecond) return true;
  ++left_out_now;
  return false;
}

std::int64_t this_second() {
  using namespace std::chrono;
  return duration_cast<std::chrono::seconds>(steady_clock::now().time_since_epoch()).count();
}

std::string line_of(std::string_view code, std::span<const Field> fields) {
  std::string line;
  if (line_format == Format::json) {
    line = "\"event\":\"" + std::string(code) + "\"";
    for (const Field& f : fields) {
      line += ",\"" + std::string(f.key) + "\":";
      line += f.quoted ? "\"" + escaped(f.text) + "\"" : f.text;
    }
    return line;
  }
  line = code;
  for (const Field& f : fields) {
    line += " " + std::string(f.key) + "=";
    const bool bare =
        !f.quoted ||
        (!f.text.empty() &&
         f.text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/[]#@") ==
             std::string::npos);
    line += bare ? f.text : "\"" + escaped(f.text) + "\"";
  }
  return line;
}

}  // namespace

void setup(Level level, Format format) {
  line_format = format;
  logger =
      std::make_shared<spdlog::logger>("mootd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog::level::trace);
  logger->set_pattern(format == Format::json ? R"({"at":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                             : "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v",
                      spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::trace);
  least = level;
}

void set_level(Level level) { least = level; }
bool enabled(Level level) { return logger != nullptr && level >= least; }

std::string escaped(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    if (b >= 0x20 && b < 0x7f && c != '"' && c != '\\') {
      out.push_back(c);
    } else {
      out += "\\u00";
      out.push_back(kHex[b >> 4]);
      out.push_back(kHex[b & 15]);
    }
  }
  return out;
}

void event(Level level, std::string_view code, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  if (const std::uint64_t n = begin_second(this_second()); n > 0) {
    const Field field("lines", n);
    logger->log(spd(Level::warn), "{}", line_of("log.left_out", {&field, 1}));
  }
  if (has_room(level)) logger->log(spd(level), "{}", line_of(code, fields));
}

std::uint64_t left_out() { return left_out_before + left_out_now; }

}  // namespace moot::net::log
