#include <concepts>

#include "base/hex.h"
#include "channel/record.h"
#include "client/keyfile.h"
#include "crypto/hmac.h"
#include "crypto/mac_batch.h"
#include "crypto/sha3.h"
#include "tests/conformance/group.h"

namespace moot::vectors {

// A key of another size is refused by the type, before there is anything to sign with.
static_assert(std::constructible_from<MacKey, std::array<std::uint8_t, 32>&>);
static_assert(!std::constructible_from<MacKey, std::array<std::uint8_t, 31>&>);
static_assert(!std::constructible_from<MacKey, std::array<std::uint8_t, 33>&>);

bool check_macs(const std::string& dir) {
  const Json file = load(dir + "/macs.json");
  Group group("macs");
  for (const Json& v : at(file, "macs")) {
    group.begin(text_of(at(v, "note")));
    const MacKey key(id_of<KeyBytes>(at(v, "key")).octets);
    const ByteBuf payload = octets_of(at(v, "payload"));
    const std::string want = text_of(at(v, "sig"));
    group.expect_same(hex(key.sign(payload)), want, "alone");
    // Several at once, in two parts cut at another place each.
    std::array<Mac, 11> out{};
    std::vector<MacJob> jobs;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t cut = payload.size() * i / (out.size() - 1);
      jobs.push_back({&key, Bytes(payload).first(cut), Bytes(payload).subspan(cut), &out[i]});
    }
    sign_many(jobs);
    for (const Mac& mac : out) group.expect_same(hex(mac), want, "in a batch");
  }
  for (const Json& v : at(file, "equivalent_keys")) {
    group.begin("equivalent keys");
    group.expect(octets_of(at(v, "key_a")).size() == 31, "key_a is not the short one");
    const MacKey key(id_of<KeyBytes>(at(v, "key_b")).octets);
    group.expect_same(hex(key.sign(octets_of(at(v, "payload")))), text_of(at(v, "sig")), "sig");
  }
  return group.close();
}

bool check_identifiers(const std::string& dir) {
  const Json file = load(dir + "/identifiers.json");
  Group ids("identifiers");
  for (const Json& v : at(file, "ulid")) {
    const std::string want = text_of(at(v, "text"));
    ids.begin(want);
    const auto id = id_of<MsgId>(at(v, "bytes"));
    ids.expect_same(text(id), want, "text");
    ids.expect(parse_ulid<MsgId>(want) == id, "parsed to other octets");
    ids.expect(id.time().ms == uint_of(at(v, "ms")), "time");
  }
  for (const Json& v : at(file, "ulid_invalid")) {
    ids.begin(text_of(at(v, "note")));
    ids.expect(!parse_ulid<MsgId>(text_of(at(v, "text"))), "taken");
  }
  for (const Json& v : at(file, "user_ids")) {
    ids.begin("user id " + text_of(at(v, "text")));
    const auto user = UserId::parse(text_of(at(v, "text")));
    ids.expect(user.has_value() == at(v, "valid").get<bool>(), user ? "taken" : "refused");
    if (user) ids.expect_same(user->str(), text_of(at(v, "text")), "text");
  }
  ids.begin("order of records");
  const Json& sorted = at(at(file, "order"), "sorted");
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const auto key = [&](std::size_t n) {
      return RecordKey{id_of<MsgId>(at(sorted[n], "id")), id_of<Digest>(at(sorted[n], "digest"))};
    };
    ids.expect(key(i - 1) < key(i), "place " + std::to_string(i));
  }
  ids.begin("order of user ids");
  const Json& users = at(at(file, "channel_key"), "sorted_user_ids");
  for (std::size_t i = 1; i < users.size(); ++i) {
    const auto before = UserId::parse(text_of(users[i - 1]));
    const auto after = UserId::parse(text_of(users[i]));
    ids.expect(before && after && *before < *after, "place " + std::to_string(i));
  }
  return ids.close();
}

// The values of a file are those of the vector, in its order.
void check_key(Group& group, const client::KeyFile& key, const Json& values) {
  const std::string got[] = {"0",           std::string(key.account.str()),
                             text(key.kid), hex(key.key.bytes()),
                             key.srv,       key.address,
                             key.tls,       key.label};
  group.expect(std::size(got) == values.size(), "number of values");
  for (std::size_t i = 0; i < std::size(got) && i < values.size(); ++i) {
    group.expect_same(got[i], text_of(values[i]), "value " + std::to_string(i));
  }
}

