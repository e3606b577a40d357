#include <string>

#include "wire/commands.h"

// The reference table of docs/protocol.md, written from the tables of commands.
namespace moot::wire {
namespace {

std::string bounds_text(const Bounds& b) {
  constexpr auto kNone = Bounds{}.max;
  if (b.min == 0 && b.max == kNone) return {};
  if (b.max == kNone) return " (" + std::to_string(b.min) + " or more)";
  return " (" + std::to_string(b.min) + ".." + std::to_string(b.max) + ")";
}

template <class T>
std::string type_text() {
  if constexpr (kIsOptional<T>) {
    return type_text<typename T::value_type>();
  } else if constexpr (kIsOrNil<T>) {
    return type_text<typename decltype(T::value)::value_type>() + " or nil";
  } else if constexpr (std::same_as<T, Roles>) {
    return "{user id: `owner`/`admin`/`none`}";
  } else if constexpr (kIsSpan<T> && !std::same_as<T, Bytes>) {
    return "[" + type_text<std::remove_const_t<typename T::element_type>>() + "]";
  } else if constexpr (std::same_as<T, bool>) {
    return "bool";
  } else if constexpr (std::integral<T>) {
    return "uint";
  } else if constexpr (WireEnum<T>) {
    std::string out;
    for (const std::string_view word : EnumTexts<T>::value) {
      if (!out.empty()) out += '/';
      out += '`';
      out += word;
      out += '`';
    }
    return out;
  } else if constexpr (std::same_as<T, std::string_view>) {
    return "str";
  } else if constexpr (std::same_as<T, Name>) {
    return "name";
  } else if constexpr (std::same_as<T, UserId>) {
    return "user id";
  } else if constexpr (std::same_as<T, MsgId>) {
    return "msg id";
  } else if constexpr (std::same_as<T, ChannelId>) {
    return "channel id";
  } else if constexpr (std::same_as<T, MsgOrUser>) {
    return "msg id or user id";
  } else if constexpr (std::same_as<T, Bytes>) {
    return "bin";
  } else if constexpr (std::same_as<T, Range>) {
    return "range";
  } else if constexpr (std::same_as<T, RawCommands>) {
    return "[command]";
  } else if constexpr (requires { T::kSize; }) {
    return "bin " + std::to_string(T::kSize);
  } else {
    std::string out = "{";
    for_each_field<T>([&](const auto& f) {
      using F = typename std::remove_cvref_t<decltype(f)>::Type;
      if (out.size() > 1) out += ", ";
      out += '`';
      out += f.key;
      out += kIsOptional<F> ? "`? " : "` ";
      out += type_text<F>();
      out += bounds_text(f.bounds);
    });
    return out + "}";
  }
}

template <class T>
void add_row(std::string& out) {
  out += "| ";
  out += T::kTable.name;
  out += T::kTable.dir == Dir::client ? " | C | " : " | S | ";
  bool first = true;
  for_each_field<T>([&](const auto& f) {
    using F = typename std::remove_cvref_t<decltype(f)>::Type;
    if (!first) out += "; ";
    first = false;
    out += '`';
    out += f.key;
    out += kIsOptional<F> ? "`? " : "` ";
    out += type_text<F>();
    out += bounds_text(f.bounds);
  });
  out += " |\n";
}

template <class Any>
void add_rows(std::string& out) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (add_row<std::variant_alternative_t<I, Any>>(out), ...);
  }(std::make_index_sequence<std::variant_size_v<Any>>{});
}

}  // namespace

std::string reference_table() {
  std::string out = "| command | dir | fields, in wire order after the envelope |\n|---|---|---|\n";
  add_rows<c::Any>(out);
  add_rows<s::Any>(out);
  return out;
}

}  // namespace moot::wire
