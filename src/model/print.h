#pragma once

#include <ostream>
#include <string>

#include "base/hex.h"
#include "model/commands.h"

// The text form of commands, for scenarios, debugging output and failing tests:
//   PV_MSG to=@bob msg_id=01HHNNM7S8M2RW5MZ4YM31EA1S msg=<24 octets>
namespace moot {

void print_value(std::string& out, std::string_view text);
void print_value(std::string& out, Bytes bytes);
void print_value(std::string& out, const Range& range);
void print_value(std::string& out, const RawCommands& cmds);

namespace detail {
template <class T>
void print_any(std::string& out, const T& v);

template <Described T>
void print_fields(std::string& out, const T& v) {
  bool first = true;
  for_each_field<T>([&](const auto& f) {
    const auto& member = v.*f.member;
    if constexpr (kIsOptional<std::remove_cvref_t<decltype(member)>>) {
      if (!member.has_value()) return;
    }
    if (!first) out += ' ';
    first = false;
    out += f.key;
    out += '=';
    print_any(out, member);
  });
}

template <class T>
void print_any(std::string& out, const T& v) {
  if constexpr (std::same_as<T, bool>) {
    out += v ? "true" : "false";
  } else if constexpr (std::integral<T>) {
    out += std::to_string(v);
  } else if constexpr (WireEnum<T>) {
    out += text(v);
  } else if constexpr (std::same_as<T, std::string_view>) {
    print_value(out, v);
  } else if constexpr (std::same_as<T, Name>) {
    print_value(out, v.text);
  } else if constexpr (std::same_as<T, UserId>) {
    out += '@';
    out += v.str();
  } else if constexpr (std::same_as<T, MsgId> || std::same_as<T, ChannelId>) {
    out += text(v);
  } else if constexpr (std::same_as<T, Bytes>) {
    print_value(out, v);
  } else if constexpr (std::same_as<T, Range> || std::same_as<T, RawCommands>) {
    print_value(out, v);
  } else if constexpr (std::same_as<T, RoleOf>) {
    out += '@';
    out += v.user.str();
    out += ':';
    out += text(v.role);
  } else if constexpr (std::same_as<T, MsgOrUser>) {
    v.msg ? print_any(out, *v.msg) : print_any(out, v.user);
  } else if constexpr (std::same_as<T, KeyBytes>) {
    out += "<secret>";
  } else if constexpr (requires { v.octets; }) {
    out += hex(v.bytes());
  } else if constexpr (kIsOptional<T>) {
    print_any(out, *v);
  } else if constexpr (kIsOrNil<T>) {
    v ? print_any(out, *v) : static_cast<void>(out += "nil");
  } else if constexpr (kIsSpan<T>) {
    out += '[';
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (i > 0) out += ' ';
      print_any(out, v[i]);
    }
    out += ']';
  } else {
    out += '{';
    print_fields(out, v);
    out += '}';
  }
}
}  // namespace detail

// "NAME key=value ..." for a command, "key=value ..." for an entry of a list.
template <Described T>
std::string text(const T& v) {
  std::string out{T::kTable.name};
  if (!out.empty() && T::kTable.kFields > 0) out += ' ';
  detail::print_fields(out, v);
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}
inline std::string text(const c::Any& cmd) {
  return std::visit([](const auto& v) { return text(v); }, cmd);
}
inline std::string text(const s::Any& cmd) {
  return std::visit([](const auto& v) { return text(v); }, cmd);
}

template <Described T>
std::ostream& operator<<(std::ostream& os, const T& v) {
  return os << text(v);
}
inline std::ostream& operator<<(std::ostream& os, const UserId& u) { return os << '@' << u.str(); }

namespace c {
using moot::operator<<;
using moot::text;
}  // namespace c
namespace s {
using moot::operator<<;
using moot::text;
}  // namespace s

}  // namespace moot
