#include "base/hex.h"
#include "tests/conformance/group.h"
#include "tests/conformance/server_replay.h"
#include "tests/conformance/text_hook.h"
#include "wire/msgpack.h"

namespace moot::vectors {
namespace {

constexpr std::uint64_t kClock = 1'702'622'553;  // the time in the vectors, unix seconds

s::Sinfo any_server() {
  return {.timeout_s = 180,
          .srv = "moot.example",
          .max_frame = limits::kFrameBytesMax,
          .max_msg = limits::kMsgBytesMax};
}

// What a server answers to which the vector's payload comes as the first frame after CNN.
// `payload` is what the accepted command points into.
std::string verdict_of(const Json& v, const ByteBuf& payload, ServerReplay& server) {
  // Payloads of the profile groups all carry the nonce that the other group names.
  const Json expected =
      v.contains("expected_nonce") ? at(v, "expected_nonce") : Json("15074760468938913545");
  server.connected(uint_of(expected) - 1);
  const std::string cmd = v.contains("header") ? text_of(at(v, "header")) : "KALIVE";
  return server.take(cmd, text_of(at(v, "sig")), payload);
}

void check_signature(Group& group, const Json& v, const MacKey& key) {
  group.expect_same(hex(key.sign(octets_of(at(v, "payload")))), text_of(at(v, "sig")), "sig");
}

// `reason` is the validator's text, or "ok".
bool check_profile(const Json& file, const char* name, const MacKey& key) {
  Group group(name);
  for (const Json& v : at(file, name)) {
    group.begin(text_of(at(v, "id")));
    check_signature(group, v, key);
    // The vectors name the octet that is outside the profile; our reasons do not.
    std::string reason = v.contains("reason") ? text_of(at(v, "reason")) : "ok";
    if (reason.starts_with("type 0x")) reason = "type not in the profile";
    group.expect_same(wire::text(wire::validate(octets_of(at(v, "payload")))), reason, "profile");
    ServerReplay server(any_server(), kClock, key);
    const ByteBuf payload = octets_of(at(v, "payload"));
    group.expect_same(verdict_of(v, payload, server), text_of(at(v, "verdict")), "verdict");
  }
  return group.close();
}

// Two verdicts are not the session's: it hands the command on, and the server core asks src/text
// about the name, or compares the size of `msg` with its own limit.
void check_handed_on(Group& group, const Json& v, const c::Any& command) {
  const std::string verdict = text_of(at(v, "verdict"));
  if (const auto* create = std::get_if<c::ChCreate>(&command)) {
    if (text_hook() == nullptr) return group.skip("this build has no src/text");
    group.expect(text_hook()(create->name.text) == (verdict == "accept"), "NFC");
  } else if (const auto* msg = std::get_if<c::PvMsg>(&command)) {
    const bool fits = msg->msg.size() <= limits::kMsgBytesMax;
    group.expect(fits == (verdict == "accept"), "size of msg");
    group.expect(fits || verdict == "ERR too_large", "verdict is " + verdict);
  } else {
    group.expect_same("accept", verdict, "verdict");
  }
}

bool check_semantic(const Json& file, const MacKey& key) {
  Group group("semantic");
  for (const Json& v : at(file, "semantic")) {
    group.begin(text_of(at(v, "id")));
    check_signature(group, v, key);
    ServerReplay server(any_server(), kClock, key);
    const ByteBuf payload = octets_of(at(v, "payload"));
    const std::string verdict = verdict_of(v, payload, server);
    if (verdict == "accept") {
      check_handed_on(group, v, server.command());
    } else {
      group.expect_same(verdict, text_of(at(v, "verdict")), "verdict");
    }
  }
  return group.close();
}

}  // namespace

bool check_payloads(const std::string& dir) {
  const Json file = load(dir + "/payloads.json");
  const MacKey key(id_of<KeyBytes>(at(file, "key")).octets);
  bool good = check_profile(file, "profile_invalid", key);
  good = check_profile(file, "profile_valid", key) && good;
  return check_semantic(file, key) && good;
}

}  // namespace moot::vectors
