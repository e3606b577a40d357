#include "apps/moot/commands.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "model/ids.h"

namespace moot::app {

int give_up(const Trouble& trouble) {
  fmt::print(stderr, "moot: {}\n", trouble.sentence);
  return trouble.code;
}

std::string user_of(const std::string& target) {
  const std::string_view name = std::string_view(target).substr(target.starts_with('@') ? 1 : 0);
  const auto user = UserId::parse(name);
  return user && !user->reserved() ? std::string(name) : std::string();
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t n = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || n < 0 || n > 1'000'000) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(stop - text.data()));
  if (unit == "ms") return std::chrono::milliseconds(n);
  if (unit == "s" || unit.empty()) return std::chrono::seconds(n);
  if (unit == "m") return std::chrono::minutes(n);
  if (unit == "h") return std::chrono::hours(n);
  return std::nullopt;
}

}  // namespace moot::app
