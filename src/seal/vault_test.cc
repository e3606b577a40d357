#include "seal/vault.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/hex.h"

namespace moot::seal {
namespace {

constexpr std::array<std::uint8_t, 8> kKid{0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87};
constexpr std::array<std::uint8_t, 8> kOtherKid{0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x88};

KeySite site() { return {.kid = kKid, .account = "ada", .kind = "hmac"}; }

std::array<std::uint8_t, 32> key(std::uint8_t first) {
  std::array<std::uint8_t, 32> k;
  for (std::size_t i = 0; i < k.size(); ++i) k[i] = static_cast<std::uint8_t>(first + i);
  return k;
}

class VaultTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Vault::make();
    ASSERT_TRUE(made);
    vault = std::move(*made);
  }
  std::uint32_t add(std::uint8_t first) {
    auto k = key(first);
    const std::uint32_t id = vault->add_master(k);
    EXPECT_EQ(k, (std::array<std::uint8_t, 32>{})) << "the caller's copy is wiped";
    return id;
  }
  std::unique_ptr<Vault> vault;
};

TEST_F(VaultTest, SealsAnAccountKeyInTheDocumentedForm) {
  const std::uint32_t id = add(1);
  const SealedKey sealed = vault->seal(key(0), site());
  EXPECT_EQ(sealed.mk_id, id);
  ASSERT_EQ(sealed.octets.size(), 1u + 24 + 32 + 16);
  EXPECT_EQ(sealed.octets[0], 1);
  std::array<std::uint8_t, 32> out{};
  ASSERT_TRUE(vault->unseal(sealed.octets, id, site(), out));
  EXPECT_EQ(out, key(0));
  EXPECT_NE(vault->seal(key(0), site()).octets, sealed.octets) << "a nonce is used once";
}

// Made with HChaCha20 in Python over OpenSSL's ChaCha20-Poly1305: the layout and the AAD are fixed
// for ever.
TEST_F(VaultTest, OpensWhatAnotherProgramSealedByTheDocument) {
  const std::uint32_t id = add(1);
  const auto sealed = unhex(
      "01404142434445464748494a4b4c4d4e4f50515253545556570f0c36f0d3f3860b8a7acf"
      "8aa5bc483b492d2fda39f42a3344b7d999422c0110e73ae8880ec51c728efc47ed0b7350"
      "1a");
  ASSERT_TRUE(sealed);
  std::array<std::uint8_t, 32> out{};
  EXPECT_TRUE(vault->unseal(*sealed, id, site(), out));
  EXPECT_EQ(out, key(0));
}

TEST_F(VaultTest, ST_01_RowSwap) {
  const std::uint32_t id = add(1);
  const SealedKey sealed = vault->seal(key(0), site());
  std::array<std::uint8_t, 32> out{};
  EXPECT_FALSE(
      vault->unseal(sealed.octets, id, {.kid = kOtherKid, .account = "ada", .kind = "hmac"}, out));
  EXPECT_FALSE(
      vault->unseal(sealed.octets, id, {.kid = kKid, .account = "bob", .kind = "hmac"}, out));
  EXPECT_FALSE(
      vault->unseal(sealed.octets, id, {.kid = kKid, .account = "ada", .kind = "invite"}, out));
  EXPECT_EQ(out, (std::array<std::uint8_t, 32>{})) << "nothing of the key is given";
}

TEST_F(VaultTest, RefusesEveryChangedOctet) {
  const std::uint32_t id = add(1);
  const SealedKey sealed = vault->seal(key(0), site());
  std::array<std::uint8_t, 32> out{};
  for (std::size_t i = 0; i < sealed.octets.size(); ++i) {
    ByteBuf changed = sealed.octets;
    changed[i] ^= 1;
    EXPECT_FALSE(vault->unseal(changed, id, site(), out)) << i;
  }
  EXPECT_FALSE(vault->unseal(Bytes(sealed.octets).first(72), id, site(), out));
  EXPECT_FALSE(vault->unseal({}, id, site(), out));
}

