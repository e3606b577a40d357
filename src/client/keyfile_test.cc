#include "client/keyfile.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "client/content.h"
#include "client/flat_toml.h"
#include "client/invite_link.h"
#include "wire/msgpack.h"

namespace moot::client {
namespace {

const nlohmann::json& vectors() {
  static const nlohmann::json all =
      nlohmann::json::parse(std::ifstream(MOOT_VECTORS "/keyfiles.json"));
  return all;
}

KeyFile example() {
  auto key = read_key_file(vectors()["valid"][0]["file"].get<std::string>());
  MOOT_CHECK(key.has_value());
  return *key;
}

TEST(KeyFile, ReadsAndWritesTheVectors) {
  for (const auto& v : vectors()["valid"]) {
    const auto key = read_key_file(v["file"].get<std::string>());
    ASSERT_TRUE(key.has_value()) << v["file"] << key.error().message;
    EXPECT_EQ(check_value(*key), v["check"].get<std::string>());
    EXPECT_EQ(key->account.str(), v["values"][1].get<std::string>());
    EXPECT_EQ(key->label, v["values"][7].get<std::string>());
    EXPECT_EQ(write_key_file(*key), v["file"].get<std::string>());
  }
}

TEST(KeyFile, RefusesTheInvalidVectors) {
  for (const auto& v : vectors()["invalid"])
    EXPECT_FALSE(read_key_file(v["file"].get<std::string>()).has_value()) << v["note"];
}

// The files below are right but for the one thing in question: their check value fits.
std::string with_key(const std::string& key_hex) {
  KeyFile key = example();
  std::string file = write_key_file(key);
  const std::string old = hex(key.key.bytes());
  file.replace(file.find(old), old.size(), key_hex);
  return file;
}

TEST(KeyFile, AU_09_KeyOf31Or33Octets) {
  const std::string good = hex(example().key.bytes());
  ASSERT_TRUE(read_key_file(with_key(good)).has_value());
  for (const std::string& bad : {good.substr(2), good + "20", std::string()}) {
    const auto read = read_key_file(with_key(bad));
    ASSERT_FALSE(read.has_value());
    EXPECT_NE(read.error().message.find("64 lower-case hex digits"), std::string::npos);
  }
}

TEST(KeyFile, RefusesUnknownNamesRepeatedNamesAndOtherToml) {
  const std::string good = write_key_file(example());
  for (const std::string extra :
       {"more = \"x\"\n", "account = \"ada\"\n", "[table]\n", "a = [1]\n", "a = 'x\n", "kid\n"}) {
    EXPECT_FALSE(read_key_file(good + extra).has_value()) << extra;
  }
  EXPECT_TRUE(read_key_file("# mine\n\n" + good + "  # the end\n").has_value());
}

TEST(KeyFile, TakesEveryFormOfTomlStrings) {
  const auto read =
      read_flat_toml("a = \"\\u00fc \\\"x\\\" \\\\ \\t\"\r\n b='C:\\dir' # note\n\"c\" = 7\n");
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->size(), 3u);
  EXPECT_EQ(std::get<std::string>((*read)[0].value), "\xc3\xbc \"x\" \\ \t");
  EXPECT_EQ(std::get<std::string>((*read)[1].value), "C:\\dir");
  EXPECT_EQ(std::get<std::uint64_t>((*read)[2].value), 7u);
}

TEST(KeyFile, WhatIsWrittenIsReadForAnyLabel) {
  KeyFile key = example();
  for (const char* label : {"", "B\xc3\xbcro", "a\"b\\c", "tab\there", "line\nend"}) {
    key.label = label;
    const auto read = read_key_file(write_key_file(key));
    ASSERT_TRUE(read.has_value()) << label;
    EXPECT_EQ(*read, key);
  }
}

// Behind a wall there is no secret in the file (security.md 3.1).
const std::string kWallFile =
    "moot_key = 0\nwall = true\naccount = \"ada\"\nsrv = \"moot.local\"\n"
    "address = \"unix:/run/moot/wall\"\ntls = \"off\"\nlabel = \"desk\"\n";

TEST(KeyFile, OfAWallIsReadAndWrittenTheSame) {
  const auto key = read_key_file(kWallFile);
  ASSERT_TRUE(key.has_value()) << key.error().message;
  EXPECT_TRUE(key->wall);
  EXPECT_EQ(key->account.str(), "ada");
  EXPECT_EQ(write_key_file(*key), kWallFile);
  EXPECT_FALSE(example().wall);
}

TEST(KeyFile, OfAWallHasNoSecretAndAnAddressThatSaysWhoTheServerIs) {
  const auto refusal = [](std::string_view from, std::string_view to) {
    std::string file = kWallFile;
    file.replace(file.find(from), from.size(), to);
    const auto key = read_key_file(file);
    return key ? std::string("taken") : key.error().message;
  };
  EXPECT_NE(refusal("label", "kid = \"8081828384858687\"\nlabel").find("no kid, key or check"),
            std::string::npos);
  EXPECT_NE(refusal("label", "check = \"00000000\"\nlabel").find("no kid, key or check"),
            std::string::npos);
  EXPECT_NE(refusal("unix:/run/moot/wall", "127.0.0.1:7667").find("not signed"), std::string::npos);
  EXPECT_NE(refusal("tls = \"off\"", "tls = \"system\"").find("without TLS"), std::string::npos);
  EXPECT_NE(refusal("wall = true", "wall = \"true\"").find("`wall` must be true"),
            std::string::npos);
  EXPECT_NE(refusal("unix:/run/moot/wall", "unix:wall").find("whole path"), std::string::npos);
  EXPECT_EQ(
      refusal("\"unix:/run/moot/wall\"\ntls = \"off\"", "\"chat.example:7697\"\ntls = \"system\""),
      "taken");
  // And no file that has a key loses it by the flag.
  const std::string good = write_key_file(example());
  EXPECT_FALSE(read_key_file(good + "wall = true\n").has_value());
  EXPECT_TRUE(read_key_file(good + "wall = false\n").has_value());
}

TEST(KeyFile, ACertificateIsTheDevicesOwnAffair) {
  KeyFile key = example();
  key.tls = "system";
  const std::string plain = write_key_file(key);
  const std::string pair = "cert = \"/a.pem\"\ncert_key = \"/a.key\"\n";
  const auto read = read_key_file(plain + pair);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->certificate, (ClientCertificate{"/a.pem", "/a.key"}));
  EXPECT_EQ(read_key_file(write_key_file(*read)), *read);
  EXPECT_FALSE(read_key_file(plain + "cert = \"/a.pem\"\n").has_value());
  EXPECT_FALSE(read_key_file(kWallFile + pair).has_value());  // no TLS there
}

