#include "apps/mootd/values.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace moot::mootd {
namespace {

// How many changes of one octet make `b` of `a`; `fewest` stands for that many and more.
std::size_t edits(std::string_view a, std::string_view b, std::size_t fewest) {
  // Lengths alone tell most words apart, above all one of thousands of octets.
  const std::size_t longer = std::max(a.size(), b.size()) - std::min(a.size(), b.size());
  if (longer >= fewest) return fewest;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::uint64_t octets;
  };
  static constexpr Unit kUnits[] = {
      {"", 1},           {"B", 1},      {"KiB", 1u << 10}, {"MiB", 1u << 20},
      {"GiB", 1u << 30}, {"KB", 1'000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}};
  std::uint64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto* const it = std::ranges::find(kUnits, unit, &Unit::name);
  if (ec != std::errc{} || it == std::end(kUnits) ||
      n > std::numeric_limits<std::uint64_t>::max() / it->octets) {
    return fail("'" + std::string(text) + "' is no size; write one like 8MiB or 65536.");
  }
  return n * it->octets;
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t fewest = word.size() / 3 + 2;
  for (const std::string& k : known) {
    // What people forget most is the table: `commands_per_s` for `limits.commands_per_s`.
    const std::size_t dot = k.rfind('.');
    const std::string_view last =
        std::string_view(k).substr(dot == std::string::npos ? 0 : dot + 1);
    const std::size_t n =
        std::min(edits(word, k, fewest), edits(word, last, fewest) + (last == k ? 0u : 1u));
    if (n < fewest) {
      fewest = n;
      best = k;
    }
  }
  return best;
}

}  // namespace moot::mootd
