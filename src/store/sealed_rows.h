#pragma once

#include <string>

#include "model/store_ops.h"
#include "seal/vault.h"

// What names a sealed row: the value opens in no other one (ST-01).
namespace moot::store {

inline constexpr char kOfflinePurpose[] = "offline";
inline constexpr char kRecordPurpose[] = "record";
inline constexpr char kStampPurpose[] = "stamp-key";

std::string aad_of(const OfflineCopy& copy);
std::string aad_of(const KeptRecord& record);
std::string aad_of_stamp_key(std::uint32_t id);
seal::KeySite site_of(const Credential& credential);

}  // namespace moot::store
