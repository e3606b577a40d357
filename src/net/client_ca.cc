#include "net/client_ca.h"

#include <openssl/x509.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace moot::net {
namespace {

// Nobody runs so many authorities for one chat; a bundle of public ones has ten times as many.
constexpr std::size_t kAuthoritiesMax = 16;
constexpr std::string_view kSystemDirs[] = {"/etc/ssl/certs/", "/usr/share/ca-certificates/",
                                            "/usr/local/share/ca-certificates/", "/etc/pki/"};

std::size_t certificates(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  std::size_t n = 0;
  for (std::size_t at = text.find(kBegin); at != std::string_view::npos;
       at = text.find(kBegin, at + kBegin.size())) {
    ++n;
  }
  return n;
}

}  // namespace

Status check_client_ca(std::string_view real_path, std::string_view text) {
  const bool of_system =
      real_path == X509_get_default_cert_file() ||
      std::ranges::any_of(kSystemDirs, [&](auto dir) { return real_path.starts_with(dir); });
  if (of_system) return fail("is of the system's authorities, who vouch for anybody");
  const std::size_t n = certificates(text);
  if (n == 0) return fail("holds no certificate");
  if (n > kAuthoritiesMax) {
    return fail("holds " + std::to_string(n) + " authorities, like a bundle of public ones");
  }
  return {};
}

Status check_client_ca_file(const std::string& path) {
  std::error_code ec;
  const auto real = std::filesystem::canonical(path, ec);
  std::ifstream in(path, std::ios::binary);
  Status ok = fail("cannot be read");
  if (!ec && in) {
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    ok = check_client_ca(real.string(), text);
  }
  if (ok) return {};
  return fail("`client_ca` " + path + " " + ok.error().message +
              "; name a file with the authority that you made for this server's clients.");
}

}  // namespace moot::net
