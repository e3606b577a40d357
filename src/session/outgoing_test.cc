#include "session/outgoing.h"

#include <gtest/gtest.h>

namespace moot::session {
namespace {

struct Encoded {
  Buffer fields;
  wire::Body body;
};
Encoded encode(const s::Any& cmd) {
  Encoded e;
  const std::uint32_t pairs = wire::encode_fields(e.fields, cmd);
  e.body = {wire::name_of(cmd), pairs, {}, wire::is_flat(cmd)};
  return e;
}

// The commands of the frames in `out`, those of a BATCH in brackets.
std::string commands_of(Buffer& out) {
  std::string got;
  wire::FrameReader reader;
  Arena arena;
  while (!out.empty()) {
    EXPECT_EQ(reader.next(out.bytes(), limits::kFrameBytesMax), wire::FrameReader::Status::frame);
    const wire::Frame& f = reader.frame();
    EXPECT_EQ(wire::validate(f.payload), wire::ProfileError::ok);
    if (!got.empty()) got += ' ';
    if (f.cmd == "BATCH") {
      const auto batch = wire::decode_server(f.cmd, f.payload, arena);
      EXPECT_TRUE(batch);
      got += '[';
      for (wire::Elements e(std::get<s::Batch>(*batch).cmds); !e.done();) {
        got += e.next()->cmd;
        if (!e.done()) got += ' ';
      }
      got += ']';
    } else {
      got += f.cmd;
    }
    out.drop_front(f.octets);
  }
  return got;
}

std::string sent(std::vector<Encoded>& cmds, bool batch) {
  std::vector<wire::Body> bodies;
  for (Encoded& e : cmds) {
    e.body.fields = e.fields.bytes();
    bodies.push_back(e.body);
  }
  Outgoing out(Dir::server);
  out.set_batch(batch, limits::kFrameBytesMax);
  Buffer octets;
  std::vector<Unsigned> to_sign;
  out.put(octets, 1, bodies, to_sign);
  for (const auto& f : to_sign) wire::put_zero_signature(octets, f.slot);
  EXPECT_EQ(to_sign.size(), out.frames());
  return commands_of(octets);
}

TEST(Outgoing, PutsSeveralCommandsIntoOneBatchWhereNegotiated) {
  std::vector<Encoded> cmds;
  cmds.push_back(encode(s::UsrRmd{}));
  cmds.push_back(encode(s::MsgAck{}));
  EXPECT_EQ(sent(cmds, false), "USR_RMD MSG_ACK");
  EXPECT_EQ(sent(cmds, true), "[USR_RMD MSG_ACK]");
}

TEST(Outgoing, KeepsTheOrderAroundWhatNoBatchMayHold) {
  std::vector<Encoded> cmds;
  cmds.push_back(encode(s::Sinfo{}));
  cmds.push_back(encode(s::UsrRmd{}));
  cmds.push_back(encode(s::MsgAck{}));
  cmds.push_back(encode(s::Dcnn{}));
  EXPECT_EQ(sent(cmds, true), "SINFO [USR_RMD MSG_ACK] DCNN");
}

TEST(Outgoing, EndsABatchAtItsLimits) {
  std::vector<Encoded> cmds;
  for (int i = 0; i < 513; ++i) cmds.push_back(encode(s::UsrRmd{.id = *UserId::parse("u")}));
  std::string want = "[USR_RMD";
  for (int i = 1; i < 512; ++i) want += " USR_RMD";
  EXPECT_EQ(sent(cmds, true), want + "] USR_RMD");

  const ByteBuf big(100'000, 1);
  std::vector<Encoded> pages;
  for (int i = 0; i < 4; ++i) pages.push_back(encode(s::Msg{.msg = big}));
  EXPECT_EQ(sent(pages, true), "[MSG MSG] [MSG MSG]");
}

}  // namespace
}  // namespace moot::session
