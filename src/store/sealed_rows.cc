#include "store/sealed_rows.h"

#include <array>

namespace moot::store {
namespace {

void put_user(std::string& aad, const UserId& user) {
  aad += user.str();
  aad += '\0';  // no id holds one, so two ids never run into each other
}

}  // namespace

std::string aad_of(const OfflineCopy& copy) {
  std::string aad;
  aad += as_text(copy.kid.bytes());
  aad += as_text(copy.msg_id.bytes());
  aad += as_text(copy.content.bytes());
  put_user(aad, copy.author);
  put_user(aad, copy.recipient);
  aad += copy.own ? '1' : '0';
  return aad;
}

std::string aad_of(const KeptRecord& record) {
  std::string aad;
  aad += as_text(record.channel.bytes());
  aad += as_text(record.id.bytes());
  aad += as_text(record.digest.bytes());
  put_user(aad, record.from);
  return aad;
}

std::string aad_of_stamp_key(std::uint32_t id) {
  std::array<std::uint8_t, 4> octets{};
  put_be32(octets.data(), id);
  return std::string(as_text(octets));
}

seal::KeySite site_of(const Credential& credential) {
  return {.kid = credential.kid.bytes(),
          .account = credential.account.str(),
          .kind = text(credential.kind)};
}

}  // namespace moot::store
