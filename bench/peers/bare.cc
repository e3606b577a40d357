#include "bench/peers/bare.h"

#include "base/bytes.h"
#include "bench/peers/peer.h"

namespace moot::bench {
namespace {

class Bare : public Peer {
 public:
  explicit Bare(std::size_t index) : index_(index) {}

  void hello(std::string& out) override {
    std::string number(4, '\0');
    put_be32(reinterpret_cast<std::uint8_t*>(number.data()), static_cast<std::uint32_t>(index_));
    put(out, bare::kName, number);
  }

  std::size_t hear(std::string_view in, std::string&, Heard& heard) override {
    std::size_t taken = 0;
    while (in.size() - taken >= bare::kHeaderOctets) {
      const auto* p = reinterpret_cast<const std::uint8_t*>(in.data() + taken);
      const std::size_t size = get_be32(p + 4);
      if (in.size() - taken - bare::kHeaderOctets < size) break;
      if (get_be32(p) == bare::kDone) {
        ++heard.ready;
      } else {
        ++heard.delivered;
      }
      taken += bare::kHeaderOctets + size;
    }
    return taken;
  }

  // Who does not receive joins as well: the relay leaves out the sender.
  void join(std::string& out, bool) override { put(out, bare::kJoin, {}); }
  void say(std::string& out, std::size_t to, std::string_view body) override {
    put(out, static_cast<std::uint32_t>(to), body);
  }
  void say_to_all(std::string& out, std::string_view body) override { put(out, bare::kAll, body); }

 private:
  static void put(std::string& out, std::uint32_t to, std::string_view body) {
    std::uint8_t header[bare::kHeaderOctets];
    put_be32(header, to);
    put_be32(header + 4, static_cast<std::uint32_t>(body.size()));
    out.append(reinterpret_cast<const char*>(header), sizeof header).append(body);
  }

  std::size_t index_;
};

}  // namespace

std::unique_ptr<Peer> make_relay_peer(Names&, std::size_t index) {
  return std::make_unique<Bare>(index);
}

}  // namespace moot::bench
