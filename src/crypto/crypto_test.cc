#include <gtest/gtest.h>

#include "base/hex.h"
#include "crypto/hmac.h"
#include "crypto/sha3.h"

namespace moot {
namespace {

TEST(Sha3, HashesTheEmptyMessageAsPublished) {
  EXPECT_EQ(hex(sha3_256({})), "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
  EXPECT_EQ(hex(sha3_512({})),
            "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6"
            "15b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26");
}

}  // namespace
}  // namespace moot
