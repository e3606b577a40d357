#include "store/damage_note.h"

#include "store/files.h"

namespace moot::store {
namespace {

constexpr char kDamageNote[] = "store.damaged";

}  // namespace

bool damage_noted(const std::string& dir) { return exists(join(dir, kDamageNote)); }

Status note_damage(const std::string& dir, const std::string& what) {
  if (damage_noted(dir)) return {};
  return write_new(join(dir, kDamageNote), as_bytes(what));
}

Status forget_damage(const std::string& dir) { return remove_synced(join(dir, kDamageNote)); }

}  // namespace moot::store
