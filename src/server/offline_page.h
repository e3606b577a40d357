#pragma once

#include <cstdint>
#include <vector>

#include "model/store_ops.h"

namespace moot::server {

// A page of kept messages, in the order of storing.
struct OfflinePage {
  struct Row {
    std::uint64_t seq = 0;
    OfflineCopy copy;
  };
  std::vector<Row> rows;
  bool more = false;
};

}  // namespace moot::server
