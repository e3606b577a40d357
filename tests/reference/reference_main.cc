#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "wire/commands.h"

// docs_reference_test DOCUMENT VECTORS [--write]: whether docs/protocol.md shows the commands as
// the code has them, and its worked examples as the vectors have them: a whole frame, and the
// payload of the frame that each `<!-- payload N -->` names. `--write` puts the table in.
namespace {

constexpr std::string_view kBegin = "<!-- commands -->\n";
constexpr std::string_view kEnd = "<!-- /commands -->";
constexpr std::string_view kExampleBegin = "<!-- example -->\n";
constexpr std::string_view kExampleEnd = "<!-- /example -->";
constexpr std::string_view kPayload = "<!-- payload ";
constexpr std::string_view kPayloadEnd = "<!-- /payload -->";
constexpr std::size_t kPayloadsMin = 9;  // a message and a synchronisation

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

struct Block {
  std::size_t begin = 0;
  std::size_t size = 0;
};
bool find(const std::string& document, std::string_view begin, std::string_view end, Block& block) {
  const std::size_t at = document.find(begin);
  if (at == std::string::npos) return false;
  block.begin = at + begin.size();
  const std::size_t stop = document.find(end, block.begin);
  if (stop == std::string::npos) return false;
  block.size = stop - block.begin;
  return true;
}

// Every line of the example begins with octets in hex, then two blanks and what they say.
std::string example_octets(std::string_view block) {
  std::string octets;
  for (std::size_t at = 0; at < block.size();) {
    const std::size_t end = std::min(block.find('\n', at), block.size());
    const std::string_view line = block.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("```")) continue;
    for (const char c : line.substr(0, line.find("  "))) {
      if (c != ' ') octets += c;
    }
  }
  return octets;
}

int stale(const std::string& path, const char* what) {
  std::fprintf(stderr, "%s: %s\n", path.c_str(), what);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: docs_reference_test DOCUMENT VECTORS [--write]\n");
    return 2;
  }
  const std::string path = argv[1];
  std::string document = read(path);
  Block table;
  if (!find(document, kBegin, kEnd, table)) return stale(path, "there is no block of commands.");
  if (argc > 3 && std::string_view(argv[3]) == "--write") {
    document.replace(table.begin, table.size, moot::wire::reference_table());
    std::ofstream(path, std::ios::binary) << document;
    return 0;
  }
  if (document.substr(table.begin, table.size) != moot::wire::reference_table()) {
    return stale(path,
                 "the table is not that of src/model/commands.h; run docs_reference_test with "
                 "--write and read the difference.");
  }

  Block example;
  if (!find(document, kExampleBegin, kExampleEnd, example)) {
    return stale(path, "there is no worked example.");
  }
  const auto vectors = nlohmann::json::parse(read(std::string(argv[2]) + "/frames.json"));
  const auto& cnn = vectors.at("frames").at(0);
  if (example_octets(document.substr(example.begin, example.size)) !=
      cnn.at("frame").get<std::string>()) {
    return stale(path, "the worked example is not the first frame of tests/vectors/frames.json.");
  }
  std::size_t payloads = 0;
  for (std::size_t at = 0; (at = document.find(kPayload, at)) != std::string::npos; ++payloads) {
    const std::size_t number = std::strtoul(document.c_str() + at + kPayload.size(), nullptr, 10);
    at = document.find('\n', at);
    const std::size_t end = document.find(kPayloadEnd, at);
    if (end == std::string::npos) return stale(path, "a payload has no end.");
    const auto& frame = vectors.at("frames").at(number);
    if (example_octets(std::string_view(document).substr(at, end - at)) !=
        frame.at("payload").get<std::string>()) {
      return stale(path, ("payload " + std::to_string(number) +
                          " is not that of this frame of tests/vectors/frames.json.")
                             .c_str());
    }
  }
  if (payloads < kPayloadsMin) return stale(path, "payloads of the worked examples are missing.");
  return 0;
}
