#include "apps/mootd/config.h"

#include <gtest/gtest.h>

#include "apps/mootd/keys.h"
#include "apps/mootd/values.h"

namespace moot::mootd {
namespace {

std::string refusal(std::string_view toml, ConfigSources sources = {}) {
  const auto c = read_config(sources, toml);
  return c ? std::string("taken") : c.error().message;
}
Config taken(std::string_view toml, ConfigSources sources = {}) {
  auto c = read_config(sources, toml);
  EXPECT_TRUE(c.has_value()) << (c ? "" : c.error().message);
  return c ? *c : Config{};
}

TEST(Config, NothingAtAllWorks) {
  const Config c = taken("");
  EXPECT_EQ(c.server.name, "moot.local");
  ASSERT_EQ(c.server.listen.size(), 1u);
  EXPECT_EQ(c.server.listen[0].address, "127.0.0.1:7667");
  EXPECT_TRUE(c.server.live.core.channels.lobby);
  EXPECT_GE(c.server.threads, 1u);
}

TEST(Config, AnUnknownKeyIsAnErrorWithASuggestion) {
  EXPECT_EQ(refusal("tiemout_s = 3"), "line 1: unknown key `tiemout_s`; did you mean `timeout_s`?");
  EXPECT_EQ(refusal("[limits]\nmax_frames = 5000"),
            "line 2: unknown key `limits.max_frames`; did you mean `limits.max_frame`?");
  EXPECT_EQ(refusal("commands_per_s = 1"),
            "line 1: unknown key `commands_per_s`; did you mean `limits.commands_per_s`?");
  EXPECT_EQ(refusal("[[listen]]\nadress = \"127.0.0.1:1\""),
            "[[listen]] 1: unknown key `adress`; did you mean `address`?");
  EXPECT_EQ(refusal("zzzzzzzz = 1"),
            "line 1: unknown key `zzzzzzzz`; `mootd config show` lists all.");
  EXPECT_NE(refusal("", {.set = {"limits.comands_per_s=0"}}).find("limits.commands_per_s"),
            std::string::npos);
}

TEST(Config, AnythingBeyondAsciiOutsideQuotesIsRefusedInWords) {
  // The first three are what toml++ 3.3 took for impossible (toml.h).
  for (const std::string key : {"\u00f6", "\u3042", "\ufeef", "\u2019", "\u0666"}) {
    EXPECT_TRUE(refusal(key + " = 1").starts_with("line 1: ")) << key;
    EXPECT_TRUE(refusal("timeout_s = " + key).starts_with("line 1: ")) << key;
    EXPECT_TRUE(refusal("timeout_s = 1" + key).starts_with("line 1: ")) << key;
    EXPECT_EQ(taken("", {.set = {"user=" + key}}).user, key);
    EXPECT_EQ(taken("user = \"\"\"\\\n " + key + "\"\"\" # " + key).user, key);
  }
}

TEST(Config, ALaterSourceWins) {
  const Config c = taken(
      "timeout_s = 10\nname = \"a\"",
      {.environment = {{"MOOT_TIMEOUT_S", "20"}, {"MOOT_NAME", "b"}}, .set = {"timeout_s=30"}});
  EXPECT_EQ(c.server.live.timeout_s, 30u);
  EXPECT_EQ(c.server.name, "b");
}

TEST(Config, SetTakesTomlElseText) {
  const Config c = taken(
      "", {.set = {"limits.commands_per_s=0", "name=chat.example", "channels.keepers=[\"members\"]",
                   "channels.default_keeper=members", "offline.max_age=12h"}});
  EXPECT_EQ(c.server.live.core.rates.commands_per_s, 0u);
  EXPECT_EQ(c.server.name, "chat.example");
  EXPECT_FALSE(c.server.live.core.channels.server_kept);
  EXPECT_EQ(c.server.live.core.offline_age, std::chrono::hours{12});
}

TEST(Config, ReadsSizesAndDurations) {
  const Config c = taken("[offline]\nmax_bytes = \"8MiB\"\nmax_age = \"30d\"\n");
  EXPECT_EQ(c.server.live.core.offline_bytes, 8u * 1024 * 1024);
  EXPECT_EQ(c.server.live.core.offline_age, std::chrono::hours{30 * 24});
  for (const char* bad : {"8MiBs", "MiB", "-1", "1 MiB", "99999999999999999999"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(Config, RefusesValuesOutOfRangeAndOfTheWrongKind) {
  for (const char* bad :
       {"timeout_s = 0", "timeout_s = \"ten\"", "timeout_s = -5", "name = 3", "store = \"mysql\"",
        "[limits]\nmax_frame = 99999999", "[limits]\nmax_msg = 262144",
        "[limits]\nexempt = [\"nowhere\"]", "[presence]\nmode = \"loud\"",
        "[channels]\nkeepers = []", "[channels]\nkeepers = [\"members\"]",
        "[offline]\nkeep = \"yes\"", "[http]\nlisten = \"0.0.0.0:7680\"",
        "[http]\nlisten = \"7680\"", "[http]\ninsecure_plaintext = \"yes\"", "listen = 3",
        "name = \"unfinished"}) {
    EXPECT_NE(refusal(bad), "taken") << bad;
  }
}

TEST(Config, HttpStaysOnLoopbackUnlessToldInWords) {
  const auto refused = [](net::HttpOptions http) {
    const Status ok = check_http(http);
    return ok ? std::string() : ok.error().message;
  };
  EXPECT_EQ(refused({.address = "off"}), "");
  EXPECT_EQ(refused({.address = "[::1]:0"}), "");
  EXPECT_NE(refused({.address = "0.0.0.0:1"}).find("http.insecure_plaintext"), std::string::npos);
  EXPECT_EQ(refused({.address = "0.0.0.0:1", .insecure = true}), "");
  EXPECT_EQ(taken("[http]\nlisten=\"0.0.0.0:1\"\ninsecure_plaintext=\"I understand\"").server.http,
            (net::HttpOptions{.address = "0.0.0.0:1", .by_default = false, .insecure = true}));
}

TEST(Config, PlainTcpStaysOnLoopbackUnlessToldInWords) {
  EXPECT_NE(refusal("", {.listen = {"0.0.0.0:7667"}}).find("insecure_plaintext"),
            std::string::npos);
  EXPECT_NE(refusal("[[listen]]\naddress=\"0.0.0.0:1\"\ninsecure_plaintext=\"yes\""), "taken");
  EXPECT_EQ(refusal("[[listen]]\naddress=\"0.0.0.0:1\"\ninsecure_plaintext=\"I understand\""),
            "taken");
  EXPECT_EQ(refusal("", {.listen = {"[::1]:0"}}), "taken");
}

std::string block(std::string_view text) { return "[[listen]]\n" + std::string(text); }

TEST(Config, AWallOfCertificatesHasAnAuthority) {
  const std::string tls =
      "address=\"0.0.0.0:1\"\ntransport=\"tls\"\ncert=\"/c.pem\"\nkey=\"/k.pem\"\n";
  EXPECT_NE(refusal(block(tls + "auth=\"wall\"")).find("client_ca"), std::string::npos);
  EXPECT_NE(refusal(block(tls + "client_ca=\"/ca.pem\"")).find("client_ca"), std::string::npos);
  EXPECT_NE(refusal(block("address=\"127.0.0.1:1\"\nclient_ca=\"/ca.pem\"")).find("client_ca"),
            std::string::npos);
  const Config c = taken(block(tls + "auth=\"wall+key\"\nclient_ca=\"/ca.pem\""),
                         {.set = {"tls.cert=/c", "tls.key=/k"}, .tls_listen = {"0.0.0.0:2"}});
  ASSERT_EQ(c.server.listen.size(), 2u);  // the option took no wall away
  EXPECT_EQ(c.server.listen[0].client_ca, "/ca.pem");
  EXPECT_EQ(taken(show_config(c)).server.listen, c.server.listen);
}

TEST(Config, AFrontIsNamedOrNotBelieved) {
  const std::string path = "address=\"/run/front\"\ntransport=\"proxy\"\nauth=\"wall\"\n";
  const std::string tcp = "address=\"127.0.0.1:1\"\ntransport=\"proxy\"\nauth=\"wall+key\"\n";
  for (const std::string& bad :
       {path, tcp, path + "proxy_uids=[]", path + "proxy_uids=[65534]", path + "proxy_uids=[-1]",
        path + "proxy_uids=[4294967295]", path + "proxy_uids=7", path + "proxy_uids=[\"7\"]",
        path + "proxy_peers=[\"127.0.0.1\"]", tcp + "proxy_uids=[7]",
        tcp + "proxy_peers=[\"front\"]", tcp + "proxy_peers=[\"127.0.0.1\"]\nrequire_crc32c=1",
        std::string("address=\"127.0.0.1:1\"\nallow_resumption=true")}) {
    EXPECT_NE(refusal(block(bad)), "taken") << bad;
  }
  const Config c =
      taken(block(path + "proxy_uids=[99, 0]\nrequire_crc32c=true\n") +
            block(tcp + "proxy_peers=[\"127.0.0.0/8\",\"::1\"]\nallow_resumption=true\n"));
  ASSERT_EQ(c.server.listen.size(), 2u);
  EXPECT_TRUE(c.server.listen[0].rules.fronted);
  EXPECT_TRUE(c.server.listen[0].proxy.require_crc32c);
  EXPECT_EQ(taken(show_config(c)).server.listen, c.server.listen);
}

TEST(Config, AListOfFrontsHasNoStrangersInIt) {
  struct Case {
    std::string_view peers;
    std::string_view refused;  // the network that the sentence names; empty: taken
  };
  for (const Case& c : std::initializer_list<Case>{{"'0.0.0.0/0'", "0.0.0.0/0"},
                                                   {"'::/0'", "::/0"},
                                                   {"'127.0.0.1', '::/0'", "::/0"},
                                                   {"'0.0.0.0/1', '128.0.0.0/1'", "0.0.0.0/1"},
                                                   {"'::/1', '8000::/1'", "::/1"},
                                                   {"'192.0.2.4', '128.0.0.0/7'", "128.0.0.0/7"},
                                                   {"'fc00::/7'", "fc00::/7"},
                                                   {"'2000::/15'", "2000::/15"},
                                                   {"'10.0.0.0/8'", ""},
                                                   {"'2001::/16', '192.0.2.4'", ""},
                                                   {"'192.0.2.4', '2001:db8::4'", ""}}) {
    const std::string got =
        refusal(block("address=\"127.0.0.1:1\"\ntransport=\"proxy\"\nauth=\"wall\"\nproxy_peers=[" +
                      std::string(c.peers) + "]"));
    if (c.refused.empty()) {
      EXPECT_EQ(got, "taken") << c.peers;
      continue;
    }
    EXPECT_NE(got.find(std::string(c.refused) + " in proxy_peers believes everybody there"),
              std::string::npos)
        << c.peers << ": " << got;
    EXPECT_NE(got.find("name the addresses of the front alone"), std::string::npos) << got;
  }
}

TEST(Config, AWallIsThereOrTheListenerIsRefused) {
  EXPECT_NE(refusal(block("address=\"127.0.0.1:1\"\nauth=\"wall\"")).find("no wall on it"),
            std::string::npos);
  EXPECT_NE(refusal(block("address=\"127.0.0.1:1\"\nauth=\"wall+key\"")).find("no wall on it"),
            std::string::npos);
  EXPECT_NE(refusal(block("address=\"127.0.0.1:1\"\nauth=\"none\"")).find("wall+key"),
            std::string::npos);
  EXPECT_NE(refusal(block("address=\"127.0.0.1:1\"\ntransport=\"unix\"")).find("whole path"),
            std::string::npos);
  const Config c = taken(block("address=\"/run/moot/wall\"\ntransport=\"unix\"\nauth=\"wall\""));
  ASSERT_EQ(c.server.listen.size(), 1u);
  EXPECT_EQ(c.server.listen[0].door, net::Door::local);
  EXPECT_EQ(c.server.listen[0].rules.auth, session::Auth::wall);
}

TEST(Config, AnAddressOnTheCommandLineTakesNoWallAway) {
  const std::string both = block("address=\"127.0.0.1:1\"\n") +
                           block("address=\"/run/w\"\ntransport=\"unix\"\nauth=\"wall\"\n");
  const Config c = taken(both, {.listen = {"127.0.0.1:2"}});
  ASSERT_EQ(c.server.listen.size(), 2u);
  EXPECT_EQ(c.server.listen[0].address, "127.0.0.1:2");
  EXPECT_EQ(c.server.listen[1].address, "/run/w");
}

TEST(Config, TlsNeedsACertificate) {
  EXPECT_NE(refusal("", {.tls_listen = {"0.0.0.0:7697"}}).find("certificate"), std::string::npos);
  const Config c =
      taken("", {.set = {"tls.cert=/c.pem", "tls.key=/k.pem"}, .tls_listen = {"0.0.0.0:7697"}});
  ASSERT_EQ(c.server.listen.size(), 1u);
  EXPECT_EQ(c.server.listen[0].door, net::Door::tls);
  EXPECT_EQ(c.server.listen[0].cert, "/c.pem");
}

TEST(Config, WhatIsShownIsReadBackTheSame) {
  const Config c = taken("timeout_s = 7\n[limits]\nexempt = []\n[offline]\nmax_age = \"1d\"");
  const std::string shown = show_config(c);
  EXPECT_EQ(show_config(taken(shown)), shown);
  EXPECT_NE(shown.find("timeout_s = 7"), std::string::npos);
  const Config walls = taken(block("address=\"0.0.0.0:1\"\ninsecure_plaintext=\"I understand\"\n") +
                             block("address=\"/run/w\"\ntransport=\"unix\"\nauth=\"wall+key\"\n"));
  const Config again = taken(show_config(walls));
  EXPECT_EQ(again.server.listen, walls.server.listen);
  EXPECT_EQ(show_config(again), show_config(walls));
}

}  // namespace
}  // namespace moot::mootd
