#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

// One line on stderr for each event: a code and fields. Foreign strings are escaped; secrets,
// payloads and signatures never come here (security.md 5.5).
namespace moot::net::log {

enum class Level : std::uint8_t { debug, info, warn, error, off };
enum class Format : std::uint8_t { text, json };

struct Field {
  std::string_view key;
  std::string text;
  bool quoted = true;

  Field(std::string_view k, std::string_view v) : key(k), text(v) {}
  Field(std::string_view k, const char* v) : key(k), text(v) {}
  Field(std::string_view k, const std::string& v) : key(k), text(v) {}
  template <class T>
    requires std::is_integral_v<T>
  Field(std::string_view k, T v) : key(k), text(std::to_string(v)), quoted(false) {}
};

void setup(Level level, Format format);
void set_level(Level level);
bool enabled(Level level);
// Lines that the rate left out so far.
std::uint64_t left_out();
void event(Level level, std::string_view code, std::initializer_list<Field> fields);

// The octets as they stand inside the quotes of a line: control characters, quotes, backslashes
// and what is no ASCII are written as \u00XX of each octet.
std::string escaped(std::string_view text);

inline void debug(std::string_view code, std::initializer_list<Field> f = {}) {
  if (enabled(Level::debug)) event(Level::debug, code, f);
}
inline void info(std::string_view code, std::initializer_list<Field> f = {}) {
  event(Level::info, code, f);
}
inline void warn(std::string_view code, std::initializer_list<Field> f = {}) {
  event(Level::warn, code, f);
}
inline void error(std::string_view code, std::initializer_list<Field> f = {}) {
  event(Level::error, code, f);
}

}  // namespace moot::net::log
