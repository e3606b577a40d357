#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "net/options.h"

// What `mootd doctor` looks at outside the store (interface.md).
namespace moot::net {

// Whether a TCP listener could be had now. One that cannot says what to do.
Status can_listen(const ListenOptions& options);

// When the first certificate of the file ends.
Result<UnixMs> certificate_end(const std::string& file);

// The middle one of some fsyncs in the directory, which is left as it was.
Result<Millis> fsync_time(const std::string& dir);

}  // namespace moot::net
