#include "channel/sync.h"

#include <algorithm>

#include "base/check.h"
#include "channel/mutants.h"

namespace moot {
namespace {
constexpr unsigned kComparisonsAtOnce = 3;  // then with a pause that doubles
constexpr Millis kPauseFirst{1'000};
constexpr unsigned kPauseDoublingsMax = 6;
constexpr std::size_t kLiveMax = 16'384;
constexpr std::size_t kExtrasMax = 1'024;  // pages that lack something, before their turn comes
constexpr std::uint64_t kQuestionsMax = 1'000'000;  // of one sync: a liar's cannot go on for ever
}  // namespace

void Sync::start(Desk& desk) {
  if (running()) {
    again_ = true;
  } else {
    restart(desk);
  }
}

void Sync::restart(Desk& desk) {
  stop();
  if (desk.leader != Desk::Leader::elsewhere) return;
  costs_ = {};
  ask_prefix(desk);
}

void Sync::stop() {
  forget();
  phase_ = Phase::idle;
  synced_ = false;
  again_ = false;
  comparisons_ = 0;
  timeouts_ = 0;
  live_.clear();
  deadline_.reset();
}

// What was found out about differences; not what was pulled.
void Sync::forget() {
  compare_again_ = false;
  todo_.clear();
  asked_.clear();
  wanted_.clear();
  asked_for_.clear();
  extras_.clear();
  extras_listed_ = 0;
  merging_.clear();
}

Millis Sync::patience() const {
  return std::min<Millis>(limits::kPullTimeout * (1 << std::min(timeouts_, 4u)),
                          limits::kPullTimeoutMax);
}

bool Sync::asking() const {
  return phase_ == Phase::prefix || phase_ == Phase::page || phase_ == Phase::ranges ||
         phase_ == Phase::want;
}

void Sync::left(Tick now) {
  if (asking()) deadline_ = now + patience();
}

std::uint64_t Sync::ask(Desk& desk, Phase phase) {
  phase_ = phase;
  deadline_ = desk.now.tick + patience();
  ++costs_.questions;
  return ++req_;
}

void Sync::ask_prefix(Desk& desk) {
  forget();
  // The question reaches the leader behind every broadcast that came here before it.
  live_.clear();
  c::ChPull pull;
  pull.id = desk.config.channel;
  if (const auto newest = desk.history.newest_id()) pull.anchor = *newest;
  const Bound end = pull.anchor ? after_id(*pull.anchor) : Bound(desk.lower());
  const Fingerprint own = desk.history.between(desk.lower(), end);
  pull.count = own.count();
  pull.fp = own.fp();
  if (desk.config.since) pull.since = desk.config.since;
  anchor_ = pull.anchor;
  pull.req = ask(desk, Phase::prefix);
  desk.send(pull);
}

void Sync::ask_page(Desk& desk) {
  c::ChPull pull;
  pull.id = desk.config.channel;
  pull.anchor = anchor_;
  if (desk.config.since) pull.since = desk.config.since;
  pull.req = ask(desk, Phase::page);
  desk.send(pull);
}

// As many of the open ranges as one frame holds, from the first one on.
void Sync::ask_ranges(Desk& desk) {
  ranges_.clear(desk.budget);
  asked_.clear();
  Bound at = desk.lower();
  std::vector<Element> listed;
  while (!todo_.empty()) {
    const Todo& todo = todo_.front();
    if (*at < todo.span.lower && !ranges_.skip(todo.span.lower)) break;
    const Fingerprint own = desk.history.between(todo.span.lower, todo.span.upper);
    listed.clear();
    if (own.count() <= (todo.list ? kListAnswerMax : kPartListMax)) {
      elements(desk.history, todo.span, static_cast<std::size_t>(own.count()), listed);
      if (!ranges_.list(todo.span.upper, listed)) break;
    } else if (!ranges_.fingerprint(todo.span.upper, own)) {
      break;
    }
    at = todo.span.upper;
    asked_.push_back(todo);
    todo_.pop_front();
    if (!at) break;
  }
  c::ChPull pull;
  pull.id = desk.config.channel;
  pull.ranges = ranges_.view();
  if (desk.config.since) pull.since = desk.config.since;
  pull.req = ask(desk, Phase::ranges);
  desk.send(pull);
}

void Sync::ask_wanted(Desk& desk) {
  const auto n = static_cast<std::ptrdiff_t>(std::min(wanted_.size(), limits::kWantMax));
  asked_for_.assign(wanted_.begin(), wanted_.begin() + n);
  wanted_.erase(wanted_.begin(), wanted_.begin() + n);
  c::ChPull pull;
  pull.id = desk.config.channel;
  pull.want = asked_for_;
  if (desk.config.since) pull.since = desk.config.since;
  pull.req = ask(desk, Phase::want);
  desk.send(pull);
}

void Sync::on_append(Desk& desk, const s::ChAppend& answer) {
  if (answer.req != req_) return;
  const Phase asked = phase_;
  if (!asking()) return;
  deadline_.reset();
  if (answer.ranges) {
    // Only a comparison is answered with ranges; the first one clears what an earlier left.
    if (asked == Phase::prefix) ++comparisons_;
    if (asked == Phase::page || asked == Phase::want || !on_ranges(desk, *answer.ranges)) {
      return pause(desk, kPauseFirst);
    }
    return next(desk);
  }
  if (asked == Phase::ranges) return pause(desk, kPauseFirst);
  asked == Phase::want ? on_wanted(desk, answer) : on_page(desk, answer);
}

void Sync::learn(Desk& desk, const s::ChAppend& answer, std::vector<Element>& listed) {
  for (const AppendRecord& shown : answer.messages) {
    if (!plausible(shown)) continue;
    StoredRecord record = stored_record(desk.config.channel, shown);
    listed.push_back(element_of(record.key()));
    ++costs_.records;
    desk.commit(std::move(record), note::Way::pulled);
  }
  stored_ = desk.ticket_so_far();
  phase_ = Phase::storing;
}

void Sync::on_page(Desk& desk, const s::ChAppend& answer) {
  const bool forward = !answer.more || (answer.upto && (!anchor_ || *anchor_ < *answer.upto));
  std::vector<Element> listed;
  learn(desk, answer, listed);
  std::sort(listed.begin(), listed.end());
  // What is here within the range that the answer speaks for, and is not in it (hole 17).
  Bound upper = answer.upto ? after_id(*answer.upto) : std::nullopt;
  if (mutant(Mutant::m07_range_of_the_list)) {
    upper = answer.messages.empty() ? Bound(desk.lower()) : after_id(answer.messages.back().id);
  }
  const Bound start = answer.anchor ? after_id(*answer.anchor) : Bound(desk.lower());
  if (start) {
    const RecordKey lower = std::max(*start, desk.lower());
    const std::uint64_t own = desk.history.between(lower, upper).count();
    std::uint64_t expected = listed.size();
    for (auto it = live_.lower_bound(lower); it != live_.end() && before(*it, upper); ++it) {
      if (!std::binary_search(listed.begin(), listed.end(), element_of(*it))) ++expected;
    }
    // More than a backlog is left to the next comparison.
    if (own > expected && extras_listed_ < limits::kSyncBacklog && extras_.size() < kExtrasMax) {
      extras_listed_ += listed.size();
      extras_.push_back({{lower, upper}, std::move(listed)});
    }
    compare_again_ = compare_again_ || own > expected;
  }
  page_follows_ = answer.more && forward;
  if (page_follows_) anchor_ = answer.upto;
  if (answer.more && !forward) compare_again_ = true;
  desk.tell(note::SyncProgress{costs_.records, answer.upto, wanted_.size()});
  if (desk.durable() >= stored_) after_storing(desk);
}

void Sync::on_wanted(Desk& desk, const s::ChAppend& answer) {
  std::vector<Element> got;
  learn(desk, answer, got);
  std::sort(got.begin(), got.end());
  // What did not fit is asked again; when nothing came the leader does not have it.
  if (!got.empty()) {
    for (const Element& element : asked_for_) {
      if (!std::binary_search(got.begin(), got.end(), element)) wanted_.push_front(element);
    }
  }
  asked_for_.clear();
  desk.tell(note::SyncProgress{costs_.records, {}, wanted_.size()});
  if (desk.durable() >= stored_) after_storing(desk);
}

// False when they break the rules: bounds that do not ascend, or no progress at all.
bool Sync::on_ranges(Desk& desk, Ranges theirs) {
  std::deque<Todo> found;
  found.swap(todo_);  // what was not asked yet comes after what is found now
  RecordKey at = desk.lower();
  bool to_end = false;
  std::size_t j = 0;
  for (const Range& range : theirs) {
    const Bound upper = bound_of(range.upper);
    // Below what this member asks for.
    if (range.mode == Range::Mode::skip && upper && *upper <= desk.lower()) continue;
    if (to_end || (upper && !(at < *upper))) return false;
    while (j < asked_.size() && asked_[j].span.upper && !(at < *asked_[j].span.upper)) ++j;
    const unsigned depth = j < asked_.size() ? asked_[j].depth + 1 : 1;
    on_range(desk, {at, upper}, range, depth);
    if (upper) at = *upper;
    to_end = !upper;
  }
  // A prefix asks about everything; an answer that stops short is compared again at the end.
  if (!to_end && asked_.empty()) compare_again_ = true;
  if (!to_end && !asked_.empty()) {
    if (!(asked_.front().span.lower < at)) return false;
    for (Todo& open : asked_) {
      if (open.span.upper && !(at < *open.span.upper)) continue;
      open.span.lower = std::max(open.span.lower, at);
      todo_.push_back(open);
    }
  }
  asked_.clear();
  todo_.insert(todo_.end(), found.begin(), found.end());
  return true;
}

void Sync::on_range(Desk& desk, const KeySpan& span, const Range& theirs, unsigned depth) {
  if (theirs.mode == Range::Mode::skip) return;
  const Fingerprint own = desk.history.between(span.lower, span.upper);
  if (theirs.mode == Range::Mode::fingerprint) {
    if (own.count() == theirs.count && own.fp() == theirs.fp) return;
    if (depth > limits::kSyncDepthMax) {
      compare_again_ = true;
      return;
    }
    if (own.count() < kRangeListBelow) {
      todo_.push_back({span, depth, true});
      return;
    }
    RecordKey at = span.lower;
    for (const RecordKey& cut : even_cuts(desk.history, span, kRangeSplit)) {
      todo_.push_back({{at, cut}, depth});
      at = cut;
    }
    todo_.push_back({{at, span.upper}, depth});
    return;
  }
  std::vector<Element> listed(theirs.list.begin(), theirs.list.end());
  std::sort(listed.begin(), listed.end());
  std::size_t missing = 0;
  for (const Element& element : listed) {
    if (has_element(desk.history, element)) continue;
    wanted_.push_back(element);
    ++missing;
  }
  if (missing > 0) compare_again_ = true;
  KeySpan spoken_for = span;
  if (mutant(Mutant::m07_range_of_the_list)) {
    spoken_for.upper = listed.empty() ? Bound(span.lower) : bound_key(listed.back().bytes());
  }
  if (own.count() > listed.size() - missing) {
    extras_listed_ += listed.size();
    extras_.push_back({spoken_for, std::move(listed)});
    compare_again_ = true;
  }
}

// What to do once the page in hand is on disk.
void Sync::after_storing(Desk& desk) {
  if (page_follows_) {
    page_follows_ = false;
    if (costs_.questions > kQuestionsMax) return pause(desk, limits::kPullTimeoutMax);
    return ask_page(desk);
  }
  next(desk);
}

void Sync::next(Desk& desk) {
  if (costs_.questions > kQuestionsMax) return pause(desk, limits::kPullTimeoutMax);
  if (!wanted_.empty() && (todo_.empty() || wanted_.size() >= limits::kSyncBacklog)) {
    return ask_wanted(desk);
  }
  if (!todo_.empty() && extras_listed_ < limits::kSyncBacklog) return ask_ranges(desk);
  if (todo_.empty()) synced_ = true;
  if (mutant(Mutant::m08_no_merge)) {
    extras_.clear();
    extras_listed_ = 0;
  }
  if (!extras_.empty()) return send_merge(desk);
  if (!todo_.empty()) return ask_ranges(desk);
  finish(desk);
}

void Sync::finish(Desk& desk) {
  if (compare_again_ && !mutant(Mutant::m08_no_merge)) {
    // More than differences found just now: others write while we read. Let them.
    if (comparisons_ < kComparisonsAtOnce) return ask_prefix(desk);
    const unsigned doublings = std::min(comparisons_ - kComparisonsAtOnce, kPauseDoublingsMax);
    return pause(desk, desk.rng.around(kPauseFirst * (1 << doublings)));
  }
  phase_ = Phase::idle;
  comparisons_ = 0;
  timeouts_ = 0;
  live_.clear();
  deadline_ = desk.now.tick + desk.rng.around(limits::kAntiEntropy);
  desk.tell(note::Synced{});
  if (again_) {
    again_ = false;
    const bool synced = synced_;
    restart(desk);
    synced_ = synced;
  }
}

void Sync::pause(Desk& desk, Millis wait) {
  forget();
  phase_ = Phase::paused;
  deadline_ = desk.now.tick + wait;
}

bool Sync::take_extra(Desk& desk, const RecordKey& key, PageBudget& budget) {
  if (page_.size() == limits::kRecordsPerPage) return false;
  auto record = desk.history.record(key);
  if (!record) return true;
  const PageCost cost = page_cost(*record);
  if (!budget.take(cost.bytes, cost.nodes) && !page_.empty()) return false;
  page_.push_back(std::move(*record));
  return true;
}

// A page of what the leader lacks. The next one follows when this one is committed.
void Sync::send_merge(Desk& desk) {
  page_.clear();
  merging_.clear();
  PageBudget budget = desk.budget;
  std::vector<RecordKey> keys;
  bool room = true;
  while (room && !extras_.empty()) {
    Extras& extra = extras_.front();
    keys.clear();
    desk.history.keys(extra.span.lower, extra.span.upper, limits::kRecordsPerPage, keys);
    for (const RecordKey& key : keys) {
      const bool theirs =
          std::binary_search(extra.theirs.begin(), extra.theirs.end(), element_of(key));
      if (!theirs && !live_.contains(key) && !take_extra(desk, key, budget)) {
        // Records of one id travel together, unless they alone are more than a page.
        extra.span.lower = key;
        while (page_.size() > 1 && page_.front().id != key.id && page_.back().id == key.id) {
          extra.span.lower = page_.back().key();
          page_.pop_back();
        }
        room = false;
        break;
      }
    }
    if (!room) break;
    if (keys.size() < limits::kRecordsPerPage) {
      extras_listed_ -= extra.theirs.size();
      extras_.pop_front();
    } else {
      // The smallest key behind the last one.
      RecordKey after = keys.back();
      for (std::size_t i = 32; i-- > 0 && ++after.digest.octets[i] == 0;) {
      }
      extra.span.lower = after;
    }
  }
  if (page_.empty()) return next(desk);
  views_.clear();
  for (const StoredRecord& record : page_) {
    views_.push_back(MergeRecord{record_view(record)});
    merging_.insert(record.key());
  }
  costs_.merged += page_.size();
  c::ChMerge merge;
  merge.id = desk.config.channel;
  merge.msg = views_;
  merge.req = ask(desk, Phase::merge);
  desk.send(merge);
}

void Sync::on_committed(Desk& desk, const RecordKey& key) {
  if (!running()) return;
  if (live_.size() < kLiveMax) live_.insert(key);
  if (phase_ != Phase::merge || merging_.erase(key) == 0 || !merging_.empty()) return;
  next(desk);
}

void Sync::on_refused(Desk& desk, const s::Err& err) {
  if (!running() || phase_ == Phase::storing || phase_ == Phase::paused) return;
  const auto wait = std::clamp<Millis>(Millis(static_cast<std::int64_t>(std::min<std::uint64_t>(
                                           err.retry_ms.value_or(1'000), 60'000))),
                                       Millis{500}, limits::kPullTimeoutMax);
  if (err.ref_cmd == "CH_MERGE") {
    // What the server dropped stays dropped; the others of the page were routed.
    if (phase_ != Phase::merge) return;
    if (err.code == text(Errc::busy)) return pause(desk, wait);
    return next(desk);
  }
  if (phase_ == Phase::merge) return;
  pause(desk, wait);
}

void Sync::on_durable(Desk& desk) {
  if (phase_ == Phase::storing && desk.durable() >= stored_) after_storing(desk);
}

void Sync::resend(Desk& desk) {
  switch (phase_) {
    case Phase::page:
      return ask_page(desk);
    case Phase::ranges:
      todo_.insert(todo_.begin(), asked_.begin(), asked_.end());
      return ask_ranges(desk);
    case Phase::want:
      wanted_.insert(wanted_.begin(), asked_for_.begin(), asked_for_.end());
      return ask_wanted(desk);
    case Phase::merge:
      return next(desk);  // some are known there already and are not committed again
    default:
      return ask_prefix(desk);
  }
}

void Sync::tick(Desk& desk) {
  if (!deadline_ || desk.now.tick < *deadline_) return;
  deadline_.reset();
  if (desk.leader != Desk::Leader::elsewhere) return;
  if (phase_ == Phase::idle || phase_ == Phase::paused) {
    const bool synced = synced_;
    const unsigned comparisons = comparisons_;
    const bool again = again_;
    if (phase_ == Phase::idle) {
      restart(desk);
    } else {
      ask_prefix(desk);
    }
    synced_ = synced;
    comparisons_ = comparisons;
    again_ = again;
    return;
  }
  if (phase_ != Phase::merge) ++timeouts_;
  resend(desk);
}

void Sync::check_invariants(const Desk& desk) const {
  MOOT_CHECK(!running() || desk.leader == Desk::Leader::elsewhere);
  MOOT_CHECK(phase_ == Phase::ranges || asked_.empty());
  MOOT_CHECK(phase_ == Phase::want || asked_for_.empty());
  MOOT_CHECK(phase_ == Phase::idle || phase_ == Phase::storing || deadline_.has_value());
  for (std::size_t i = 1; i < todo_.size(); ++i) {
    MOOT_CHECK(todo_[i - 1].span.upper && !(todo_[i].span.lower < *todo_[i - 1].span.upper));
  }
  std::size_t listed = 0;
  for (const Extras& extra : extras_) listed += extra.theirs.size();
  MOOT_CHECK(listed == extras_listed_);
  MOOT_CHECK(live_.size() <= kLiveMax);
}

}  // namespace moot
