#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "wire/msgpack.h"

// msgpack_verdicts: what our validator, reader and writer make of payloads, for a comparison with
// those of others (differential.py). On stdin payloads, each behind four octets of its length; on
// stdout a line for each: `!` and why it is refused, or its value and the octets that we would
// write for it. `--reasons` prints all that a refusal can say.
namespace moot {
namespace {

// The value in one way of writing, maps by their keys; the same value goes to `out` as octets.
std::string put(wire::Reader& r, wire::Writer& out) {
  const auto list = [](char open, const std::vector<std::string>& parts, char close) {
    std::string all(1, open);
    for (const std::string& part : parts) all += (all.size() > 1 ? "," : "") + part;
    return all + close;
  };
  std::vector<std::string> parts;
  switch (r.type()) {
    case wire::Type::nil:
      r.nil();
      out.nil();
      return "n";
    case wire::Type::boolean: {
      const bool b = r.boolean();
      out.boolean(b);
      return b ? "t" : "f";
    }
    case wire::Type::uint: {
      const std::uint64_t n = r.uint();
      out.uint(n);
      return "i" + std::to_string(n);
    }
    case wire::Type::str: {
      const std::string_view s = r.str();
      out.str(s);
      return "s" + hex(as_bytes(s));
    }
    case wire::Type::bin: {
      const Bytes b = r.bin();
      out.bin(b);
      return "b" + hex(b);
    }
    case wire::Type::array: {
      const std::uint32_t n = r.array();
      out.array(n);
      for (std::uint32_t i = 0; i < n; ++i) parts.push_back(put(r, out));
      return list('[', parts, ']');
    }
    case wire::Type::map:
      break;
  }
  const std::uint32_t n = r.map();
  out.map(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    std::string key = put(r, out);
    parts.push_back(std::move(key) + ":" + put(r, out));
  }
  std::ranges::sort(parts);
  return list('{', parts, '}');
}

std::string verdict(Bytes payload) {
  const wire::ProfileError error = wire::validate(payload);
  if (error != wire::ProfileError::ok) return "!" + std::string(text(error));
  wire::Reader reader(payload);
  Buffer ours;
  wire::Writer writer(ours);
  const std::string value = put(reader, writer);
  MOOT_CHECK(reader.done());
  return value + " " + hex(ours.bytes());
}

int main_of(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--reasons") {
    for (int i = 1; i <= static_cast<int>(wire::ProfileError::trailing_bytes); ++i) {
      std::printf("%s\n", std::string(text(static_cast<wire::ProfileError>(i))).c_str());
    }
    return 0;
  }
  std::uint8_t size[4];
  while (std::fread(size, 1, sizeof size, stdin) == sizeof size) {
    // A block of its own, of just that size: who reads past its end is seen by ASan.
    std::vector<std::uint8_t> payload(get_be32(size));
    payload.shrink_to_fit();
    if (std::fread(payload.data(), 1, payload.size(), stdin) != payload.size()) {
      std::fprintf(stderr, "msgpack_verdicts: a payload is cut short.\n");
      return 1;
    }
    std::printf("%s\n", verdict(payload).c_str());
  }
  return 0;
}

}  // namespace
}  // namespace moot

int main(int argc, char** argv) { return moot::main_of(argc, argv); }
