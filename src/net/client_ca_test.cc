#include "net/client_ca.h"

#include <gtest/gtest.h>

namespace moot::net {
namespace {

std::string authorities(std::size_t n) {
  std::string out;
  for (; n > 0; --n) out += "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
  return out;
}

TEST(ClientCa, IsTheServersOwn) {
  EXPECT_TRUE(check_client_ca("/etc/moot/clients.pem", authorities(1)));
  EXPECT_TRUE(check_client_ca("/etc/moot/clients.pem", authorities(16)));
  for (const auto& [path, text] : std::initializer_list<std::pair<std::string, std::string>>{
           {"/etc/ssl/certs/ca-certificates.crt", authorities(1)},
           {"/usr/share/ca-certificates/mozilla/one.crt", authorities(1)},
           {"/etc/pki/tls/certs/ca-bundle.crt", authorities(1)},
           {"/etc/moot/clients.pem", authorities(17)},
           {"/etc/moot/clients.pem", "no certificate at all"}}) {
    EXPECT_FALSE(check_client_ca(path, text)) << path;
  }
  const Status none = check_client_ca_file("/nowhere/clients.pem");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message,
            "`client_ca` /nowhere/clients.pem cannot be read; name a file with the authority that "
            "you made for this server's clients.");
}

}  // namespace
}  // namespace moot::net
