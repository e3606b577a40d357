#include "channel/ranges.h"

#include <algorithm>

namespace moot {
namespace {
// Payload octets around the page: the envelope and the command's other fields.
constexpr std::size_t kAroundPageBytes = 256;
// msgpack of one range: array, mode, and the longest length forms of what it holds.
constexpr std::size_t kRangeBytes = 4;
constexpr std::size_t kFingerprintBytes = 1 + 18 + 9;
constexpr std::size_t kElementBytes = 26;
constexpr std::size_t kListBytes = 3;
constexpr std::size_t kRangeNodes = 4;

std::array<std::uint8_t, 24> octets_of(const RecordKey& key) { return element_of(key).octets; }
}  // namespace

PageBudget page_budget(std::size_t frame_bytes_max) {
  const std::size_t around = limits::kPageBytesSlack + kAroundPageBytes;
  return {frame_bytes_max > around ? frame_bytes_max - around : 0, limits::kPageNodesMax};
}

RecordKey bound_key(Bytes octets) {
  RecordKey key;
  const std::size_t in_id = std::min<std::size_t>(octets.size(), 16);
  std::copy_n(octets.begin(), in_id, key.id.octets.begin());
  const std::size_t in_digest = std::min<std::size_t>(octets.size() - in_id, 8);
  std::copy_n(octets.begin() + static_cast<std::ptrdiff_t>(in_id), in_digest,
              key.digest.octets.begin());
  return key;
}

Bound bound_of(const OrNil<Bytes>& upper) {
  if (!upper) return std::nullopt;
  return bound_key(*upper);
}

std::optional<RecordKey> cut_between(const RecordKey& below, const RecordKey& above) {
  const auto a = octets_of(below);
  const auto b = octets_of(above);
  const auto differs = std::mismatch(a.begin(), a.end(), b.begin());
  if (differs.first == a.end()) return std::nullopt;
  return bound_key({b.data(), static_cast<std::size_t>(differs.second - b.begin()) + 1});
}

bool before(const RecordKey& key, const Bound& bound) { return !bound || key < *bound; }

void elements(const HistoryIndex& history, const KeySpan& span, std::size_t max,
              std::vector<Element>& out) {
  std::vector<RecordKey> keys;
  history.keys(span.lower, span.upper, max, keys);
  for (const RecordKey& key : keys) out.push_back(element_of(key));
}

bool has_element(const HistoryIndex& history, const Element& element) {
  std::vector<RecordKey> found;
  history.keys(bound_key(element.bytes()), std::nullopt, 1, found);
  return !found.empty() && element_of(found[0]) == element;
}

namespace {
// A cut before the n-th record, unless it is the first of the span or cannot be told apart.
void cut_at(const HistoryIndex& history, std::uint64_t first, std::uint64_t n,
            std::vector<RecordKey>& cuts) {
  if (n <= first) return;
  const auto cut = cut_between(history.nth(n - 1), history.nth(n));
  if (cut && (cuts.empty() || cuts.back() < *cut)) cuts.push_back(*cut);
}
}  // namespace

std::vector<RecordKey> even_cuts(const HistoryIndex& history, const KeySpan& span,
                                 std::size_t parts) {
  const std::uint64_t first = history.rank(span.lower);
  const std::uint64_t count = history.rank(span.upper) - first;
  std::vector<RecordKey> cuts;
  for (std::size_t i = 1; i < parts; ++i) cut_at(history, first, first + count * i / parts, cuts);
  return cuts;
}

std::vector<RecordKey> geometric_cuts(const HistoryIndex& history, const KeySpan& span) {
  const std::uint64_t first = history.rank(span.lower);
  std::uint64_t left = history.rank(span.upper) - first;
  std::vector<std::uint64_t> at;
  for (std::uint64_t size = kGeometricFirst; size < left; size *= kGeometricFactor) {
    left -= size;
    at.push_back(first + left);
  }
  std::vector<RecordKey> cuts;
  for (std::size_t i = at.size(); i-- > 0;) cut_at(history, first, at[i], cuts);
  return cuts;
}

void RangeWriter::clear(PageBudget budget) {
  budget_ = budget;
  made_.clear();
  elements_.clear();
  view_.clear();
}

bool RangeWriter::add(const Bound& upper, Made made, std::size_t bytes, std::size_t nodes) {
  if (upper) {
    made.upper = octets_of(*upper);
    made.upper_size = made.upper.size();
    while (made.upper_size > 1 && made.upper[made.upper_size - 1] == 0) --made.upper_size;
  }
  if (!budget_.take(kRangeBytes + made.upper_size + bytes, kRangeNodes + nodes)) return false;
  made.first = elements_.size();
  made_.push_back(made);
  return true;
}

bool RangeWriter::skip(const Bound& upper) {
  if (!made_.empty() && made_.back().mode == Range::Mode::skip) {
    // One skip instead of two; the longer bound was not paid for, so pay for a whole one.
    if (!budget_.take(made_.back().upper.size(), 0)) return false;
    made_.pop_back();
  }
  return add(upper, {}, 1, 0);
}

bool RangeWriter::fingerprint(const Bound& upper, const Fingerprint& set) {
  Made made;
  made.mode = Range::Mode::fingerprint;
  made.fp = set.fp();
  made.count = set.count();
  return add(upper, made, kFingerprintBytes, 2);
}

bool RangeWriter::list(const Bound& upper, std::span<const Element> elements) {
  Made made;
  made.mode = Range::Mode::list;
  made.count = elements.size();
  if (!add(upper, made, kListBytes + kElementBytes * elements.size(), elements.size()))
    return false;
  elements_.insert(elements_.end(), elements.begin(), elements.end());
  return true;
}

Ranges RangeWriter::view() {
  view_.clear();
  for (const Made& made : made_) {
    Range r;
    if (made.upper_size > 0) r.upper = Bytes(made.upper.data(), made.upper_size);
    r.mode = made.mode;
    if (made.mode == Range::Mode::fingerprint) {
      r.fp = made.fp;
      r.count = made.count;
    } else if (made.mode == Range::Mode::list) {
      r.list = std::span(elements_).subspan(made.first, static_cast<std::size_t>(made.count));
    }
    view_.push_back(r);
  }
  return view_;
}

}  // namespace moot
