#include "apps/mootd/arguments.h"

#include <charconv>

#include "model/codes.h"
#include "model/ids.h"
#include "net/admin.h"
#include "server/wall_subject.h"

namespace moot::mootd {

std::string bare(std::string id) {
  if (id.starts_with('@')) id.erase(0, 1);
  return id;
}

std::string check_user(const std::string& id) {
  if (UserId::parse(bare(id))) return {};
  return "`" + id + "` is no user id: 1 to 32 of a-z 0-9 . _ - and a letter or digit first.";
}

std::string check_kid(const std::string& kid) {
  return parse_kid(kid) ? "" : "A kid has 16 hex digits; `mootd key list` shows them.";
}

std::string check_duration(const std::string& text) {
  const auto d = net::parse_duration(text);
  return d ? "" : d.error().message;
}

std::string check_lifetime(const std::string& text) {
  const auto d = net::parse_duration(text);
  if (!d) return d.error().message;
  return d->count() > 0 ? "" : "It would be over at once; write a duration like 24h.";
}

std::string check_uses(const std::string& text) {
  std::uint32_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  const bool whole = ec == std::errc{} && end == text.data() + text.size();
  return whole && n > 0 ? "" : "It takes a number from 1 on.";
}

std::string check_role(const std::string& text) {
  return parse_enum<Role>(text) ? "" : "A role is owner, admin or none.";
}

std::string check_wall(CredentialKind kind, const std::string& subject) {
  if (kind == CredentialKind::x509_uri) return {};
  const auto known = server::wall_subject(kind, subject, {});
  return known ? "" : known.error().message;
}

}  // namespace moot::mootd
