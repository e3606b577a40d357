#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/arena.h"
#include "model/commands.h"

// Commands that outlive the views they were made from: what tests and the simulator record and pass
// on.
namespace moot {

template <class T>
T clone(Arena& arena, const T& from);

inline Bytes clone_bytes(Arena& arena, Bytes from) {
  const auto to = arena.make<std::uint8_t>(from.size());
  std::copy(from.begin(), from.end(), to.begin());
  return to;
}
template <class T>
std::span<const T> clone_list(Arena& arena, std::span<const T> from) {
  const auto to = arena.make<T>(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = clone(arena, from[i]);
  return to;
}

template <class T>
T clone(Arena& arena, const T& from) {
  if constexpr (std::same_as<T, Bytes>) {
    return clone_bytes(arena, from);
  } else if constexpr (std::same_as<T, std::string_view>) {
    return as_text(clone_bytes(arena, as_bytes(from)));
  } else if constexpr (std::same_as<T, Name>) {
    return Name{clone(arena, from.text)};
  } else if constexpr (std::same_as<T, Range>) {
    Range to = from;
    to.upper = clone(arena, from.upper);
    to.list = clone_list(arena, from.list);
    return to;
  } else if constexpr (kIsSpan<T>) {
    return clone_list(arena, from);
  } else if constexpr (kIsOptional<T>) {
    return from ? T(clone(arena, *from)) : T();
  } else if constexpr (kIsOrNil<T>) {
    return from ? T(clone(arena, *from)) : T();
  } else if constexpr (Described<T>) {
    T to = from;
    for_each_field<T>([&](const auto& f) { to.*f.member = clone(arena, from.*f.member); });
    return to;
  } else {
    return from;
  }
}

// A command of either direction with the memory that it shows.
template <class Any>
class Kept {
 public:
  explicit Kept(const Any& from) : arena_(std::make_unique<Arena>()) {
    cmd_ = std::visit([&](const auto& cmd) { return Any(clone(*arena_, cmd)); }, from);
  }
  const Any& any() const { return cmd_; }
  template <class C>
  const C* get() const {
    return std::get_if<C>(&cmd_);
  }

 private:
  std::unique_ptr<Arena> arena_;
  Any cmd_;
};

}  // namespace moot
