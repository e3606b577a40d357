#include "model/print.h"

namespace moot {

void print_value(std::string& out, std::string_view text) {
  out += '"';
  for (const char ch : text) {
    const auto u = static_cast<unsigned char>(ch);
    if (ch == '"' || ch == '\\') {
      out += '\\';
      out += ch;
    } else if (u < 0x20 || u == 0x7f) {
      out += "\\x";
      out += hex(Bytes(&u, 1));
    } else {
      out += ch;
    }
  }
  out += '"';
}

void print_value(std::string& out, Bytes bytes) {
  if (bytes.size() <= 20) {
    out += hex(bytes);
    return;
  }
  out += '<';
  out += std::to_string(bytes.size());
  out += " octets>";
}

void print_value(std::string& out, const Range& range) {
  out += "..";
  out += range.upper ? hex(*range.upper) : "nil";
  switch (range.mode) {
    case Range::Mode::skip:
      out += " skip";
      return;
    case Range::Mode::fingerprint:
      out += " fp=" + hex(range.fp.bytes()) + " n=" + std::to_string(range.count);
      return;
    case Range::Mode::list:
      out += " list=" + std::to_string(range.list.size());
      return;
  }
}

void print_value(std::string& out, const RawCommands& cmds) {
  out += '<';
  out += std::to_string(cmds.count);
  out += " commands>";
}

}  // namespace moot
