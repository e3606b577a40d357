#include "tests/conformance/text_hook.h"
#include "text/text.h"

namespace moot::vectors {

IsNfc text_hook() { return text_rules::is_nfc; }

}  // namespace moot::vectors
