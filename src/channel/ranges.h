#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "channel/history.h"
#include "model/commands.h"

// The pieces of range-based set reconciliation that both sides use (replication.md 3.2).
namespace moot {

inline constexpr std::size_t kRangeSplit = 16;       // parts of a range that differs
inline constexpr std::size_t kRangeListBelow = 32;   // smaller own ranges are listed
inline constexpr std::size_t kPartListMax = 1;       // a part this small costs less as a list
inline constexpr std::size_t kListAnswerMax = 1024;  // a list is answered with a list up to here
inline constexpr std::uint64_t kGeometricFirst = 64;
inline constexpr std::uint64_t kGeometricFactor = 8;

// What one frame of ranges or records may hold, its envelope and other fields left out.
struct PageBudget {
  std::size_t bytes = 0;
  std::size_t nodes = 0;
  bool take(std::size_t more_bytes, std::size_t more_nodes) {
    if (more_bytes > bytes || more_nodes > nodes) return false;
    bytes -= more_bytes;
    nodes -= more_nodes;
    return true;
  }
};
PageBudget page_budget(std::size_t frame_bytes_max);

// The key before which a bound of the wire stands: its octets, padded with zeros.
RecordKey bound_key(Bytes octets);
Bound bound_of(const OrNil<Bytes>& upper);
// A bound that separates the two with the fewest octets; nullopt when their elements are equal.
std::optional<RecordKey> cut_between(const RecordKey& below, const RecordKey& above);

// Keys from `lower` on and below `upper`.
struct KeySpan {
  RecordKey lower;
  Bound upper;
};
bool before(const RecordKey& key, const Bound& bound);
void elements(const HistoryIndex& history, const KeySpan& span, std::size_t max,
              std::vector<Element>& out);
bool has_element(const HistoryIndex& history, const Element& element);
// Where the span parts into `parts` of about equal size: the lower bounds of all but the first.
std::vector<RecordKey> even_cuts(const HistoryIndex& history, const KeySpan& span,
                                 std::size_t parts);
// The newest 64, the 512 before them, 4096 before those ... (oldest cut first).
std::vector<RecordKey> geometric_cuts(const HistoryIndex& history, const KeySpan& span);

// Ranges for one frame, in order; what it shows lives until `clear`.
class RangeWriter {
 public:
  // Nothing is covered yet up to `from`.
  void clear(PageBudget budget);
  // Each says false, and adds nothing, when there is no room.
  bool skip(const Bound& upper);
  bool fingerprint(const Bound& upper, const Fingerprint& set);
  bool list(const Bound& upper, std::span<const Element> elements);

  bool empty() const { return made_.empty(); }
  Ranges view();

 private:
  struct Made {
    std::array<std::uint8_t, 24> upper{};
    std::size_t upper_size = 0;  // 0: to the end
    Range::Mode mode = Range::Mode::skip;
    Fp fp;
    std::uint64_t count = 0;
    std::size_t first = 0;  // of elements_
  };
  bool add(const Bound& upper, Made made, std::size_t bytes, std::size_t nodes);

  PageBudget budget_;
  std::vector<Made> made_;
  std::vector<Element> elements_;
  std::vector<Range> view_;
};

}  // namespace moot
