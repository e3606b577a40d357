#include "model/replica_ops.h"

#include "base/check.h"

namespace moot {

void LeafSummary::add(const Digest& element) {
  unsigned carry = 0;
  for (std::size_t i = Digest::kSize; i-- > 0;) {
    carry += unsigned{sum.octets[i]} + element.octets[i];
    sum.octets[i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  ++count;
}

void RecordReader::damaged() const {
  check_failed("the keys of a leaf sum up to what the leaf says", __FILE__, __LINE__);
}

std::vector<LeafSummary> build_leaves(const RecordReader& reader) {
  std::vector<LeafSummary> leaves;
  std::vector<RecordKey> page;
  RecordKey from{};
  for (;;) {
    page.clear();
    reader.keys(from, std::nullopt, kLeafRecordsMax + 1, page);
    if (page.empty()) return leaves;
    const bool more = page.size() > kLeafRecordsMax;
    const RecordKey next = page.back();
    if (more) page.pop_back();
    LeafSummary& leaf = leaves.emplace_back(LeafSummary{.lower = from, .sum = {}, .count = 0});
    for (const RecordKey& key : page) leaf.add(key.digest);
    if (!more) return leaves;
    from = next;
  }
}

}  // namespace moot
