#include "store/sealed_rows.h"

namespace moot::store {
namespace {

void put_user(ByteBuf& aad, const UserId& user) {
  append(aad, as_bytes(user.str()));
  aad.push_back(0);  // no id holds one, so two ids never run into each other
}

}  // namespace

ByteBuf aad_of(const OfflineCopy& copy) {
  ByteBuf aad;
  append(aad, copy.kid.bytes());
  append(aad, copy.msg_id.bytes());
  append(aad, copy.content.bytes());
  put_user(aad, copy.author);
  put_user(aad, copy.recipient);
  aad.push_back(copy.own ? 1 : 0);
  return aad;
}

ByteBuf aad_of(const KeptRecord& record) {
  ByteBuf aad;
  append(aad, record.channel.bytes());
  append(aad, record.id.bytes());
  append(aad, record.digest.bytes());
  put_user(aad, record.from);
  return aad;
}

ByteBuf aad_of_stamp_key(std::uint32_t id) {
  ByteBuf aad(4);
  put_be32(aad.data(), id);
  return aad;
}

seal::KeySite site_of(const Credential& credential) {
  return {.kid = credential.kid.bytes(),
          .account = credential.account.str(),
          .kind = text(credential.kind)};
}

}  // namespace moot::store
