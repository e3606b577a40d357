#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"

// What is inside `msg` (protocol.md 9): the server never reads it.
namespace moot::client {

struct Content {
  enum class Kind : std::uint8_t {
    text,
    unsupported,  // a content type of a newer client
    sealed,       // end-to-end encrypted: its first octet is 0x01
    unreadable,   // no map of the profile
  };
  Kind kind = Kind::text;
  std::string text;
  std::optional<MsgId> re;  // the message it answers
  friend bool operator==(const Content&, const Content&) = default;
};

// The octets of a text message; an error when `body` is no valid UTF-8 or holds NUL.
Result<ByteBuf> write_text(std::string_view body, const std::optional<MsgId>& re);

// Total: whatever a peer sent has a content.
Content read_content(Bytes msg);

// What a person sees instead of, or as, the message.
std::string shown(const Content& content);

}  // namespace moot::client
