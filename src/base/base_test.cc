#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "base/blocks.h"
#include "base/bytes.h"
#include "base/counted.h"
#include "base/groups.h"
#include "base/hex.h"
#include "base/slot_table.h"
#include "base/utf8.h"

namespace moot {
namespace {

TEST(Hex, RoundTripsAndRefusesWhatIsNotLowerCase) {
  const ByteBuf b{0x00, 0x9f, 0xff};
  EXPECT_EQ(hex(b), "009fff");
  EXPECT_EQ(unhex("009fff"), b);
  EXPECT_EQ(unhex("009fFF"), std::nullopt);
  EXPECT_EQ(unhex("009ff"), std::nullopt);
  EXPECT_EQ(unhex("00 fff"), std::nullopt);
}

// The length of a signature, and one that ends inside a vector.
TEST(Hex, EveryOctetIsOneTextAndEveryOtherCharacterIsRefusedWhereverItStands) {
  ByteBuf all(256);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);
  const std::string digits = hex(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(std::stoul(digits.substr(2 * i, 2), nullptr, 16), i);
  }
  EXPECT_EQ(unhex(digits), all);
  for (const std::size_t octets : {std::size_t{64}, std::size_t{21}}) {
    const std::string good = digits.substr(0, 2 * octets);
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string text = good;
      for (int c = 0; c < 256; ++c) {
        text[at] = static_cast<char>(c);
        const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        ASSERT_EQ(unhex(text).has_value(), digit) << octets << " octets, " << c << " at " << at;
      }
    }
  }
}

TEST(Base64Url, RoundTripsEveryLengthAndHasOneTextPerValue) {
  ByteBuf b;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(unbase64url(base64url(b)), b) << i;
    b.push_back(static_cast<std::uint8_t>(i * 37 + 251));
  }
  EXPECT_EQ(base64url(ByteBuf{0xfb, 0xff}), "-_8");
  EXPECT_EQ(unbase64url("-_9"), std::nullopt) << "left-over bits set";
  EXPECT_EQ(unbase64url("a"), std::nullopt);
  EXPECT_EQ(unbase64url("ab+="), std::nullopt);
}

// Keys whose hashes meet: every chain of the index is long, and crosses its end.
struct FewHashes {
  std::uint64_t operator()(unsigned key) const { return key % 5 * 0x33333333; }
};
struct Recycled {
  unsigned value = 0;
  void recycle(bool) { value = 0; }
};

TEST(SlotTable, IsAMapUnderRandomOperations) {
  std::uint64_t random = 1;
  const auto below = [&random](std::uint64_t n) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return static_cast<unsigned>((random >> 33) % n);
  };
  using Table = SlotTable<unsigned, Recycled, FewHashes>;
  Table table;
  std::map<unsigned, std::pair<unsigned, Table::Handle>> naive;
  std::optional<Table::Handle> gone;
  for (unsigned step = 1; step <= 20'000; ++step) {
    const unsigned key = below(60);
    if (below(2) == 0) {
      Table::Entry& e = table.get(key);
      const auto [at, fresh] = naive.try_emplace(key, std::pair(step, e.handle()));
      if (fresh) {
        ASSERT_EQ(e.value.value, 0u) << "a slot was not recycled";
        e.value.value = step;
      }
    } else if (Table::Entry* e = table.find(key)) {
      gone = e->handle();
      table.erase(*e);
      naive.erase(key);
    }
    ASSERT_EQ(table.size(), naive.size());
    if (gone) {
      ASSERT_EQ(table.at(*gone), nullptr) << "a handle outlived its entry";
    }
    for (unsigned k = 0; k < 60; ++k) {
      const auto at = naive.find(k);
      Table::Entry* e = table.find(k);
      ASSERT_EQ(e != nullptr, at != naive.end()) << k << " at " << step;
      if (e == nullptr) continue;
      ASSERT_EQ(e->value.value, at->second.first);
      ASSERT_EQ(table.at(at->second.second), e) << "a handle finds what it named";
    }
  }
  std::size_t seen = 0;
  table.for_each([&](const Table::Entry& e) { seen += naive.contains(e.key) ? 1 : 0; });
  EXPECT_EQ(seen, naive.size());
}

TEST(SlotTable, AHandleOfNothingFindsNothing) {
  SlotTable<unsigned, Recycled, FewHashes> table;
  EXPECT_EQ(table.at({}), nullptr);
  table.erase(table.get(1));
  EXPECT_EQ(table.at({}), nullptr);
}

TEST(Utf8, EveryCodePointRoundTripsAtItsLength) {
  for (std::uint32_t c = 0; c <= 0x10ffff; ++c) {
    if (c == 0xd800) c = 0xe000;
    std::string text;
    append_utf8(text, c);
    const CodePoint got = next_code_point(text);
    ASSERT_TRUE(got.valid && got.code == c && got.octets == text.size()) << c;
    if (c < 0x80) continue;
    text.back() = 'A';
    ASSERT_FALSE(next_code_point(text).valid) << c;
  }
}

