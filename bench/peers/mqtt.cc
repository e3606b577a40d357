// MQTT 3.1.1, QoS 0 and 1: one topic a user, one for all.
#include "bench/peers/peer.h"

namespace moot::bench {
namespace {

constexpr unsigned char kConnect = 0x10;
constexpr unsigned char kConnAck = 0x20;
constexpr unsigned char kPublish = 0x30;
constexpr unsigned char kPubAck = 0x40;
constexpr unsigned char kSubscribe = 0x82;
constexpr unsigned char kSubAck = 0x90;
constexpr unsigned char kPing = 0xC0;

void put16(std::string& out, std::size_t n) {
  out += static_cast<char>(n >> 8 & 0xFF);
  out += static_cast<char>(n & 0xFF);
}

void put_text(std::string& out, std::string_view text) {
  put16(out, text.size());
  out += text;
}

void put_packet(std::string& out, unsigned char type, std::string_view rest) {
  out += static_cast<char>(type);
  std::size_t n = rest.size();
  do {
    out += static_cast<char>((n & 0x7F) | (n > 0x7F ? 0x80 : 0));
    n >>= 7;
  } while (n > 0);
  out += rest;
}

class Mqtt : public Peer {
 public:
  Mqtt(Names& names, std::size_t index, int qos) : names_(names), index_(index), qos_(qos) {}

  void hello(std::string& out) override {
    std::string rest;
    put_text(rest, "MQTT");
    rest += '\x04';  // 3.1.1
    rest += '\x02';  // a clean session
    put16(rest, 0);  // no keepalive
    put_text(rest, names_.prefix + std::to_string(index_));
    put_packet(out, kConnect, rest);
  }

  std::size_t hear(std::string_view in, std::string& out, Heard& heard) override {
    std::size_t taken = 0;
    while (true) {
      std::size_t at = taken + 1;
      std::size_t size = 0;
      int shift = 0;
      bool whole = false;
      for (; at < in.size() && !whole; ++at, shift += 7) {
        const auto octet = static_cast<unsigned char>(in[at]);
        size |= static_cast<std::size_t>(octet & 0x7F) << shift;
        whole = (octet & 0x80) == 0;
      }
      if (!whole || at + size > in.size()) return taken;
      packet(static_cast<unsigned char>(in[taken]), in.substr(at, size), out, heard);
      taken = at + size;
    }
  }

  void join(std::string& out, bool receives) override {
    subscribe(out, receives ? names_.prefix + "/all" : names_.prefix + "/none");
  }
  void say(std::string& out, std::size_t to, std::string_view body) override {
    publish(out, topic(to), body);
  }
  void say_to_all(std::string& out, std::string_view body) override {
    publish(out, names_.prefix + "/all", body);
  }

 private:
  std::string topic(std::size_t i) const { return names_.prefix + "/u" + std::to_string(i); }

  void subscribe(std::string& out, const std::string& topic) {
    std::string rest;
    put16(rest, ++packet_id_);
    put_text(rest, topic);
    rest += static_cast<char>(qos_);
    put_packet(out, kSubscribe, rest);
  }

  void publish(std::string& out, const std::string& topic, std::string_view body) {
    std::string rest;
    put_text(rest, topic);
    if (qos_ > 0) put16(rest, packet_id_ = packet_id_ % 65'535 + 1);
    rest += body;
    put_packet(out, static_cast<unsigned char>(kPublish | qos_ << 1), rest);
  }

  void packet(unsigned char type, std::string_view rest, std::string& out, Heard& heard) {
    switch (type & 0xF0) {
      case kConnAck:
        if (rest.size() != 2 || rest[1] != 0) {
          heard.failed = true;
          heard.why = "CONNACK refuses";
          return;
        }
        subscribe(out, topic(index_));
        return;
      case kSubAck:
        ++heard.ready;
        return;
      case kPublish: {
        ++heard.delivered;
        if ((type & 0x06) == 0) return;
        const std::size_t topic_octets =
            static_cast<std::size_t>(static_cast<unsigned char>(rest[0])) << 8 |
            static_cast<unsigned char>(rest[1]);
        put_packet(out, kPubAck, rest.substr(2 + topic_octets, 2));
        return;
      }
      case kPing:
        put_packet(out, 0xD0, {});
        return;
      default:  // PUBACK of what was published
        return;
    }
  }

  Names& names_;
  std::size_t index_;
  int qos_;
  std::size_t packet_id_ = 0;
};

}  // namespace

std::unique_ptr<Peer> make_mqtt_peer(Names& names, std::size_t index, int qos) {
  return std::make_unique<Mqtt>(names, index, qos);
}

}  // namespace moot::bench
