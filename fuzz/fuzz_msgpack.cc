#include "base/check.h"
#include "fuzz/mutator.h"
#include "wire/msgpack.h"

// The validator agrees with the naive reference on every input; what it lets through, the reader
// reads as the reference does; what the writer writes of it is read as the same.
namespace moot::fuzz {
namespace {

Value read(wire::Reader& r) {
  Value v;
  switch (r.type()) {
    case wire::Type::nil:
      r.nil();
      break;
    case wire::Type::boolean:
      v.type = Value::Type::boolean;
      v.number = r.boolean() ? 1 : 0;
      break;
    case wire::Type::uint:
      v.type = Value::Type::uint;
      v.number = r.uint();
      break;
    case wire::Type::str:
      v.type = Value::Type::str;
      v.octets = r.str();
      break;
    case wire::Type::bin:
      v.type = Value::Type::bin;
      v.octets = as_text(r.bin());
      break;
    case wire::Type::array:
      v.type = Value::Type::array;
      for (std::uint32_t n = r.array(); n > 0; --n) v.values.push_back(read(r));
      break;
    case wire::Type::map:
      v.type = Value::Type::map;
      for (std::uint32_t n = 2 * r.map(); n > 0; --n) v.values.push_back(read(r));
      break;
  }
  return v;
}

void check(Bytes payload) {
  const auto expected = parse_naively(payload);
  MOOT_CHECK((wire::validate(payload) == wire::ProfileError::ok) == expected.has_value());
  if (!expected) return;

  wire::Reader reader(payload);
  MOOT_CHECK(read(reader) == *expected && reader.done());
  wire::Reader skipper(payload);
  skipper.skip();
  MOOT_CHECK(skipper.done());

  Buffer minimal;
  print_naively(minimal, *expected);
  MOOT_CHECK(minimal.size() <= payload.size());
  MOOT_CHECK(wire::validate(minimal.bytes()) == wire::ProfileError::ok);
  wire::Reader again(minimal.bytes());
  MOOT_CHECK(read(again) == *expected && again.done());
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  moot::fuzz::check({data, size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  // Half of the time octets: most of the validator is about trees that are none.
  if (seed % 2 == 0) return LLVMFuzzerMutate(data, size, max);
  return moot::fuzz::mutate_payload(data, size, max, seed, 0);
}
