#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "tests/conformance/json.h"
#include "wire/commands.h"
#include "wire/frame.h"

// What is read, validated and decoded is never copied: a frame of any command costs no allocation
// once the arena is warm. A program of its own, because it counts every `new` there is.
namespace {
std::size_t news = 0;
void* counted(std::size_t n) {
  ++news;
  if (void* p = std::malloc(n == 0 ? 1 : n)) return p;
  std::abort();
}
}  // namespace

void* operator new(std::size_t n) { return counted(n); }
void* operator new[](std::size_t n) { return counted(n); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace moot::vectors {
namespace {

struct Vector {
  std::string name;
  std::string cmd;
  bool of_client = false;
  ByteBuf frame;
};

std::vector<Vector> all_vectors() {
  std::vector<Vector> all;
  const Json file = load(MOOT_VECTORS "/frames.json");
  for (const Json& v : at(file, "frames")) {
    all.push_back({text_of(at(v, "name")), text_of(at(v, "cmd")),
                   text_of(at(v, "dir")) == text(Dir::client), octets_of(at(v, "frame"))});
  }
  return all;
}

bool take(const Vector& v, wire::FrameReader& reader, Arena& arena) {
  arena.reset();
  if (reader.next(v.frame, limits::kFrameBytesMax) != wire::FrameReader::Status::frame)
    return false;
  const wire::Frame frame = reader.frame();
  if (wire::validate(frame.payload) != wire::ProfileError::ok) return false;
  if (!wire::open(frame.payload)) return false;
  return v.of_client ? wire::decode_client(frame.cmd, frame.payload, arena).has_value()
                     : wire::decode_server(frame.cmd, frame.payload, arena).has_value();
}

TEST(Allocations, AreCounted) {
  const std::size_t before = news;
  const std::vector<int> some(100);
  EXPECT_EQ(some.size(), 100u);
  EXPECT_EQ(news, before + 1);
}

TEST(Allocations, NoneToReadValidateAndDecodeAFrameOfAnyCommand) {
  const std::vector<Vector> all = all_vectors();
  std::set<std::string> commands;
  wire::FrameReader reader;
  Arena arena;
  for (const Vector& v : all) EXPECT_TRUE(take(v, reader, arena)) << v.name;
  for (const Vector& v : all) {
    const std::size_t before = news;
    const bool taken = take(v, reader, arena);
    EXPECT_EQ(news, before) << v.name;
    EXPECT_TRUE(taken) << v.name;
    commands.insert((v.of_client ? "c " : "s ") + v.cmd);
  }
  EXPECT_EQ(commands.size(), std::variant_size_v<c::Any> + std::variant_size_v<s::Any>);
}

}  // namespace
}  // namespace moot::vectors
