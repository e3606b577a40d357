#include "client/flat_toml.h"

#include <charconv>
#include <optional>

#include "base/hex.h"
#include "base/utf8.h"
#include "wire/msgpack.h"

namespace moot::client {
namespace {

bool blank(char c) { return c == ' ' || c == '\t'; }
bool bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// One line, without its line end.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  void skip_blanks() {
    while (!rest_.empty() && blank(rest_[0])) rest_.remove_prefix(1);
  }
  bool at_end() {
    skip_blanks();
    return rest_.empty() || rest_[0] == '#';
  }
  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool next_is(char c) const { return !rest_.empty() && rest_[0] == c; }

  std::string_view word() {
    std::size_t n = 0;
    while (n < rest_.size() && bare(rest_[n])) ++n;
    const std::string_view w = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return w;
  }

  // A basic or literal string that ends on its line; none when it does not.
  std::optional<std::string> string() {
    const char quote = rest_[0];
    rest_.remove_prefix(1);
    std::string out;
    while (!rest_.empty()) {
      const char c = rest_[0];
      rest_.remove_prefix(1);
      if (c == quote) return out;
      if (static_cast<unsigned char>(c) < 0x20 ? c != '\t' : c == 0x7f) return std::nullopt;
      if (c == '\\' && quote == '"') {
        if (!escape(out)) return std::nullopt;
      } else {
        out += c;
      }
    }
    return std::nullopt;
  }

 private:
  bool escape(std::string& out) {
    if (rest_.empty()) return false;
    const char c = rest_[0];
    rest_.remove_prefix(1);
    constexpr std::string_view kNames = "btnfr\"\\";
    constexpr std::string_view kMeans = "\b\t\n\f\r\"\\";
    if (const auto at = kNames.find(c); at != std::string_view::npos) {
      out += kMeans[at];
      return true;
    }
    const std::size_t digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0 || rest_.size() < digits) return false;
    std::uint32_t code = 0;
    const char* end = rest_.data() + digits;
    const auto [stop, error] = std::from_chars(rest_.data(), end, code, 16);
    if (error != std::errc{} || stop != end) return false;
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    rest_.remove_prefix(digits);
    append_utf8(out, code);
    return true;
  }

  std::string_view rest_;
};

std::optional<FlatEntry> read_line(Line line) {
  FlatEntry entry;
  if (line.next_is('"') || line.next_is('\'')) {
    auto name = line.string();
    if (!name) return std::nullopt;
    entry.name = std::move(*name);
  } else {
    entry.name = line.word();
    if (entry.name.empty()) return std::nullopt;
  }
  line.skip_blanks();
  if (!line.take('=')) return std::nullopt;
  line.skip_blanks();
  if (line.next_is('"') || line.next_is('\'')) {
    auto value = line.string();
    if (!value) return std::nullopt;
    entry.value = std::move(*value);
  } else {
    const std::string_view word = line.word();
    if (word == "true" || word == "false") {
      entry.value = word == "true";
      if (!line.at_end()) return std::nullopt;
      return entry;
    }
    std::uint64_t number = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc{} || stop != word.data() + word.size()) return std::nullopt;
    if (word.size() > 1 && word[0] == '0') return std::nullopt;
    entry.value = number;
  }
  if (!line.at_end()) return std::nullopt;
  return entry;
}

}  // namespace

Result<std::vector<FlatEntry>> read_flat_toml(std::string_view text) {
  std::vector<FlatEntry> entries;
  if (wire::check_text(as_bytes(text)) != wire::ProfileError::ok)
    return fail("It is no UTF-8 text.");
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view raw = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (raw.ends_with('\r')) raw.remove_suffix(1);
    Line line(raw);
    if (line.at_end()) continue;
    auto entry = read_line(line);
    if (!entry)
      return fail("Line " + std::to_string(number) + " is not of the form `name = \"value\"`.");
    for (const FlatEntry& other : entries) {
      if (other.name == entry->name)
        return fail("Line " + std::to_string(number) + " gives `" + entry->name + "` again.");
    }
    entries.push_back(std::move(*entry));
  }
  return entries;
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto octet = static_cast<std::uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (octet < 0x20 || octet == 0x7f) {
      out += "\\u00" + hex({&octet, 1});
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace moot::client
