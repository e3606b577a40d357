#include "channel/merged_for_test.h"
#include "fuzz/input.h"

// Pages of CH_MERGE with records that were changed in any way, among some that were not: what the
// server keeps is what was relayed, the invariants of the channel hold, and a page in which a
// record does not stand is refused.
namespace moot::fuzz {
namespace {

using test::Given;
using test::MergedWorld;

Given any_record(Input& in, const MergedWorld& w) {
  const auto pick = [&]() -> const Given& {
    return w.genuine()[in.byte() % MergedWorld::kRecords];
  };
  Given g = pick();
  for (unsigned changes = in.byte() % 4; changes > 0; --changes) {
    const std::uint8_t kind = in.byte();
    const std::uint64_t a = in.number(2);
    if (kind == 255) {  // of one's own making altogether
      const Bytes stamp = in.take(in.byte() % 64u);
      g.stamp.assign(stamp.begin(), stamp.end());
      const Bytes msg = in.take(in.byte());
      g.msg.assign(msg.begin(), msg.end());
    } else {
      g = test::changed(g, kind, a, in.byte(), pick());
    }
  }
  return g;
}

void run(Input in) {
  const Keeper keeper = in.byte() % 2 == 0 ? Keeper::server : Keeper::members;
  MergedWorld w(keeper);
  for (unsigned pages = 0; pages < 8 && !in.done(); ++pages) {
    std::vector<Given> page;
    bool wrong = false;
    for (unsigned n = 1 + in.byte() % 8u; n > 0; --n) {
      page.push_back(any_record(in, w));
      wrong = wrong || !w.is_genuine(page.back());
    }
    const bool refused = !w.merge(page).empty();
    MOOT_CHECK(refused || !wrong);
    for (const Given& kept : w.kept()) MOOT_CHECK(w.is_genuine(kept));
  }
}

}  // namespace
}  // namespace moot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  moot::fuzz::run(moot::fuzz::Input(data, size));
  return 0;
}
