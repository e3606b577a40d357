#include "apps/moot/json.h"

#include <charconv>

#include "base/utf8.h"

namespace moot::app {
namespace {

constexpr std::size_t kMembersMax = 64;

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  void blanks() {
    while (!rest_.empty() && std::string_view(" \t\r\n").contains(rest_[0])) rest_.remove_prefix(1);
  }
  bool take(std::string_view word) {
    blanks();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool done() {
    blanks();
    return rest_.empty();
  }

  std::optional<std::string> string() {
    if (!take("\"")) return std::nullopt;
    std::string out;
    while (!rest_.empty()) {
      const char c = rest_[0];
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  std::optional<Json::Value> value() {
    blanks();
    if (rest_.starts_with('"')) {
      auto s = string();
      if (!s) return std::nullopt;
      return Json::Value{std::move(*s)};
    }
    if (take("true")) return Json::Value{true};
    if (take("false")) return Json::Value{false};
    std::uint64_t n = 0;
    const auto [stop, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), n);
    if (error != std::errc{}) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(stop - rest_.data()));
    return Json::Value{n};
  }

 private:
  std::optional<std::uint32_t> unit() {
    std::uint32_t u = 0;
    if (rest_.size() < 4) return std::nullopt;
    const auto [stop, error] = std::from_chars(rest_.data(), rest_.data() + 4, u, 16);
    if (error != std::errc{} || stop != rest_.data() + 4) return std::nullopt;
    rest_.remove_prefix(4);
    return u;
  }
  bool escape(std::string& out) {
    if (rest_.empty()) return false;
    const char c = rest_[0];
    rest_.remove_prefix(1);
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeans = "\"\\/\b\f\n\r\t";
    if (const auto at = kNames.find(c); at != std::string_view::npos) {
      out += kMeans[at];
      return true;
    }
    if (c != 'u') return false;
    auto code = unit();
    if (!code || (*code >= 0xdc00 && *code < 0xe000)) return false;
    if (*code >= 0xd800 && *code < 0xdc00) {
      if (!rest_.starts_with("\\u")) return false;
      rest_.remove_prefix(2);
      const auto low = unit();
      if (!low || *low < 0xdc00 || *low >= 0xe000) return false;
      code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
    }
    append_utf8(out, *code);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

Json& Json::put(std::string_view key, Value value) {
  members_.emplace_back(key, std::move(value));
  return *this;
}

const Json::Value* Json::find(std::string_view key) const {
  for (const auto& [name, value] : members_) {
    if (name == key) return &value;
  }
  return nullptr;
}

const std::string& Json::str(std::string_view key) const {
  static const std::string kEmpty;
  const Value* v = find(key);
  const auto* s = v == nullptr ? nullptr : std::get_if<std::string>(v);
  return s == nullptr ? kEmpty : *s;
}
std::uint64_t Json::u64(std::string_view key) const {
  const Value* v = find(key);
  const auto* n = v == nullptr ? nullptr : std::get_if<std::uint64_t>(v);
  return n == nullptr ? 0 : *n;
}
bool Json::flag(std::string_view key) const {
  const Value* v = find(key);
  const auto* b = v == nullptr ? nullptr : std::get_if<bool>(v);
  return b != nullptr && *b;
}

std::string Json::text() const {
  std::string out = "{";
  for (const auto& [key, value] : members_) {
    if (out.size() > 1) out += ',';
    out += json_text(key) + ':';
    if (const auto* s = std::get_if<std::string>(&value)) {
      out += json_text(*s);
    } else if (const auto* n = std::get_if<std::uint64_t>(&value)) {
      out += std::to_string(*n);
    } else {
      out += std::get<bool>(value) ? "true" : "false";
    }
  }
  return out + '}';
}

std::optional<Json> Json::parse(std::string_view text) {
  Parser p(text);
  Json json;
  if (!p.take("{")) return std::nullopt;
  if (!p.take("}")) {
    do {
      p.blanks();
      auto key = p.string();
      if (!key || json.has(*key) || json.members_.size() == kMembersMax || !p.take(":"))
        return std::nullopt;
      auto value = p.value();
      if (!value) return std::nullopt;
      json.members_.emplace_back(std::move(*key), std::move(*value));
    } while (p.take(","));
    if (!p.take("}")) return std::nullopt;
  }
  if (!p.done()) return std::nullopt;
  return json;
}

}  // namespace moot::app
