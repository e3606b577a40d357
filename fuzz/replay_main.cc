#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

// Stands in for libFuzzer where the compiler has none: runs a target on every file of DIR, then on
// N inputs made from them by small changes, the same in every run.
//   fuzz_replay_X DIR N
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed)
    __attribute__((weak));

namespace {

using Octets = std::vector<std::uint8_t>;
std::mt19937 random_octets(7667);

Octets read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Octets(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max) {
  const std::size_t at = size == 0 ? 0 : random_octets() % size;
  switch (size == 0 ? 2u : random_octets() % 4) {
    case 0:
      data[at] = static_cast<std::uint8_t>(random_octets());
      return size;
    case 1:
      std::copy(data + at + 1, data + size, data + at);
      return size - 1;
    case 2:
      if (size == max) return size;
      std::copy_backward(data + at, data + size, data + size + 1);
      data[at] = static_cast<std::uint8_t>(random_octets());
      return size + 1;
    default:
      data[at] = static_cast<std::uint8_t>(data[at] ^ 1u << random_octets() % 8);
      return size;
  }
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s DIR N\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) paths.push_back(entry);
  std::ranges::sort(paths);  // the order of a directory is nobody's promise
  std::vector<Octets> corpus;
  for (const auto& path : paths) corpus.push_back(read(path));
  if (corpus.empty()) {
    std::fprintf(stderr, "%s holds no input.\n", argv[1]);
    return 1;
  }
  // Inputs of exactly their size, so that a sanitizer sees a look beyond the end.
  for (const Octets& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());

  const unsigned long runs = std::strtoul(argv[2], nullptr, 10);
  for (unsigned long i = 0; i < runs; ++i) {
    Octets input = corpus[random_octets() % corpus.size()];
    std::size_t size = input.size();
    const std::size_t max = size + 512;
    input.resize(max);
    for (unsigned changes = 1 + random_octets() % 4; changes > 0; --changes) {
      size = LLVMFuzzerCustomMutator != nullptr
                 ? LLVMFuzzerCustomMutator(input.data(), size, max,
                                           static_cast<unsigned>(random_octets()))
                 : LLVMFuzzerMutate(input.data(), size, max);
    }
    input.resize(size);
    input.shrink_to_fit();
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu inputs of the corpus, %lu made from them\n", corpus.size(), runs);
  return 0;
}
