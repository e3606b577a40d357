#include "apps/moot/post_pages.h"

#include <algorithm>
#include <array>
#include <vector>

#include "apps/moot/show.h"
#include "model/ids.h"

namespace moot::app {
namespace {

constexpr std::uint64_t kPage = 500;
constexpr auto kTime = std::chrono::seconds(60);

using Page = std::vector<Client::Post>;
using GotPage = std::expected<Page, Trouble>;

GotPage ask_page(Seat& seat, const Json& question, const Seat::Each& other = {}) {
  Page page;
  const auto done =
      seat.ask(question, [&](const Json& line) { page.push_back(get_post(line)); }, kTime, other);
  if (!done) return std::unexpected(done.error());
  return page;
}

Json question(const PostRange& range, std::string_view order, std::uint64_t count) {
  return Json()
      .set("do", "posts")
      .set("channel", range.channel)
      .set("order", order)
      .set("count", count);
}

// The first id of a time: nothing of that time is before it.
std::string first_id(std::uint64_t ms) {
  constexpr std::array<std::uint8_t, 10> kZeros{};
  return text(MsgId::make(UnixMs{ms}, kZeros));
}

// Where the newest `range.newest` begin: the id of the first of them, found from the end backwards.
std::expected<std::string, Trouble> begin_of_newest(Seat& seat, const PostRange& range,
                                                    const std::string& from,
                                                    const Seat::Each& other) {
  std::string begin;
  for (std::uint64_t left = range.newest; left > 0;) {
    const std::uint64_t count = std::min(left, kPage);
    const GotPage page = ask_page(
        seat, question(range, "newest", count).set("from_id", from).set("below_id", begin), other);
    if (!page) return std::unexpected(page.error());
    if (!page->empty()) begin = page->front().id;
    const std::uint64_t got = page->size();
    if (got == 0 || (got < count && !seat.more())) break;
    left -= got;
  }
  return begin;
}

}  // namespace

std::expected<Since, Trouble> parse_since(const std::string& text) {
  if (text.empty()) return Since{};
  if (const auto id = parse_ulid<MsgId>(text)) return Since{text, id->time().ms};
  const auto at = parse_iso_time(text);
  if (!at) {
    return std::unexpected(
        Trouble{"--since takes a message id or a time such as 2026-11-23T09:30.", kUsage});
  }
  return Since{{}, *at};
}

std::expected<std::uint64_t, Trouble> each_post(Seat& seat, const PostRange& range,
                                                const EachPost& each, const Seat::Each& other) {
  const Since& since = range.since;
  std::string from = !since.id.empty() ? since.id : since.ms > 0 ? first_id(since.ms) : "";
  if (range.newest > 0) {
    auto begin = begin_of_newest(seat, range, from, other);
    if (!begin) return std::unexpected(begin.error());
    if (begin->empty()) return 0;
    from = std::move(*begin);
  }
  // The next page begins with what the last one ended with. Several records of one id stand
  // together, and all of them but those shown are still to come.
  std::uint64_t total = 0;
  std::uint64_t shown_of_from = 0;
  for (std::uint64_t count = kPage;;) {
    const GotPage page =
        ask_page(seat, question(range, "oldest", count).set("from_id", from), other);
    if (!page) return std::unexpected(page.error());
    std::uint64_t of_from = 0;
    std::uint64_t fresh = 0;
    for (const Client::Post& post : *page) {
      if (post.id == from && ++of_from <= shown_of_from) continue;
      ++fresh;
      if (post.id == since.id) continue;
      ++total;
      each(post);
    }
    if ((page->size() < count && !seat.more()) || fresh == 0) return total;
    const std::string& last = page->back().id;
    shown_of_from = static_cast<std::uint64_t>(std::ranges::count(*page, last, &Client::Post::id));
    from = last;
  }
}

std::expected<std::uint64_t, Trouble> each_arrival(Seat& seat, const Arrivals& which,
                                                   std::uint64_t& after, const EachPost& each,
                                                   const Seat::Each& other) {
  for (std::uint64_t total = 0;;) {
    const GotPage page = ask_page(seat,
                                  question({which.channel, {}, 0}, "arrival", kPage)
                                      .set("containing", which.containing)
                                      .set("since", which.since_ms)
                                      .set("after", after),
                                  other);
    if (!page) return std::unexpected(page.error());
    for (const Client::Post& post : *page) {
      after = post.seq;
      ++total;
      each(post);
    }
    if (page->empty() || (page->size() < kPage && !seat.more())) return total;
  }
}

std::expected<std::uint64_t, Trouble> last_arrival(Seat& seat, const Seat::Each& other) {
  // Something has arrived behind `low`, or `low` is 0; nothing has behind `high`.
  const auto behind = [&](std::uint64_t n) {
    return ask_page(seat, question({}, "arrival", 1).set("after", n), other);
  };
  std::uint64_t low = 0;
  std::uint64_t high = 1;
  for (;; high *= 2) {
    const GotPage page = behind(high - 1);
    if (!page) return std::unexpected(page.error());
    if (page->empty()) break;
    low = page->front().seq;
    high = std::max(high, low + 1);
  }
  while (low + 1 < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const GotPage page = behind(middle - 1);
    if (!page) return std::unexpected(page.error());
    if (page->empty()) {
      high = middle;
    } else {
      low = page->front().seq;
    }
  }
  return low;
}

}  // namespace moot::app