TEST(Utf8, WhatIsNoUtf8IsOneOctet) {
  for (const std::string_view bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff"}) {
    const CodePoint got = next_code_point(bad);
    EXPECT_FALSE(got.valid);
    EXPECT_EQ(got.octets, 1u);
  }
}

TEST(Utf8, ControlsAreC0DelAndC1) {
  for (const std::string_view text : {"a\n", "\x1b[2J", "\x7f", "\xc2\x80", "gr\xc3\xbc\xc2\x9f"})
    EXPECT_TRUE(has_controls(text)) << text;
  for (const std::string_view text :
       {"", " ~", "\xc2\xa0", "\xe2\x82\x80", "\xc3\x9b", "\x9b", "a\xc2"})
    EXPECT_FALSE(has_controls(text)) << text;
}

TEST(Counted, OneIsNoPlural) {
  EXPECT_EQ(counted(0, "record"), "0 records");
  EXPECT_EQ(counted(1, "record"), "1 record");
  EXPECT_EQ(counted(2, "record"), "2 records");
  EXPECT_EQ(counted(1, "copy", "copies"), "1 copy");
  EXPECT_EQ(counted(18'446'744'073'709'551'615u, "copy", "copies"), "18446744073709551615 copies");
}

// A client's ids of one millisecond differ by one, in their last octets.
TEST(HashIndex, IdsThatCountUpBeginAtManyCells) {
  std::set<std::uint32_t> homes;
  ByteBuf id{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0};
  for (unsigned last = 0; last < 256; ++last) {
    id[15] = static_cast<std::uint8_t>(last);
    homes.insert(HashIndex::fold(hash_octets(id)) & 255u);
  }
  EXPECT_GT(homes.size(), 128u);  // by chance 162
}

struct Guest {
  int family = 0;
  Together<int> with_family;
  void recycle(bool) { *this = {}; }
};
struct IntHash {
  std::uint64_t operator()(int n) const { return hash_number(static_cast<std::uint64_t>(n)); }
};

TEST(Groups, AreWhatAListOfEachWouldBe) {
  using Table = SlotTable<int, Guest, IntHash>;
  Table table;
  Groups<Table, IntHash, &Guest::family, &Guest::with_family> families;
  std::map<int, std::vector<int>> lists;  // by family, oldest first
  std::mt19937 random{7};
  int next = 0;
  for (int step = 0; step < 20'000; ++step) {
    const int family = static_cast<int>(random() % 40);
    auto& list = lists[family];
    if (random() % 5 < 3 || list.empty()) {
      auto& entry = table.get(++next);
      entry.value.family = family;
      families.add(table, entry);
      list.push_back(next);
    } else {
      const auto at = list.begin() + static_cast<std::ptrdiff_t>(random() % list.size());
      auto& entry = *table.find(*at);
      families.remove(table, entry);
      table.erase(entry);
      list.erase(at);
    }
    // Now and then all of them go.
    while (step % 1'000 == 999 && !list.empty()) {
      auto& entry = *table.find(list.front());
      families.remove(table, entry);
      table.erase(entry);
      list.erase(list.begin());
    }
    const auto of = families.of(table, family);
    ASSERT_TRUE(std::ranges::equal(of, list)) << "step " << step;
  }
  std::size_t groups = 0;
  std::size_t firsts = 0;
  for (const auto& [family, list] : lists) {
    EXPECT_TRUE(std::ranges::equal(families.of(table, family), list));
    groups += !list.empty();
  }
  table.for_each([&](const auto& entry) { firsts += families.is_first(table, entry); });
  EXPECT_EQ(families.size(), groups);
  EXPECT_EQ(firsts, groups);
}

TEST(Blocks, WhatStandsInThemStays) {
  Blocks<int> blocks;
  std::vector<int*> places;
  for (int n = 0; n < 10'000; ++n) places.push_back(&(blocks.grow() = n));
  ASSERT_EQ(blocks.size(), places.size());
  for (std::size_t n = 0; n < places.size(); ++n) {
    EXPECT_EQ(&blocks[n], places[n]);
    EXPECT_EQ(blocks[n], static_cast<int>(n));
  }
}

TEST(Octets, AreOrderedAsMemcmpOrdersThem) {
  std::mt19937 engine{3};
  const auto random = [&] { return static_cast<unsigned>(engine()); };
  for (int n = 0; n < 20'000; ++n) {
    std::array<std::uint8_t, 32> a{};
    for (auto& octet : a) octet = static_cast<std::uint8_t>(random());
    auto b = a;
    for (unsigned changes = random() % 3; changes > 0; --changes)
      b[random() % b.size()] = static_cast<std::uint8_t>(random());
    const int order = std::memcmp(a.data(), b.data(), a.size());
    EXPECT_EQ(order_octets(a, b), order <=> 0);
    EXPECT_EQ(equal_octets(a, b), order == 0);
  }
}

}  // namespace
}  // namespace moot
