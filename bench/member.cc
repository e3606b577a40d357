#include "bench/member.h"

#include <cstdio>
#include <cstdlib>

namespace moot::bench {
namespace {

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "moot-bench: %s\n", why);
  std::exit(1);
}

}  // namespace

BenchChannel::BenchChannel(Driver& driver, std::size_t n, Keeper keeper, const std::string& name)
    : driver_(driver), members_(n) {
  // Names are unique on a server, and so is this.
  std::array<std::uint8_t, 10> random{};
  std::copy_n(as_bytes(name).begin(), std::min<std::size_t>(name.size(), 10), random.begin());
  id_ = ChannelId::make(now().wall, random);
  std::size_t joined = 0;
  driver_.hooks({.opened = {},
                 .deliver =
                     [this, &joined](Client& c, const s::Any& cmd, Bytes) {
                       ++heard_;
                       auto& member = members_[c.index];
                       const auto* status = std::get_if<s::ChStatus>(&cmd);
                       if (status != nullptr && status->id == id_ && !member) {
                         member = std::make_unique<Member>(c, legs_, id_, 1 + c.index);
                         ++joined;
                       }
                       if (member) member->step(cmd);
                     },
                 .closed = [](Client&) { give_up("the server ended a connection."); }});
  driver_.clients()[0]->send(c::ChCreate{.id = id_, .name = Name{name}, .keeper = keeper});
  if (!run([&] { return joined == 1; }, std::chrono::seconds{20}))
    give_up("no channel could be made.");
  for (std::size_t i = 1; i < n; ++i) driver_.clients()[i]->send(c::ChJoin{.id = id_});
  const auto ready = [&] {
    return joined == n && std::ranges::all_of(members_, [](const auto& m) {
             return m->replica().can_send() && m->replica().synced();
           });
  };
  if (!run(ready, std::chrono::seconds{60 + static_cast<long>(n) / 20}))
    give_up("the members did not find a leader.");
}

BenchChannel::~BenchChannel() { driver_.hooks({}); }

bool BenchChannel::run(const std::function<bool()>& done, std::chrono::seconds limit) {
  return driver_.run(
      [&] {
        for (const auto& m : members_) {
          if (!m) continue;
          m->sync();
          m->tick();
        }
        const bool over = done();
        for (const auto& m : members_) {
          if (m) m->sync();
        }
        return over;
      },
      limit);
}

}  // namespace moot::bench
