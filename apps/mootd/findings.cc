#include "apps/mootd/findings.h"

#include <string>

#include "apps/mootd/key_output.h"

namespace moot::mootd {

void Findings::line(std::string_view topic, std::string_view verdict, std::string_view what) {
  const bool bad = verdict == "bad";
  any_bad_ = any_bad_ || bad;
  if (json_) {
    print("{\"topic\":" + net::json_text(topic) + ",\"verdict\":" + net::json_text(verdict) +
          ",\"what\":" + net::json_text(what) + "}\n");
    return;
  }
  print(std::string(topic) + ": " + std::string(bad ? "BAD" : verdict) +
        (what.empty() ? "" : ", ") + std::string(what) + "\n");
}

void Findings::told(const net::AdminReply::Key& finding) {
  line(finding.at("topic"), finding.at("verdict"), finding.at("what"));
}

}  // namespace moot::mootd