TEST_F(VaultTest, ST_02_WrongMasterKey) {
  const std::uint32_t first = add(1);
  const SealedKey sealed = vault->seal(key(0), site());
  const std::uint32_t second = add(2);
  EXPECT_NE(first, second);
  EXPECT_EQ(vault->current_master(), first) << "loading a second one changes nothing yet";
  std::array<std::uint8_t, 32> out{};
  EXPECT_FALSE(vault->unseal(sealed.octets, second, site(), out));
  EXPECT_FALSE(vault->unseal(sealed.octets, second + 1, site(), out)) << "not loaded";
}

TEST_F(VaultTest, AMasterKeyHasTheSameIdEveryTime) {
  const std::uint32_t id = add(1);
  EXPECT_EQ(add(1), id);
  const auto other = Vault::make();
  auto again = key(1);
  EXPECT_EQ((*other)->add_master(again), id);
}

TEST_F(VaultTest, TheStoreKeySurvivesANewMasterKey) {
  add(1);
  vault->make_store_key();
  const ByteBuf blob = vault->seal_blob("offline", as_bytes("row 1"), as_bytes("hello"));
  const Hash tag = vault->dup_tag(key(0));
  vault->use_master(add(2));
  const SealedKey moved = vault->reseal_store_key();

  const auto later = Vault::make();
  auto second = key(2);
  const std::uint32_t id = (*later)->add_master(second);
  EXPECT_EQ(moved.mk_id, id);
  ASSERT_TRUE((*later)->open_store_key(moved.octets, id)) << "the old master key is not needed";
  const auto plain = (*later)->unseal_blob("offline", as_bytes("row 1"), blob);
  ASSERT_TRUE(plain);
  EXPECT_EQ(as_text(*plain), "hello");
  EXPECT_EQ((*later)->dup_tag(key(0)), tag);
}

TEST_F(VaultTest, ABlobOpensOnlyForItsPurposeAndPlace) {
  add(1);
  vault->make_store_key();
  const ByteBuf blob = vault->seal_blob("offline", as_bytes("row 1"), as_bytes("hello"));
  EXPECT_TRUE(vault->unseal_blob("offline", as_bytes("row 1"), blob));
  EXPECT_FALSE(vault->unseal_blob("offline", as_bytes("row 2"), blob));
  EXPECT_FALSE(vault->unseal_blob("record", as_bytes("row 1"), blob));
  EXPECT_FALSE(vault->unseal_blob("offline", as_bytes("row 1"), Bytes(blob).first(40)));
  const ByteBuf empty = vault->seal_blob("offline", {}, {});
  EXPECT_EQ(vault->unseal_blob("offline", {}, empty), ByteBuf{});
}

TEST_F(VaultTest, DuplicateTagsAreOfThisStoreAlone) {
  add(1);
  vault->make_store_key();
  EXPECT_EQ(vault->dup_tag(key(0)), vault->dup_tag(key(0)));
  EXPECT_NE(vault->dup_tag(key(0)), vault->dup_tag(key(1)));
  const auto other = Vault::make();
  auto master = key(1);
  (*other)->add_master(master);
  (*other)->make_store_key();
  EXPECT_NE((*other)->dup_tag(key(0)), vault->dup_tag(key(0)));
}

TEST_F(VaultTest, IsUsedFromManyThreadsWhileAKeyIsAdded) {
  const std::uint32_t id = add(1);
  const SealedKey sealed = vault->seal(key(0), site());
  std::vector<std::thread> readers;
  std::array<bool, 4> good{};
  for (bool& g : good) {
    readers.emplace_back([&] {
      bool all = true;
      for (int i = 0; i < 200; ++i) {
        std::array<std::uint8_t, 32> out{};
        all = vault->unseal(sealed.octets, id, site(), out) && all;
      }
      g = all;
    });
  }
  for (std::uint8_t k = 2; k < 20; ++k) vault->use_master(add(k));
  for (auto& t : readers) t.join();
  EXPECT_EQ(good, (std::array<bool, 4>{true, true, true, true}));
}

// RFC 7693 gives BLAKE2b-512 only; this value is Python's hashlib.blake2b(b"abc", digest_size=32).
TEST(Hash, IsBlake2bOf256Bits) {
  EXPECT_EQ(hex(blake2b(as_bytes("abc"))),
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

}  // namespace
}  // namespace moot::seal
