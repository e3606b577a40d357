#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "text/shown.h"

// A command of an operator and its answer, between `mootd COMMAND` and a running server.
namespace moot::net {

struct AdminRequest {
  std::string command;  // "user add"
  std::map<std::string, std::string> args;

  std::string arg(const std::string& name) const {
    const auto it = args.find(name);
    return it == args.end() ? std::string() : it->second;
  }
  bool has(const std::string& name) const { return args.contains(name); }
  friend bool operator==(const AdminRequest&, const AdminRequest&) = default;
};

struct AdminReply {
  using Key = std::map<std::string, std::string>;
  int code = 0;
  std::string out;        // for stdout
  std::string note;       // for stderr: the error, or a sentence
  std::vector<Key> keys;  // fields of new key files, of an invitation, or of findings
  friend bool operator==(const AdminReply&, const AdminReply&) = default;

  static AdminReply failure(std::string sentence) { return {1, {}, std::move(sentence), {}}; }
};

// What a doctor says of one thing, with the names that it has in --json.
inline AdminReply::Key finding(std::string topic, std::string verdict, std::string what) {
  return {{"topic", std::move(topic)}, {"verdict", std::move(verdict)}, {"what", std::move(what)}};
}

inline constexpr std::size_t kAdminBytesMax = 16 * 1024 * 1024;

// Length-prefixed texts; `parse_*` refuse anything else.
std::string write_request(const AdminRequest& r);
std::string write_reply(const AdminReply& r);
Result<AdminRequest> parse_request(std::string_view octets);
Result<AdminReply> parse_reply(std::string_view octets);

using text_rules::json_text;

}  // namespace moot::net
