#include <string>

#include "base/check.h"
#include "fuzz/mutator.h"
#include "model/print.h"
#include "wire/commands.h"

// Every command decoder, both directions: what decodes is written, and read again as the same.
// Input: an octet that names the command, then a payload.
namespace moot::fuzz {
namespace {

template <class Any>
auto decode(std::string_view cmd, Bytes map, Arena& arena) {
  if constexpr (std::same_as<Any, c::Any>) {
    return wire::decode_client(cmd, map, arena);
  } else {
    return wire::decode_server(cmd, map, arena);
  }
}

template <class Any>
void check(std::string_view cmd, Bytes payload) {
  Arena arena;
  const auto first = decode<Any>(cmd, payload, arena);
  if (!first) {
    MOOT_CHECK(!wire::explain(first.error(), cmd).empty());
    return;
  }
  MOOT_CHECK(wire::name_of(*first) == cmd);

  Buffer fields;
  const std::uint32_t pairs = wire::encode_fields(fields, *first);
  Buffer out;
  wire::put_element(out, {.cmd = cmd, .pairs = pairs, .fields = fields.bytes()});
  MOOT_CHECK(wire::validate(out.bytes()) == wire::ProfileError::ok);
  const auto second = decode<Any>(cmd, out.bytes(), arena);
  MOOT_CHECK(second && *second == *first && text(*second) == text(*first));
}

template <class Any>
std::string_view nth_name(std::size_t n) {
  std::string_view name;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((I == n ? void(name = std::variant_alternative_t<I, Any>::kTable.name) : void()), ...);
  }(std::make_index_sequence<std::variant_size_v<Any>>{});
  return name;
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moot;
  if (size == 0) return 0;
  const Bytes payload{data + 1, size - 1};
  // Near the limit of nodes the `cmd` that is written in addition would be one too many.
  if (size > 16'000 || wire::validate(payload) != wire::ProfileError::ok) return 0;
  constexpr std::size_t kClient = std::variant_size_v<c::Any>;
  constexpr std::size_t kServer = std::variant_size_v<s::Any>;
  const std::size_t n = data[0] % (kClient + kServer);
  if (n < kClient) {
    fuzz::check<c::Any>(fuzz::nth_name<c::Any>(n), payload);
  } else {
    fuzz::check<s::Any>(fuzz::nth_name<s::Any>(n - kClient), payload);
  }
  // And as the payload names itself.
  if (const auto opened = wire::open(payload)) {
    fuzz::check<c::Any>(opened->envelope.cmd, payload);
    fuzz::check<s::Any>(opened->envelope.cmd, payload);
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  return moot::fuzz::mutate_payload(data, size, max, seed, 1);
}
