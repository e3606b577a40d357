#include <algorithm>
#include <array>
#include <string>

#include "base/check.h"
#include "fuzz/input.h"
#include "seal/vault.h"

// Rows of a store as somebody with the file could write them: of all that is given as a sealed key
// or a sealed body only what was sealed for this place opens, and to what was sealed (ST-01).
namespace moot::fuzz {
namespace {

struct Store {
  std::unique_ptr<seal::Vault> vault;
  std::array<std::uint8_t, seal::kKeyBytes> key{};
  seal::SealedKey sealed;
  ByteBuf body{'b', 'o', 'd', 'y'};
  ByteBuf blob;
  std::array<std::uint8_t, 8> kid{1, 2, 3, 4, 5, 6, 7, 8};
  std::array<std::uint8_t, 4> aad{9, 8, 7, 6};

  Store() {
    auto made = seal::Vault::make();
    MOOT_CHECK(made.has_value());
    vault = std::move(*made);
    std::array<std::uint8_t, seal::kKeyBytes> master{};
    master.fill(0x5a);
    vault->add_master(master);
    static_cast<void>(vault->make_store_key());
    key.fill(0x33);
    sealed = vault->seal(key, site("ada", "hmac"));
    blob = vault->seal_blob("queue", aad, body);
  }
  seal::KeySite site(std::string_view account, std::string_view kind) const {
    return {.kid = kid, .account = account, .kind = kind};
  }
};

// `of` with some octets changed, cut or added.
ByteBuf changed(Input& in, ByteBuf of) {
  for (unsigned n = in.byte() % 4; n > 0; --n) {
    const std::size_t at = in.number(2);
    const std::uint8_t with = in.byte();
    switch (in.byte() % 4) {
      case 0:
        if (!of.empty()) of[at % of.size()] ^= with;
        break;
      case 1:
        of.resize(std::min(of.size(), at));
        break;
      case 2:
        of.push_back(with);
        break;
      default: {
        const Bytes whole = in.take(at % 256);
        of.assign(whole.begin(), whole.end());
      }
    }
  }
  return of;
}

void run(Input in) {
  static const Store store;
  constexpr std::array<std::string_view, 3> kAccounts{"ada", "bob", ""};
  constexpr std::array<std::string_view, 3> kKinds{"hmac", "x509_spki", ""};
  if (in.byte() % 2 == 0) {
    const std::string_view account = kAccounts[in.byte() % 3];
    const std::string_view kind = kKinds[in.byte() % 3];
    const std::uint32_t mk = store.sealed.mk_id ^ (in.byte() % 4 == 3 ? in.byte() : 0u);
    const ByteBuf row = changed(in, store.sealed.octets);
    std::array<std::uint8_t, seal::kKeyBytes> key{};
    const bool same = row == store.sealed.octets && mk == store.sealed.mk_id && account == "ada" &&
                      kind == "hmac";
    const bool opened = store.vault->unseal(row, mk, store.site(account, kind), key);
    MOOT_CHECK(opened == same);
    MOOT_CHECK(!opened || key == store.key);
  } else {
    const bool purpose = in.byte() % 4 != 3;
    ByteBuf aad(store.aad.begin(), store.aad.end());
    if (in.byte() % 4 == 3) aad = changed(in, aad);
    const ByteBuf row = changed(in, store.blob);
    const auto opened = store.vault->unseal_blob(purpose ? "queue" : "audit", aad, row);
    const bool same = purpose && row == store.blob &&
                      std::equal(aad.begin(), aad.end(), store.aad.begin(), store.aad.end());
    MOOT_CHECK(opened.has_value() == same);
    MOOT_CHECK(!opened || *opened == store.body);
  }
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  moot::fuzz::run(moot::fuzz::Input(data, size));
  return 0;
}
