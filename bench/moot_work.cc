#include "bench/moot_work.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

#include "client/ack_company.h"
#include "client/content.h"

namespace moot::bench {

Cost private_messages(Driver& d, const std::vector<Identity>& who, unsigned window,
                      std::size_t messages, std::uint64_t run, const CpuSeconds& cpu) {
  const std::size_t pairs = d.clients().size() / 2;
  const ByteBuf body(100, 'x');
  Cost cost;
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t confirmed = 0;
  std::vector<std::deque<Clock::time_point>> since(pairs);
  // Acknowledgements wait for company as the shipped client's do.
  std::vector<client::AckCompany> acks(pairs);
  std::deque<std::pair<Tick, std::size_t>> acks_due;  // one for the first of a company
  const auto send_acks = [&](std::size_t pair) {
    for (const c::AckMsg& ack : acks[pair].take()) d.clients()[2 * pair + 1]->send(ack);
  };
  const auto send_due_acks = [&] {
    const Tick tick = now().tick;
    for (; !acks_due.empty() && acks_due.front().first <= tick; acks_due.pop_front()) {
      const auto [due, pair] = acks_due.front();
      if (acks[pair].next() == due) send_acks(pair);
    }
  };
  const auto send_next = [&](std::size_t pair) {
    if (sent == messages) return;
    ++sent;
    std::array<std::uint8_t, 10> random{};
    put_be64(random.data() + 2, sent + (run << 48));
    since[pair].push_back(Clock::now());
    d.clients()[2 * pair]->send(c::PvMsg{
        .to = who[2 * pair + 1].user, .msg_id = MsgId::make(now().wall, random), .msg = body});
  };
  d.hooks({.opened = {},
           .deliver =
               [&](Client& c, const s::Any& cmd, Bytes) {
                 if (const auto* m = std::get_if<s::Msg>(&cmd)) {
                   const std::size_t pair = c.index / 2;
                   ++delivered;
                   cost.latency_us.push_back(micros(Clock::now() - since[pair].front()));
                   since[pair].pop_front();
                   const Tick tick = now().tick;
                   const bool first = acks[pair].empty();
                   acks[pair].add(tick, {.from = m->from, .msg_id = m->msg_id});
                   if (first) acks_due.emplace_back(*acks[pair].next(), pair);
                   if (acks[pair].due(tick)) send_acks(pair);
                   send_due_acks();
                   send_next(pair);
                 } else if (std::holds_alternative<s::MsgAck>(cmd)) {
                   ++confirmed;
                 } else if (const auto* e = std::get_if<s::Err>(&cmd)) {
                   std::fprintf(stderr, "moot-bench: ERR %s\n", std::string(e->code).c_str());
                   std::exit(1);
                 }
               },
           .closed = {}});
  const Stopwatch watch(cpu);
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    for (unsigned w = 0; w < window; ++w) send_next(pair);
  }
  const auto finished = [&] {
    send_due_acks();
    return delivered == messages && confirmed == messages;
  };
  if (!d.run(finished, std::chrono::seconds{120})) {
    std::fprintf(stderr, "moot-bench: %llu of %zu messages arrived.\n",
                 static_cast<unsigned long long>(delivered), messages);
    std::exit(1);
  }
  watch.finish(cost, static_cast<double>(messages));
  d.hooks({});
  return cost;
}

Cost channel_fan_out(BenchChannel& channel, unsigned window, std::size_t messages,
                     const CpuSeconds& cpu) {
  const ByteBuf body = *client::write_text(std::string(100, 'x'), std::nullopt);
  std::vector<std::uint64_t> had;
  for (std::size_t i = 1; i < channel.size(); ++i) had.push_back(channel[i].committed);
  Cost cost;
  std::size_t said = 0;
  std::size_t everywhere = 0;
  std::deque<Clock::time_point> since;
  const auto all_have = [&](std::size_t n) {
    for (std::size_t i = 1; i < channel.size(); ++i) {
      if (channel[i].committed - had[i - 1] < n) return false;
    }
    return true;
  };
  const Stopwatch watch(cpu);
  const bool done = channel.run(
      [&] {
        while (everywhere < said && all_have(everywhere + 1)) {
          ++everywhere;
          cost.latency_us.push_back(micros(Clock::now() - since.front()));
          since.pop_front();
        }
        while (said < messages && said - everywhere < window) {
          if (!channel[0].replica().compose(now(), body, channel[0])) break;
          since.push_back(Clock::now());
          ++said;
        }
        return everywhere == messages;
      },
      std::chrono::seconds{120});
  if (!done) {
    std::fprintf(stderr, "moot-bench: %zu of %zu messages were committed everywhere.\n", everywhere,
                 messages);
    std::exit(1);
  }
  watch.finish(cost, static_cast<double>(messages * (channel.size() - 1)));
  return cost;
}

}  // namespace moot::bench
