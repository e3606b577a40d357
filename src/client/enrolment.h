#pragma once

#include <optional>
#include <string>

#include "client/invite_link.h"
#include "client/keyfile.h"
#include "client/link.h"

namespace moot::client {

// Turns an invitation into a key (protocol.md 6.1): one connection, pure. Repeated with the same
// link and the same wanted id it gets the same answer, so a lost answer is no lost account.
class Enrolment {
 public:
  struct Wanted {
    UserId id;
    std::string name;
    std::string label;
  };
  // `first_nonce` from a cryptographic random source.
  Enrolment(const InviteLink& link, Wanted wanted, std::uint64_t first_nonce);

  // Appends what to write.
  void octets(Now now, Bytes octets, Buffer& out);
  // The connection ended.
  void lost(std::string_view why);

  bool done() const { return result_.has_value() || !error_.empty(); }
  Result<KeyFile> result() const;

 private:
  struct Sink;

  InviteLink link_;
  Wanted wanted_;
  session::ClientIdentity identity_;
  MacKey key_;
  Link wire_;
  std::optional<KeyFile> result_;
  std::string error_;
};

}  // namespace moot::client
