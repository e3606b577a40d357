#include "client/content.h"

#include "wire/msgpack.h"

namespace moot::client {

Result<ByteBuf> write_text(std::string_view body, const std::optional<MsgId>& re) {
  if (wire::check_text(as_bytes(body)) != wire::ProfileError::ok)
    return fail("The text is no valid UTF-8 or holds a NUL; convert it to UTF-8 and try again.");
  if (body.empty()) return fail("The text is empty; write something.");
  Buffer out;
  wire::Writer w(out);
  w.map(re ? 3 : 2);
  w.str("t");
  w.str("text");
  w.str("b");
  w.str(body);
  if (re) {
    w.str("re");
    w.bin(re->bytes());
  }
  const Bytes octets = out.bytes();
  return ByteBuf(octets.begin(), octets.end());
}

Content read_content(Bytes msg) {
  Content content;
  if (!msg.empty() && msg[0] == 0x01) {
    content.kind = Content::Kind::sealed;
    return content;
  }
  if (wire::validate(msg) != wire::ProfileError::ok) {
    content.kind = Content::Kind::unreadable;
    return content;
  }
  std::optional<std::string_view> type;
  std::optional<std::string_view> body;
  wire::Reader r(msg);
  for (std::uint32_t pairs = r.map(); pairs > 0; --pairs) {
    const std::string_view key = r.str();
    if (key == "t" && r.type() == wire::Type::str) {
      type = r.str();
    } else if (key == "b" && r.type() == wire::Type::str) {
      body = r.str();
    } else if (key == "re" && r.type() == wire::Type::bin) {
      const Bytes id = r.bin();
      if (id.size() == MsgId::kSize) content.re = MsgId::of(id);
    } else {
      r.skip();
    }
  }
  if (!type) {
    content.kind = Content::Kind::unreadable;
  } else if (*type != "text" || !body) {
    content.kind = Content::Kind::unsupported;
  } else {
    content.text = *body;
  }
  return content;
}

std::string shown(const Content& content) {
  switch (content.kind) {
    case Content::Kind::text:
      return content.text;
    case Content::Kind::sealed:
      return "[encrypted message: this client has no keys for it]";
    case Content::Kind::unreadable:
      return "[unreadable message]";
    case Content::Kind::unsupported:
      break;
  }
  return "[unsupported message]";
}

}  // namespace moot::client
