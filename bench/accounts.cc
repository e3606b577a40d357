#include "bench/accounts.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "client/invite_link.h"

namespace moot::bench {

std::vector<Identity> enrol(ServerProcess& server, std::size_t n) {
  std::string text = server.admin("invite --uses " + std::to_string(n) + " --expires 1h");
  const auto at = text.find("moot://");
  const auto link =
      at == std::string::npos
          ? fail("no link")
          : client::read_invite_link(text.substr(at, text.find_first_of("'\n", at) - at));
  if (!link) {
    std::fprintf(stderr, "moot-bench: `mootd invite` printed no link: %s\n", text.c_str());
    std::exit(1);
  }
  Driver driver(server.port(), link->srv, false);
  std::vector<Identity> made;
  std::size_t started = 0;
  driver.hooks({.opened =
                    [&](Client& c) {
                      c.send(c::Enrol{.id = *UserId::parse("u" + std::to_string(c.index))});
                    },
                .deliver =
                    [&](Client& c, const s::Any& cmd, Bytes) {
                      const auto* e = std::get_if<s::Enrolled>(&cmd);
                      if (e == nullptr) return;
                      made.push_back({e->id, e->kid, e->key});
                      c.send(c::Dcnn{});
                    },
                .closed = {}});
  const Identity invite{invite_user(), link->kid, link->key};
  const bool ok = driver.run(
      [&] {
        while (started < n && started - made.size() < 200) {
          driver.connect(invite).index = started;
          ++started;
        }
        return made.size() == n;
      },
      std::chrono::seconds{300});
  if (!ok) {
    std::fprintf(stderr, "moot-bench: only %zu of %zu accounts could be enrolled.\n", made.size(),
                 n);
    std::exit(1);
  }
  std::ranges::sort(
      made, {}, [](const Identity& i) { return std::stoul(std::string(i.user.str().substr(1))); });
  return made;
}

void open_all(Driver& d, const std::vector<Identity>& who, std::size_t from, std::size_t to,
              std::size_t at_once) {
  std::size_t open = 0;
  auto count = [&](Client&) { ++open; };
  d.hooks({.opened = count, .deliver = {}, .closed = {}});
  std::size_t next = from;
  const bool all = d.run(
      [&] {
        for (; next < to && next - from - open < at_once; ++next) d.connect(who[next]).index = next;
        return open == to - from;
      },
      std::chrono::seconds{120});
  if (!all) {
    std::fprintf(stderr, "moot-bench: only %zu of %zu connections came up.\n", open, to - from);
    std::exit(1);
  }
}

}  // namespace moot::bench
