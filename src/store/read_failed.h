#pragma once

#include <exception>
#include <utility>

#include "base/result.h"

namespace moot::store {

// A read of records that cannot be answered: the file was damaged, or the disk refuses. There is no
// answer that a core could go on with, so this is thrown through it. Who catches it throws away
// what the step left, lets no other step in, and says `error` as it would say a store's.
class ReadFailed : public std::exception {
 public:
  explicit ReadFailed(Error error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

}  // namespace moot::store
