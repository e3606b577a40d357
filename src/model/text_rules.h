#pragma once

#include <string>
#include <string_view>

namespace moot {

// What the cores must know about Unicode, as a value: src/text has the tables, whoever wires a
// program passes its functions in. Both are pure and defined for every valid UTF-8 text.
struct TextRules {
  bool (*is_nfc)(std::string_view text) = nullptr;
  // Equal for names that people would take for the same one: NFC of toCasefold of NFD
  // (protocol.md 4).
  std::string (*fold)(std::string_view text) = nullptr;
};

}  // namespace moot
