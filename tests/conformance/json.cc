#include "tests/conformance/json.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "base/hex.h"

namespace moot::vectors {
namespace {

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "moot_vectors: %s\n", why.c_str());
  std::exit(2);
}

std::uint64_t decimal(const std::string& text) {
  std::uint64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc{} || end != text.data() + text.size()) stop(text + " is no number.");
  return v;
}

}  // namespace

Json load(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) stop(path + " cannot be read; name the directory of the vectors.");
  std::string text;
  char part[65536];
  for (std::size_t n = 1; n > 0;) {
    n = std::fread(part, 1, sizeof part, file);
    text.append(part, n);
  }
  std::fclose(file);
  Json parsed = Json::parse(text, nullptr, false);
  if (parsed.is_discarded()) stop(path + " is not JSON.");
  return parsed;
}

const Json& at(const Json& v, const char* key) {
  const auto it = v.find(key);
  if (it == v.end()) stop(std::string(key) + " is missing in " + v.dump().substr(0, 200));
  return *it;
}

std::string text_of(const Json& v) {
  if (!v.is_string()) stop("no text: " + v.dump().substr(0, 200));
  return v.get<std::string>();
}

std::uint64_t uint_of(const Json& v) {
  if (v.is_number_unsigned()) return v.get<std::uint64_t>();
  if (v.is_object()) return decimal(text_of(at(v, "uint")));
  return decimal(text_of(v));
}

ByteBuf octets_of(const Json& v) {
  const std::string digits = text_of(v.is_object() ? at(v, "bin") : v);
  auto octets = unhex(digits);
  if (!octets) stop(digits.substr(0, 200) + " is no hex.");
  return *std::move(octets);
}

void put_value(wire::Writer& w, const Json& v) {
  if (v.is_null()) {
    w.nil();
  } else if (v.is_boolean()) {
    w.boolean(v.get<bool>());
  } else if (v.is_number_unsigned()) {
    w.uint(v.get<std::uint64_t>());
  } else if (v.is_string()) {
    w.str(text_of(v));
  } else if (v.is_array()) {
    w.array(v.size());
    for (const Json& each : v) put_value(w, each);
  } else if (v.is_object() && v.size() == 1 && v.contains("bin")) {
    w.bin(octets_of(v));
  } else if (v.is_object() && v.size() == 1 && v.contains("uint")) {
    w.uint(uint_of(v));
  } else if (v.is_object()) {
    w.map(v.size());
    for (const auto& [key, value] : v.items()) {
      w.str(key);
      put_value(w, value);
    }
  } else {
    stop("no value of the profile: " + v.dump().substr(0, 200));
  }
}

Buffer payload_of(const Json& vector) {
  Buffer out;
  wire::Writer w(out);
  const Json& fields = at(vector, "fields");
  w.map(4 + fields.size());
  w.str("cmd");
  w.str(text_of(at(vector, "cmd")));
  w.str("dir");
  w.str(text_of(at(vector, "dir")));
  w.str("nonce");
  w.uint(uint_of(at(vector, "nonce")));
  w.str("timestamp");
  w.uint(uint_of(at(vector, "timestamp")));
  for (const Json& pair : fields) {
    w.str(text_of(pair[0]));
    put_value(w, pair[1]);
  }
  return out;
}

}  // namespace moot::vectors
