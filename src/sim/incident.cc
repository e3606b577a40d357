#include "sim/incident.h"

#include <algorithm>
#include <charconv>

namespace moot::sim {
namespace {
constexpr std::uint32_t kRangeMax = 1'000'000;

std::optional<std::uint32_t> number(std::string_view digits) {
  std::uint32_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return n;
}

// Nothing at all happens: a list of words is never empty, so it can be an argument.
constexpr std::string_view kNone = "none";

std::optional<std::uint8_t> kind_of(std::string_view name) {
  for (std::uint8_t kind = 0; kind <= Incident::kDevice; ++kind) {
    if (name_of_kind(kind) == name) return kind;
  }
  return std::nullopt;
}
}  // namespace

std::string_view name_of_kind(std::uint8_t kind) {
  if (kind == Incident::kSay) return "say";
  return kind == Incident::kDevice ? "device" : kFaultNames[kind];
}

std::string text(const IncidentSet& incidents) {
  std::string out;
  for (auto at = incidents.begin(); at != incidents.end();) {
    auto last = at;
    auto next = std::next(at);
    while (next != incidents.end() && next->kind == at->kind &&
           next->ordinal == last->ordinal + 1) {
      last = next++;
    }
    if (!out.empty()) out += ',';
    out += name_of_kind(at->kind);
    out += '.' + std::to_string(at->ordinal);
    if (last != at) out += '-' + std::to_string(last->ordinal);
    at = next;
  }
  return out.empty() ? std::string(kNone) : out;
}

std::optional<IncidentSet> parse_incidents(std::string_view list) {
  IncidentSet set;
  if (list == kNone) return set;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view word = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const std::size_t dot = word.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const auto kind = kind_of(word.substr(0, dot));
    const std::string_view range = word.substr(dot + 1);
    const std::size_t dash = std::min(range.find('-'), range.size());
    const auto first = number(range.substr(0, dash));
    const auto last = dash < range.size() ? number(range.substr(dash + 1)) : first;
    if (!kind || !first || !last || *last < *first || *last - *first > kRangeMax) {
      return std::nullopt;
    }
    for (std::uint32_t n = *first; n <= *last; ++n) set.insert({*kind, n});
  }
  return set;
}

}  // namespace moot::sim
