#pragma once

#include <string>

#include "base/result.h"

// DIR/store.damaged: the disk changed what is in the store, and the next start mends what it can.
namespace moot::store {

bool damage_noted(const std::string& dir);
// Once is enough.
Status note_damage(const std::string& dir, const std::string& what);
Status forget_damage(const std::string& dir);

}  // namespace moot::store
