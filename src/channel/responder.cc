#include "channel/responder.h"

#include <algorithm>

#include "channel/mutants.h"

namespace moot {

c::ChAppend PullResponder::answer(const HistoryIndex& history, const s::ChPull& pull,
                                  PageBudget budget) {
  c::ChAppend answer;
  answer.id = pull.id;
  answer.req = pull.req;
  answer.sid = pull.sid;
  records_.clear();
  const RecordKey lower = pull.since && *pull.since ? *from_id(**pull.since) : RecordKey{};
  if (pull.want) {
    wanted(history, lower, *pull.want, budget);
  } else if (pull.ranges) {
    begin_ranges(lower, budget);
    compare(history, lower, *pull.ranges);
    answer.ranges = ranges_.view();
  } else {
    const Bound prefix_end = pull.anchor ? after_id(*pull.anchor) : Bound(lower);
    bool equal = true;
    if (pull.fp && !mutant(Mutant::m06_anchor_trusted)) {
      const Fingerprint own = history.between(lower, prefix_end);
      equal = own.fp() == *pull.fp && (!pull.count || *pull.count == own.count());
    }
    if (equal) {
      page_after(history, lower, pull, budget, answer);
    } else {
      begin_ranges(lower, budget);
      const KeySpan all{lower, std::nullopt};
      pieces(history, all, geometric_cuts(history, all));
      answer.ranges = ranges_.view();
    }
  }
  show(answer);
  return answer;
}

// The server may have moved `since` on: what is older is not compared, so nothing follows from it.
void PullResponder::begin_ranges(const RecordKey& lower, PageBudget budget) {
  ranges_.clear(budget);
  if (RecordKey{} < lower) ranges_.skip(lower);
}

// Everything behind the anchor, as far as a page goes. The range it speaks for is explicit: from
// behind `anchor` up to `upto`.
void PullResponder::page_after(const HistoryIndex& history, const RecordKey& lower,
                               const s::ChPull& pull, PageBudget budget, c::ChAppend& answer) {
  answer.anchor = pull.anchor;
  if (pull.anchor) {
    // An unknown anchor still has a position; starting before it, the anchor itself is in the
    // range and gets merged (replication.md, hole 16).
    std::vector<RecordKey> known;
    history.keys(*from_id(*pull.anchor), after_id(*pull.anchor), 1, known);
    if (known.empty()) {
      const auto own = history.predecessor(from_id(*pull.anchor));
      answer.anchor = own && !(*own < lower) ? OrNil<MsgId>(own->id) : OrNil<MsgId>();
    }
  }
  const Bound start = answer.anchor ? after_id(*answer.anchor) : Bound(lower);
  if (!start) return;
  std::vector<RecordKey> keys;
  history.keys(std::max(*start, lower), std::nullopt, limits::kRecordsPerPage + 1, keys);
  std::size_t taken = 0;
  while (taken < keys.size() && taken < limits::kRecordsPerPage) {
    if (!take(history, keys[taken], budget) && !records_.empty()) break;
    ++taken;
  }
  if (taken == keys.size()) return;
  // Records of one id travel together, so that `upto` can name where the page ends.
  std::size_t whole = taken;
  while (whole > 0 && keys[whole - 1].id == keys[taken].id) --whole;
  if (whole > 0) records_.resize(std::min(whole, records_.size()));
  answer.upto = records_.empty() ? keys[taken - 1].id : records_.back().id;
  answer.more = true;
}

void PullResponder::wanted(const HistoryIndex& history, const RecordKey& lower, Elements want,
                           PageBudget budget) {
  std::vector<RecordKey> found;
  for (const Element& element : want) {
    found.clear();
    history.keys(std::max(bound_key(element.bytes()), lower), std::nullopt, 4, found);
    for (const RecordKey& key : found) {
      if (element_of(key) != element) break;
      if (records_.size() == limits::kRecordsPerPage) return;
      if (!take(history, key, budget) && !records_.empty()) return;
    }
  }
}

bool PullResponder::take(const HistoryIndex& history, const RecordKey& key, PageBudget& budget) {
  auto record = history.record(key);
  if (!record) return true;  // the disk lost it: nothing to send
  const PageCost cost = page_cost(*record);
  const bool fits = budget.take(cost.bytes, cost.nodes);
  // The first record goes even when it alone is more than a page.
  if (fits || records_.empty()) records_.push_back(std::move(*record));
  return fits;
}

// One range after the other until there is no room: what is behind the last one is asked again.
void PullResponder::compare(const HistoryIndex& history, const RecordKey& lower, Ranges theirs) {
  RecordKey at = lower;
  for (const Range& range : theirs) {
    const Bound upper = bound_of(range.upper);
    if (upper && !(at < *upper)) {
      if (at == lower) continue;  // below what the puller may see
      return;
    }
    const bool room = range.mode == Range::Mode::skip ? ranges_.skip(upper)
                                                      : differing(history, {at, upper}, range);
    if (!room || !upper) return;
    at = *upper;
  }
}

bool PullResponder::differing(const HistoryIndex& history, const KeySpan& span,
                              const Range& theirs) {
  const Fingerprint own = history.between(span.lower, span.upper);
  if (theirs.mode == Range::Mode::fingerprint) {
    if (own.count() == theirs.count && own.fp() == theirs.fp) return ranges_.skip(span.upper);
    if (own.count() < kRangeListBelow) return pieces(history, span, {});
    return pieces(history, span, even_cuts(history, span, kRangeSplit));
  }
  if (own.count() > kListAnswerMax) {
    return pieces(history, span, even_cuts(history, span, kRangeSplit));
  }
  std::vector<Element> listed;
  elements(history, span, kListAnswerMax, listed);
  if (std::equal(listed.begin(), listed.end(), theirs.list.begin(), theirs.list.end())) {
    return ranges_.skip(span.upper);
  }
  return ranges_.list(span.upper, listed);
}

// The span in the parts that the cuts make. One that cannot be parted is listed, so that an answer
// always says more than the question did.
bool PullResponder::pieces(const HistoryIndex& history, const KeySpan& span,
                           const std::vector<RecordKey>& cuts) {
  RecordKey at = span.lower;
  std::vector<Element> listed;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const Bound upper = i < cuts.size() ? Bound(cuts[i]) : span.upper;
    const Fingerprint own = history.between(at, upper);
    const bool whole = cuts.empty() && own.count() <= kListAnswerMax;
    if (whole || own.count() <= kPartListMax) {
      listed.clear();
      elements(history, {at, upper}, static_cast<std::size_t>(own.count()), listed);
      if (!ranges_.list(upper, listed)) return false;
    } else if (!ranges_.fingerprint(upper, own)) {
      return false;
    }
    if (upper) at = *upper;
  }
  return true;
}

void PullResponder::show(c::ChAppend& answer) {
  views_.clear();
  for (const StoredRecord& record : records_) views_.push_back(AppendRecord{record_view(record)});
  answer.messages = views_;
}

}  // namespace moot
