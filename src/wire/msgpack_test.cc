#include "wire/msgpack.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace moot::wire {
namespace {

ProfileError check(std::string_view digits) { return validate(*unhex(digits)); }

TEST(Validate, NamesWhatIsWrong) {
  EXPECT_EQ(check("80"), ProfileError::ok);
  EXPECT_EQ(check(""), ProfileError::truncated);
  EXPECT_EQ(check("81a161"), ProfileError::truncated);
  EXPECT_EQ(check("81a16101"), ProfileError::ok);
  EXPECT_EQ(check("8001"), ProfileError::trailing_bytes);
  EXPECT_EQ(check("82a16101a16102"), ProfileError::duplicate_key);
  EXPECT_EQ(check("82a16101d9016102"), ProfileError::duplicate_key);
  EXPECT_EQ(check("81a161ddffffffff"), ProfileError::count_does_not_fit);
  EXPECT_EQ(check("81a161c1"), ProfileError::type_not_in_profile);
  EXPECT_EQ(check("81a161ff"), ProfileError::negative_integer);
  EXPECT_EQ(check("81a161d0ff"), ProfileError::negative_integer);
  EXPECT_EQ(check("81a161d07f"), ProfileError::ok);
  EXPECT_EQ(check("81a161a2c080"), ProfileError::bad_utf8);
  EXPECT_EQ(check("81a161a100"), ProfileError::nul_in_string);
}

// The same map may come back after another one closed: keys are unique per map, not per depth.
TEST(Validate, ForgetsTheKeysOfAClosedMap) {
  EXPECT_EQ(check("82a16181a17801a16281a17802"), ProfileError::ok);
}

TEST(Validate, RefusesEveryPrefixOfAValidPayload) {
  const ByteBuf whole =
      *unhex("85a3636d64a3434e4ea3646972a163a16192c0c3a162c4020102a163ce00010000");
  ASSERT_EQ(validate(whole), ProfileError::ok);
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_NE(validate(Bytes(whole).first(n)), ProfileError::ok) << n;
}

TEST(Writer, EmitsMinimalFormsThatTheReaderReadsBack) {
  const std::uint64_t numbers[] = {0,     127,   128,        255,         256,
                                   65535, 65536, 0xffffffff, 0x100000000, ~0ull};
  const std::size_t lengths[] = {0, 31, 32, 255, 256, 65535, 65536};
  Buffer out;
  Writer w(out);
  for (const auto n : numbers) w.uint(n);
  for (const auto n : lengths) {
    w.str(std::string(n, 'x'));
    w.bin(ByteBuf(n, 1));
    w.array(n);
    w.map(n);
  }
  Reader r(out.bytes());
  for (const auto n : numbers) EXPECT_EQ(r.uint(), n);
  for (const auto n : lengths) {
    EXPECT_EQ(r.str().size(), n);
    EXPECT_EQ(r.bin().size(), n);
    EXPECT_EQ(r.array(), n);
    EXPECT_EQ(r.map(), n);
  }
  EXPECT_TRUE(r.done());
}

}  // namespace
}  // namespace moot::wire
