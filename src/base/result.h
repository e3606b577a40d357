#pragma once

#include <expected>
#include <string>
#include <utility>

namespace moot {

// Why an operation failed: one English sentence that says what and what to do next.
struct Error {
  std::string message;
  friend bool operator==(const Error&, const Error&) = default;
};

// The outcome of an operation that can fail. No TRY macro: return early.
template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

inline std::unexpected<Error> fail(std::string message) {
  return std::unexpected(Error{std::move(message)});
}

}  // namespace moot
