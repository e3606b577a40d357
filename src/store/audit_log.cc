#include "store/audit_log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "base/hex.h"

namespace moot::store {
namespace {

constexpr char kPurpose[] = "audit";
constexpr char kHead[] = "audit_head";

// Most words of the log are ours and plain ASCII; the name of a channel is people's, in any script.
// What is no printable ASCII stands as escapes of its UTF-8 octets, \u00 and two digits each:
// nothing ends a line or a string, and who wants the letters decodes the octets.
void put_string(std::string& out, std::string_view key, std::string_view value) {
  out += ",\"";
  out += key;
  out += "\":\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= 0x20 && c < 0x7f) {
      out += c;
    } else {
      out += "\\u00";
      out += hex(Bytes(reinterpret_cast<const std::uint8_t*>(&c), 1));
    }
  }
  out += '"';
}

std::string iso8601(UnixMs at) {
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds(at.ms)};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::array<char, 64> text{};
  const int n = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02lld:%02lld:%02lld.%03lldZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<long long>(clock.hours().count()),
      static_cast<long long>(clock.minutes().count()),
      static_cast<long long>(clock.seconds().count()),
      static_cast<long long>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(n)};
}

std::string first_of(std::uint64_t seq) { return "{\"seq\":" + std::to_string(seq) + ","; }
std::string last_of(const seal::Hash& prev) { return ",\"prev\":\"" + hex(prev) + "\"}"; }

// What the tag of a line covers.
std::array<std::uint8_t, 40> tagged(std::uint64_t seq, const seal::Hash& line) {
  std::array<std::uint8_t, 40> bytes{};
  put_be64(bytes.data(), seq);
  std::copy(line.begin(), line.end(), bytes.begin() + 8);
  return bytes;
}

}  // namespace

void AuditLog::open() {
  Query q = db_.query("SELECT seq, line FROM audit ORDER BY seq DESC LIMIT 1");
  if (!q.next()) return;
  seq_ = q.u64(0);
  newest_ = seal::blake2b(as_bytes(q.text(1)));
}

void AuditLog::append(const AuditEntry& entry) {
  ++seq_;
  std::string line = first_of(seq_);
  line += "\"ts\":\"" + iso8601(entry.at) + "\"";
  put_string(line, "actor", entry.actor);
  put_string(line, "action", entry.action);
  put_string(line, "account", entry.account);
  put_string(line, "kid", entry.kid);
  put_string(line, "result", entry.result);
  line += last_of(newest_);
  newest_ = seal::blake2b(as_bytes(line));
  db_.query("INSERT INTO audit VALUES(?,?)").bind(seq_, line).run();
  const seal::Hash tag = vault_.mac(kPurpose, tagged(seq_, newest_));
  db_.query("INSERT OR REPLACE INTO meta VALUES(?,?)").bind(kHead, tag).run();
  if (seq_ % kAuditCheckpointEvery == 0) {
    db_.query("INSERT INTO audit_checkpoint VALUES(?,?)").bind(seq_, tag).run();
  }
}

AuditReport AuditLog::verify() {
  AuditReport report;
  const auto trouble = [&](std::uint64_t seq, const std::string& what) {
    report.trouble = "Line " + std::to_string(seq) + " of the audit log " + what + ".";
    return report;
  };
  seal::Hash prev{};
  Query lines = db_.query(
      "SELECT a.seq, a.line, c.mac FROM audit a LEFT JOIN audit_checkpoint c ON c.seq = a.seq "
      "ORDER BY a.seq");
  while (lines.next()) {
    const std::uint64_t seq = report.lines + 1;
    const std::string_view line = lines.text(1);
    if (lines.u64(0) != seq) return trouble(seq, "is missing");
    if (!line.starts_with(first_of(seq))) return trouble(seq, "is another line than it was");
    if (!line.ends_with(last_of(prev))) {
      return trouble(seq, "does not follow the line before it: one of the two was edited");
    }
    prev = seal::blake2b(as_bytes(line));
    if (seq % kAuditCheckpointEvery == 0 &&
        !seal::equal_const_time(lines.blob(2), vault_.mac(kPurpose, tagged(seq, prev)))) {
      return trouble(seq, "or one before it was edited: its checkpoint does not fit");
    }
    report.lines = seq;
  }
  Query head = db_.query("SELECT value FROM meta WHERE key = ?");
  const bool has_head = head.bind(kHead).next();
  if (!has_head && report.lines == 0) return report;
  if (!has_head ||
      !seal::equal_const_time(head.blob(0), vault_.mac(kPurpose, tagged(report.lines, prev)))) {
    return trouble(report.lines, "is not the newest one that was written, or was edited");
  }
  return report;
}

std::vector<std::string> AuditLog::tail(std::size_t lines) {
  std::vector<std::string> out;
  Query q = db_.query("SELECT line FROM audit ORDER BY seq DESC LIMIT ?");
  q.bind(static_cast<std::uint64_t>(lines));
  while (q.next()) out.push_back(q.string(0));
  return {out.rbegin(), out.rend()};
}

void AuditLog::each(std::uint64_t after, const std::function<void(std::string_view)>& line) {
  Query q = db_.query("SELECT line FROM audit WHERE seq > ? ORDER BY seq");
  q.bind(after);
  while (q.next()) line(q.text(0));
}

}  // namespace moot::store
