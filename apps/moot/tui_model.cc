#include "apps/moot/tui_model.h"

#include <utility>

namespace moot::app::tui {
namespace {

// More are not asked at once: an owner that hangs is not to be fed for ever.
constexpr std::size_t kAsksMax = 1'000;

}  // namespace

Model::Model(std::string target, WallClock wall)
    : wall_(std::move(wall)), wanted_(std::move(target)) {
  Room& home = room("");
  home.log.at_begin = true;
  home.log.note("Welcome to moot.");
  home.log.note("/to @NAME talks to somebody, /enter #NAME enters a channel, /help says the rest.");
  // With a person one is there from the first key on: nobody else has to be asked.
  if (wanted_.starts_with('@')) state_.current = room(wanted_).target;
}

void Model::ask(Json json, Ask what) {
  if (asked_.size() >= kAsksMax) return hint("The moot that has the store does not answer.");
  const std::uint64_t n = next_n_++;
  asks_.push_back(std::move(json.set("n", n)));
  asked_.emplace(n, std::move(what));
}

std::vector<Json> Model::take_asks() { return std::exchange(asks_, {}); }
bool Model::take_bell() { return std::exchange(bell_, false); }

std::size_t Model::taking() const {
  std::size_t n = 0;
  for (const auto& [number, ask] : asked_) n += ask.what == For::text ? 1 : 0;
  return n;
}

void Model::seated() {
  asks_.clear();
  for (auto& [number, ask] : std::exchange(asked_, {})) {
    if (ask.what != For::text) continue;
    // Whether it was taken, only the store knows: nothing is said twice without being asked for.
    note("The moot that had the store ended. Look whether this stands above; else say it again:\n" +
         ask.text);
  }
  for (auto& [target, r] : state_.rooms) {
    r.loaded = r.loading = r.greeted = r.reading = r.read_more = false;
    r.sync.reset();
    ++r.generation;
  }
  tell(Json().set("do", "watch"));
  tell(Json().set("do", "attach").set("n", std::uint64_t{0}).set("channel", ""));
  ask(Json().set("do", "channels_here"), {.what = For::channels_here});
  ask(Json().set("do", "status"), {.what = For::conversations});
}

void Model::resize(Size size) {
  state_.size = size;
  look_for_more();
}

}  // namespace moot::app::tui