TEST(InviteLink, WhatIsWrittenIsReadForEveryTlsMode) {
  InviteLink link;
  link.kid = example().kid;
  link.key = example().key;
  link.srv = "moot.local";
  for (const char* address : {"127.0.0.1:7667", "[::1]:7667", "chat.example:7697"}) {
    link.address = *parse_address(address);
    for (const auto mode : {Tls::Mode::off, Tls::Mode::system, Tls::Mode::pin}) {
      link.tls = {mode, {}};
      if (mode == Tls::Mode::pin) link.tls.pin.octets.fill(0xab);
      const auto read = read_invite_link(write_invite_link(link));
      ASSERT_TRUE(read.has_value());
      EXPECT_EQ(*read, link);
    }
  }
}

TEST(InviteLink, RefusesWhatIsCutOrHasUnknownFlags) {
  InviteLink link;
  link.address = *parse_address("127.0.0.1:7667");
  link.srv = "s";
  const std::string good = write_invite_link(link);
  ASSERT_TRUE(read_invite_link(good).has_value());
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_FALSE(read_invite_link(std::string_view(good).substr(0, n)).has_value()) << n;
  const std::size_t token = good.find('#') + 1;
  ByteBuf octets = *unbase64url(std::string_view(good).substr(token));
  for (const int flags : {2, 4, 255}) {
    octets[40] = static_cast<std::uint8_t>(flags);
    EXPECT_FALSE(read_invite_link(good.substr(0, token) + base64url(octets)).has_value());
  }
}

TEST(Address, KnowsWhatStaysOnThisMachine) {
  for (const char* here : {"127.0.0.1:1", "127.8.9.1:65535", "[::1]:7667", "localhost:7667"}) {
    EXPECT_TRUE(check_protection(*parse_address(here), {}).has_value()) << here;
  }
  for (const char* away : {"10.0.0.1:1", "127.evil.example:1", "[::2]:1", "chat.example:7667"}) {
    EXPECT_FALSE(check_protection(*parse_address(away), {}).has_value()) << away;
    EXPECT_TRUE(check_protection(*parse_address(away), {Tls::Mode::system, {}}).has_value());
  }
  for (const char* bad : {"", ":", "host", "host:", "host:0", "host:65536", "a b:1", "[x]:1", ":1"})
    EXPECT_FALSE(parse_address(bad).has_value()) << bad;
}

TEST(Content, TextComesBackAndWhatIsUnknownIsSaidSo) {
  const MsgId re = *parse_ulid<MsgId>("01HHNNM7S8M2RW5MZ4YM31EA1S");
  const auto octets = write_text("gr\xc3\xbc\xc3\x9f dich", re);
  ASSERT_TRUE(octets.has_value());
  EXPECT_EQ(read_content(*octets), (Content{Content::Kind::text, "gr\xc3\xbc\xc3\x9f dich", re}));
  EXPECT_FALSE(write_text("\xff", std::nullopt).has_value());
  EXPECT_FALSE(write_text("", std::nullopt).has_value());

  Buffer b;
  wire::Writer w(b);
  w.map(1);
  w.str("t");
  w.str("poll");
  EXPECT_EQ(shown(read_content(b.bytes())), "[unsupported message]");
  const ByteBuf sealed{0x01, 0x02};
  EXPECT_EQ(read_content(sealed).kind, Content::Kind::sealed);
  const ByteBuf junk{0xc1};
  EXPECT_EQ(read_content(junk).kind, Content::Kind::unreadable);
}

}  // namespace
}  // namespace moot::client
