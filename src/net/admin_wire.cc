#include "net/admin_wire.h"

#include <charconv>
#include <optional>
#include <span>
#include <vector>

namespace moot::net {
namespace {

void put(std::string& out, std::string_view text) {
  std::uint8_t n[4];
  put_be32(n, static_cast<std::uint32_t>(text.size()));
  out += as_text(n);
  out += text;
}

std::optional<std::vector<std::string>> split(std::string_view octets) {
  std::vector<std::string> texts;
  while (!octets.empty()) {
    if (octets.size() < 4) return std::nullopt;
    const std::uint32_t n = get_be32(as_bytes(octets).data());
    octets.remove_prefix(4);
    if (n > octets.size()) return std::nullopt;
    texts.emplace_back(octets.substr(0, n));
    octets.remove_prefix(n);
  }
  return texts;
}

using Pairs = std::map<std::string, std::string>;

void put(std::string& out, const Pairs& pairs) {
  for (const auto& [k, v] : pairs) {
    put(out, k);
    put(out, v);
  }
}

std::optional<Pairs> pairs(std::span<const std::string> texts) {
  if (texts.size() % 2 != 0) return std::nullopt;
  Pairs out;
  for (std::size_t i = 0; i < texts.size(); i += 2) out[texts[i]] = texts[i + 1];
  return out;
}

constexpr char kOdd[] = "The other side of the admin socket speaks another version; use one mootd.";

}  // namespace

std::string write_request(const AdminRequest& r) {
  std::string out;
  put(out, r.command);
  put(out, r.args);
  return out;
}

std::string write_reply(const AdminReply& r) {
  std::string out;
  put(out, std::to_string(r.code));
  put(out, r.out);
  put(out, r.note);
  for (const AdminReply::Key& key : r.keys) {
    put(out, std::to_string(2 * key.size()));
    put(out, key);
  }
  return out;
}

Result<AdminRequest> parse_request(std::string_view octets) {
  const auto texts = split(octets);
  if (!texts || texts->empty()) return fail(kOdd);
  auto args = pairs(std::span(*texts).subspan(1));
  if (!args) return fail(kOdd);
  return AdminRequest{texts->front(), std::move(*args)};
}

Result<AdminReply> parse_reply(std::string_view octets) {
  const auto texts = split(octets);
  if (!texts || texts->size() < 3) return fail(kOdd);
  if ((*texts)[0] != "0" && (*texts)[0] != "1") return fail(kOdd);
  AdminReply reply{(*texts)[0] == "0" ? 0 : 1, (*texts)[1], (*texts)[2], {}};
  for (std::span<const std::string> rest = std::span(*texts).subspan(3); !rest.empty();) {
    const std::string& digits = rest.front();
    std::size_t n = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    rest = rest.subspan(1);
    if (error != std::errc{} || end != digits.data() + digits.size() || n > rest.size())
      return fail(kOdd);
    auto key = pairs(rest.first(n));
    if (!key) return fail(kOdd);
    reply.keys.push_back(std::move(*key));
    rest = rest.subspan(n);
  }
  return reply;
}

}  // namespace moot::net
