#include "channel/ranges.h"

#include <gtest/gtest.h>

#include "channel/test_records.h"

namespace moot {
namespace {
using test::record;
using test::Shelf;

TEST(Ranges, ABoundIsPaddedWithZeros) {
  const ByteBuf one{0x12};
  RecordKey key;
  key.id.octets[0] = 0x12;
  EXPECT_EQ(bound_key(one), key);
  const RecordKey whole = record(7).key();
  const RecordKey cut = bound_key(element_of(whole).bytes());
  EXPECT_EQ(cut.id, whole.id);
  EXPECT_LT(cut, whole);
}

TEST(Ranges, ACutHasTheFewestOctetsThatSeparate) {
  RecordKey a;
  RecordKey b;
  a.id.octets = {1, 2, 3, 4};
  b.id.octets = {1, 2, 4, 0};
  const auto cut = cut_between(a, b);
  ASSERT_TRUE(cut);
  EXPECT_LT(a, *cut);
  EXPECT_LE(*cut, b);
  EXPECT_EQ(cut->id.octets[2], 4);
  EXPECT_EQ(cut_between(a, a), std::nullopt);
}

TEST(Ranges, TheWriterShowsWhatWasWrittenAndSkipsAreOne) {
  RangeWriter w;
  w.clear({10'000, 1'000});
  EXPECT_TRUE(w.skip(from_id(test::msg_id(1))));
  EXPECT_TRUE(w.skip(from_id(test::msg_id(2))));
  const std::vector<Element> list{element_of(record(2).key())};
  EXPECT_TRUE(w.list(from_id(test::msg_id(3)), list));
  EXPECT_TRUE(w.fingerprint(std::nullopt, Fingerprint{}));
  const Ranges view = w.view();
  ASSERT_EQ(view.size(), 3u);
  EXPECT_EQ(bound_of(view[0].upper), from_id(test::msg_id(2)));
  EXPECT_EQ(view[0].mode, Range::Mode::skip);
  EXPECT_EQ(view[1].list.size(), 1u);
  EXPECT_EQ(view[2].fp, Fingerprint{}.fp());
  EXPECT_FALSE(view[2].upper);
}

TEST(Ranges, TheWriterRefusesWhatHasNoRoomAndAddsNothing) {
  RangeWriter w;
  w.clear({100, 100});
  const std::vector<Element> list(4);
  EXPECT_FALSE(w.list(std::nullopt, list));
  EXPECT_TRUE(w.empty());
  w.clear({10'000, 7});
  EXPECT_FALSE(w.list(std::nullopt, list));
  EXPECT_TRUE(w.skip(std::nullopt));
}

TEST(Ranges, EvenCutsPartASpanAndGeometricOnesFavourTheNewest) {
  Shelf shelf;
  for (std::uint64_t i = 0; i < 1'000; ++i) shelf.add(record(i));
  const KeySpan all{{}, std::nullopt};
  const auto even = even_cuts(shelf.history(), all, kRangeSplit);
  ASSERT_EQ(even.size(), 15u);
  EXPECT_EQ(shelf.history().rank(even[0]), 62u);
  EXPECT_EQ(shelf.history().rank(even[14]), 937u);
  const auto geometric = geometric_cuts(shelf.history(), all);
  ASSERT_EQ(geometric.size(), 2u);
  EXPECT_EQ(shelf.history().rank(geometric[0]), 1'000u - 64 - 512);
  EXPECT_EQ(shelf.history().rank(geometric[1]), 1'000u - 64);
}

TEST(Ranges, AnElementIsFoundWithoutItsWholeDigest) {
  Shelf shelf;
  shelf.add(record(5, "a"));
  EXPECT_TRUE(has_element(shelf.history(), element_of(record(5, "a").key())));
  EXPECT_FALSE(has_element(shelf.history(), element_of(record(5, "b").key())));
  EXPECT_FALSE(has_element(shelf.history(), element_of(record(6).key())));
}

}  // namespace
}  // namespace moot
