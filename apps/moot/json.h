#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "text/shown.h"

namespace moot::app {

using text_rules::json_or_null;
using text_rules::json_text;

// A flat JSON object: all that goes between a command and the owner of the store, one a line.
class Json {
 public:
  using Value = std::variant<std::string, std::uint64_t, bool>;

  Json& set(std::string_view key, std::string_view value) { return put(key, std::string(value)); }
  Json& set(std::string_view key, const char* value) { return put(key, std::string(value)); }
  Json& set(std::string_view key, std::uint64_t value) { return put(key, value); }
  Json& set(std::string_view key, bool value) { return put(key, value); }

  // Absent or of another type: empty, 0, false.
  const std::string& str(std::string_view key) const;
  std::uint64_t u64(std::string_view key) const;
  bool flag(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }

  std::string text() const;
  // None when it is no flat object of texts, whole numbers and booleans.
  static std::optional<Json> parse(std::string_view text);

 private:
  Json& put(std::string_view key, Value value);
  const Value* find(std::string_view key) const;
  std::vector<std::pair<std::string, Value>> members_;
};

}  // namespace moot::app
