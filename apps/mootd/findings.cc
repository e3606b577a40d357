#include "apps/mootd/findings.h"

#include "apps/mootd/key_output.h"
#include "net/admin_wire.h"

namespace moot::mootd {

void Findings::line(std::string_view topic, std::string_view verdict, std::string_view what) const {
  if (json_) {
    print("{\"topic\":" + net::json_text(topic) +
          ",\"verdict\":" + net::json_text(verdict == "BAD" ? "bad" : verdict) +
          ",\"what\":" + net::json_text(what) + "}\n");
    return;
  }
  print(std::string(topic) + ": " + std::string(verdict) + (what.empty() ? "" : ", ") +
        std::string(what) + "\n");
}

void Findings::told(std::string_view whole) {
  const std::size_t colon = whole.find(": ");
  const std::string_view topic = whole.substr(0, colon);
  std::string_view what = colon == std::string_view::npos ? "" : whole.substr(colon + 2);
  for (const std::string_view verdict : {"good", "look", "BAD"}) {
    if (!what.starts_with(verdict)) continue;
    what.remove_prefix(verdict.size());
    if (what.starts_with(", ")) what.remove_prefix(2);
    any_bad_ = any_bad_ || verdict == "BAD";
    return line(topic, verdict, what);
  }
  good(topic, what);
}

}  // namespace moot::mootd
