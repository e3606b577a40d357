#pragma once

#include <vector>

#include "channel/history.h"
#include "channel/ranges.h"
#include "model/commands.h"

namespace moot {

// The answering side of a sync (replication.md 3.2): a leader, or the server as keeper. Every
// answer follows from the history and the question alone; nothing is remembered between two.
class PullResponder {
 public:
  // What the answer shows lives until the next call. `sid` and `req` are those of the question.
  c::ChAppend answer(const HistoryIndex& history, const s::ChPull& pull, PageBudget budget);

 private:
  void page_after(const HistoryIndex& history, const RecordKey& lower, const s::ChPull& pull,
                  PageBudget budget, c::ChAppend& answer);
  void wanted(const HistoryIndex& history, const RecordKey& lower, Elements want,
              PageBudget budget);
  void begin_ranges(const RecordKey& lower, PageBudget budget);
  void compare(const HistoryIndex& history, const RecordKey& lower, Ranges theirs);
  bool pieces(const HistoryIndex& history, const KeySpan& span, const std::vector<RecordKey>& cuts);
  bool differing(const HistoryIndex& history, const KeySpan& span, const Range& theirs);
  bool take(const HistoryIndex& history, const RecordKey& key, PageBudget& budget);
  void show(c::ChAppend& answer);

  std::vector<StoredRecord> records_;
  std::vector<AppendRecord> views_;
  RangeWriter ranges_;
};

}  // namespace moot
