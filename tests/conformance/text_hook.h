#pragma once

#include <string_view>

namespace moot::vectors {

// Whether a name is NFC, which only the tables of src/text know; none where they are not built.
using IsNfc = bool (*)(std::string_view);
IsNfc text_hook();

}  // namespace moot::vectors