bool check_key_files(const std::string& dir) {
  const Json file = load(dir + "/keyfiles.json");
  Group group("keyfiles");
  for (const Json& v : at(file, "valid")) {
    const std::string check = text_of(at(v, "check"));
    group.begin("check " + check);
    std::string hashed;
    for (const Json& value : at(v, "values")) {
      if (!hashed.empty()) hashed += '\n';
      hashed += text_of(value);
    }
    group.expect_same(hex(as_bytes(hashed)), text_of(at(v, "hashed")), "what is hashed");
    group.expect_same(hex(Bytes(sha3_256(as_bytes(hashed))).first(4)), check, "check value");

    const auto key = client::read_key_file(text_of(at(v, "file")));
    group.expect(key.has_value(), key ? "" : "refused: " + key.error().message);
    if (!key) continue;
    check_key(group, *key, at(v, "values"));
    group.expect_same(client::check_value(*key), check, "check value of the file");
    group.expect_same(client::write_key_file(*key), text_of(at(v, "file")), "written");
  }
  for (const Json& v : at(file, "invalid")) {
    group.begin(text_of(at(v, "note")));
    group.expect(!client::read_key_file(text_of(at(v, "file"))), "taken");
  }
  return group.close();
}

bool check_records(const std::string& dir) {
  const Json file = load(dir + "/records.json");
  Group group("records");
  for (const Json& v : at(file, "records")) {
    group.begin("digest " + text_of(at(v, "digest")).substr(0, 8));
    const auto from = UserId::parse(text_of(at(v, "from")));
    const ByteBuf msg = octets_of(at(v, "msg"));
    group.expect_same(hex(sha3_256(msg)), text_of(at(v, "msg_hash")), "hash of msg");
    group.expect_same(hex(sha3_256(octets_of(at(v, "hashed")))), text_of(at(v, "digest")),
                      "digest of the octets given");
    group.expect(from.has_value(), "`from` is no user id");
    if (!from) continue;
    const Digest digest =
        record_digest(id_of<ChannelId>(at(v, "channel")), id_of<MsgId>(at(v, "id")), *from, msg);
    group.expect_same(hex(digest.bytes()), text_of(at(v, "digest")), "digest");
  }
  for (const Json& v : at(file, "fingerprints")) {
    group.begin("fingerprint of " + std::to_string(uint_of(at(v, "count"))));
    const bool wraps = text_of(at(v, "note")).find("wraps") != std::string::npos;
    Fingerprint set;
    for (std::uint64_t i = 0; i < uint_of(at(v, "count")); ++i) {
      Digest element;
      element.octets.fill(0xff);
      if (!wraps) element = Digest{sha3_256(as_bytes("element " + std::to_string(i)))};
      set.add(element);
    }
    group.expect_same(hex(set.sum().bytes()), text_of(at(v, "sum")), "sum");
    group.expect_same(hex(set.fp().bytes()), text_of(at(v, "fp")), "fp");
  }
  for (const Json& v : at(file, "stamps")) {
    group.begin("stamp");
    const StampKey key{static_cast<std::uint32_t>(uint_of(at(v, "key_id"))),
                       id_of<KeyBytes>(at(v, "server_key"))};
    const auto from = UserId::parse(text_of(at(v, "from")));
    group.expect(from.has_value(), "`from` is no user id");
    if (!from) continue;
    const Stamp stamp = make_stamp(key, id_of<ChannelId>(at(v, "channel")),
                                   id_of<MsgId>(at(v, "id")), *from, octets_of(at(v, "msg")));
    group.expect_same(hex(stamp), text_of(at(v, "stamp")), "stamp");
  }
  for (const Json& v : at(file, "quorum")) {
    group.begin("quorum of " + std::to_string(uint_of(at(v, "D"))));
    const auto users = static_cast<std::size_t>(uint_of(at(v, "D")));
    group.expect(quorum(users) == uint_of(at(v, "needed")), "needed");
  }
  for (const Json& v : at(file, "election")) {
    group.begin("election " + text_of(at(v, "election")));
    const std::uint64_t epoch = uint_of(at(v, "boot_epoch"));
    const std::uint64_t number =
        election_number(epoch, static_cast<std::uint32_t>(uint_of(at(v, "n"))));
    group.expect(number == uint_of(at(v, "election")), "number");
    group.expect(election_epoch(number) == epoch, "epoch of the number");
  }
  return group.close();
}

}  // namespace moot::vectors
