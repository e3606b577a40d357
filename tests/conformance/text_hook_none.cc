#include "tests/conformance/text_hook.h"

namespace moot::vectors {

IsNfc text_hook() { return nullptr; }

}  // namespace moot::vectors
