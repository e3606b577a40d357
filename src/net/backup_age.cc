#include "net/backup_age.h"

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

namespace moot::net {
namespace {

constexpr int kOldDays = 7;

// The day of `"ts":"2026-11-24T...` in a line of the audit log.
std::optional<std::chrono::sys_days> day_of(std::string_view line) {
  static constexpr std::string_view kAt = "\"ts\":\"";
  const std::size_t at = line.find(kAt);
  if (at == std::string_view::npos || line.size() < at + kAt.size() + 10) return std::nullopt;
  const std::string_view date = line.substr(at + kAt.size(), 10);
  const auto part = [&date](std::size_t from, std::size_t n) {
    unsigned value = 0;
    std::from_chars(date.data() + from, date.data() + from + n, value);
    return value;
  };
  const std::chrono::year_month_day day{std::chrono::year{static_cast<int>(part(0, 4))},
                                        std::chrono::month{part(5, 2)},
                                        std::chrono::day{part(8, 2)}};
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days{day};
}

}  // namespace

AdminReply::Key backup_finding(store::ServerStore& store, UnixMs now) {
  const std::string topic = "backup";
  const std::string advice = "; run `mootd backup FILE` every day";
  std::optional<std::chrono::sys_days> last;
  const Status read = store.audit_export(0, [&last](std::string_view line) {
    if (line.find("\"action\":\"backup\"") == std::string_view::npos) return;
    if (const auto day = day_of(line)) last = day;
  });
  if (!read) return finding(topic, "bad", read.error().message);
  if (!last) return finding(topic, "look", "there was none yet" + advice);
  const std::chrono::sys_days today{std::chrono::days{static_cast<int>(now.seconds() / 86'400)}};
  const auto days = (today - *last).count();
  const std::string when =
      "the last was " + (days <= 0 ? "today" : std::to_string(days) + " days ago");
  return days > kOldDays ? finding(topic, "look", when + advice) : finding(topic, "good", when);
}

}  // namespace moot::net
