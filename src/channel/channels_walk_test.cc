// Random commands from everybody: the invariants hold after each, and what the server says is true
// of a naive account of who acknowledged what (replication.md 2.7, S3, S5, S7).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "channel/channels_test_world.h"
#include "channel/rng.h"

namespace moot::test {
namespace {

std::string between(const std::string& line, const std::string& from, const std::string& to) {
  const std::size_t at = line.find(from);
  if (at == std::string::npos) return {};
  const std::size_t start = at + from.size();
  return line.substr(start, line.find_first_of(to, start) - start);
}

// What one run has seen on the wire and on disks.
struct Account {
  std::map<std::string, std::set<std::string>> on_disk;  // message: users who said so
  std::map<std::uint64_t, std::string> leaders;          // election: leader
  std::string candidate = "ada";                         // who stood last
  std::uint64_t newest = 0;
  std::uint64_t commits = 0;
  std::uint64_t elections = 0;

  void line(const std::string& l) {
    if (l.find("<- CH_VOTE") != std::string::npos) candidate = between(l, "user=@", " ");
    if (l.find("<- CH_ELECTED") != std::string::npos) {
      const std::uint64_t n = std::stoull(between(l, "election=", " "));
      const std::string leader = between(l, "leader=@", " ");
      const auto [at, first] = leaders.emplace(n, leader);
      EXPECT_EQ(at->second, leader) << "two leaders of one number: " << l;
      EXPECT_GE(n, newest) << "the number went back: " << l;
      newest = n;
      elections += first;
    } else if (l.find("<- CH_MSG_COMMIT") != std::string::npos) {
      const std::string id = between(l, "CH_MSG_COMMIT id=", " ");
      const std::string acks = between(l, "acks=[", "]");
      std::set<std::string> users;
      for (std::size_t at = 0; (at = acks.find('@', at)) != std::string::npos; ++at) {
        users.insert(acks.substr(at + 1, acks.find(' ', at) - at - 1));
      }
      EXPECT_GE(users.size(), 2u) << "one disk is no quorum: " << l;
      for (const std::string& user : users) {
        EXPECT_TRUE(on_disk[id].contains(user)) << user << " never said so: " << l;
      }
      ++commits;
    }
  }
};

class Walk : public testing::TestWithParam<int> {};

TEST_P(Walk, KeepsEveryInvariant) {
  Rng random(static_cast<std::uint64_t>(GetParam()));
  const auto below = [&](std::uint64_t n) { return random.below(n); };
  const std::vector<std::string> people{"ada", "ben", "cyd", "dan", "eve"};
  World w;
  Account account;
  std::set<std::string> connected;
  std::vector<std::string> messages;
  const auto run = [&](const std::string& line) {
    for (const std::string& l : w.run(line)) account.line(l);
  };
  run("users ada ben cyd dan eve");
  run("connect ada");
  run("ada create #ops members");
  connected.insert("ada");
  for (int step = 0; step < 1'000; ++step) {
    const std::string who = people[below(people.size())];
    if (!connected.contains(who)) {
      connected.insert(who);
      run("connect " + who);
      run(who + " join #ops");
      run(who + " attach #ops");
      continue;
    }
    const std::string other = people[below(people.size())];
    const std::size_t recent = std::min<std::size_t>(messages.size(), 3);
    const std::string known = recent == 0 ? "" : messages[messages.size() - 1 - below(recent)];
    switch (below(known.empty() ? 8 : 16)) {
      case 0:
        if (below(4) == 0) {
          run("disconnect " + who);
          connected.erase(who);
        }
        break;
      case 1:
        run("wait " + std::to_string(below(6'000)));
        break;
      case 2:
      case 3:
        run(who + " lead #ops");
        break;
      case 4:
      case 5:
      case 6:
        run(who + " vote #ops " + (below(4) > 0 ? account.candidate : other));
        break;
      case 7: {
        const std::string name = "m" + std::to_string(step);
        account.on_disk[name].insert(who);
        messages.push_back(name);
        run(who + " msg #ops " + name);
        break;
      }
      case 8:
      case 9:
      case 10:
        // Who acknowledges has it on disk, wanted or not.
        account.on_disk[known].insert(who);
        run(who + " ack #ops " + known);
        break;
      case 11:
      case 12:
        if (!connected.contains(account.candidate)) break;
        run(account.candidate + " commit #ops " + known);
        break;
      case 13:
        account.on_disk[known].insert(who);
        run(who + " msg #ops " + known +
            " retry stamp=good from=" + std::string(people[below(people.size())]));
        break;
      case 14:
        if (below(6) == 0 && connected.size() > 2 && who != "ada") {
          run(who + " leave #ops");
          run(who + " join #ops");
          run(who + " attach #ops");
        } else {
          run(who + " pull #ops req=" + std::to_string(step));
        }
        break;
      default:
        if (below(40) == 0) {
          run("crash");
          connected.clear();
        }
        break;
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(account.elections, 0u);
  EXPECT_GT(account.commits, 0u);
}

INSTANTIATE_TEST_SUITE_P(Channel, Walk, testing::Range(1, 21));

}  // namespace
}  // namespace moot::test
