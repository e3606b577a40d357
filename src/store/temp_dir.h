#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include <stdlib.h>

namespace moot::store {

// A directory of its own among the system's temporary ones, gone with the object. For tests and
// benchmarks; throws where none can be made.
class TempDir {
 public:
  TempDir() : path_((std::filesystem::temp_directory_path() / "moot-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) {
      throw std::runtime_error("No directory can be made like " + path_ +
                               "; free some space there.");
    }
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace moot::store
