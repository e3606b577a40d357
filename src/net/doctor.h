#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/admin_wire.h"
#include "net/options.h"

// What `mootd doctor` looks at outside the store (interface.md).
namespace moot::net {

// Whether a TCP listener could be had now. One that cannot says what to do.
Status can_listen(const ListenOptions& options);
Status can_serve_http(const HttpOptions& http);

// When the first certificate of the file ends.
Result<UnixMs> certificate_end(const std::string& file);

// The middle one of some fsyncs in the directory, which is left as it was.
Result<Millis> fsync_time(const std::string& dir);

// How many descriptors this process may have.
AdminReply::Key descriptors_finding();
// What a server finds of itself, which nobody else can see. `serves_http`: it has the port.
std::vector<AdminReply::Key> own_findings(const HttpOptions& http, bool serves_http);

}  // namespace moot::net
