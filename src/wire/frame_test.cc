#include "wire/frame.h"

#include <gtest/gtest.h>

#include <string>

namespace moot::wire {
namespace {

std::string frame_text(std::string_view cmd, std::string_view payload) {
  return std::string(cmd) + "\n" + std::to_string(payload.size()) + "\n" + std::string(128, 'a') +
         "\n" + std::string(payload);
}

// Feeds `stream` cut at `cut` (and octet by octet for cut == npos); returns the commands found,
// with
// "!" where the stream died.
std::string commands_in(const std::string& stream, std::size_t step) {
  FrameReader reader;
  std::string got;
  std::string held;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    held += stream.substr(at, step);
    for (;;) {
      const auto status = reader.next(as_bytes(held), 1000);
      if (status == FrameReader::Status::need_more) break;
      if (status == FrameReader::Status::bad) return got + "!";
      got += reader.frame().cmd;
      got += '=';
      got += as_text(reader.frame().payload);
      got += ' ';
      held.erase(0, reader.frame().octets);
    }
  }
  return got;
}

TEST(FrameReader, FR_08_FindsTheSameFramesHoweverTheOctetsAreCut) {
  const std::string stream =
      frame_text("MSG", "\x81xyz") + frame_text("KALIVE", "a") + frame_text("CH_MSG_2", "\n\n");
  const std::string want = commands_in(stream, stream.size());
  EXPECT_EQ(want, "MSG=\x81xyz KALIVE=a CH_MSG_2=\n\n ");
  for (std::size_t step = 1; step < stream.size(); ++step)
    EXPECT_EQ(commands_in(stream, step), want) << step;
}

TEST(FrameReader, LooksAtThePayloadLimitInForce) {
  const std::string stream = "CNN\n1025\n";
  FrameReader reader;
  EXPECT_EQ(reader.next(as_bytes(stream).first(8), 1024), FrameReader::Status::need_more);
  EXPECT_EQ(reader.next(as_bytes(stream), 1024), FrameReader::Status::bad);
  EXPECT_EQ(reader.next(as_bytes(stream), 9999), FrameReader::Status::bad)
      << "there is no resynchronisation";
}

TEST(FrameReader, TellsWhatItWantsOnceTheHeaderIsKnown) {
  const std::string f = frame_text("MSG", "0123456789");
  FrameReader reader;
  EXPECT_FALSE(reader.started());
  EXPECT_EQ(reader.next(as_bytes(f).first(20), 100), FrameReader::Status::need_more);
  EXPECT_TRUE(reader.started());
  EXPECT_EQ(reader.wanted(), 0u);
  EXPECT_EQ(reader.next(as_bytes(f).first(f.size() - 1), 100), FrameReader::Status::need_more);
  EXPECT_EQ(reader.wanted(), f.size());
  EXPECT_EQ(reader.next(as_bytes(f), 100), FrameReader::Status::frame);
  EXPECT_EQ(reader.frame().octets, f.size());
  EXPECT_FALSE(reader.started());
}

TEST(PutFrame, WritesWhatTheReaderReads) {
  Buffer out;
  out.put(as_bytes("before"));
  const FrameSlot slot = put_frame(out, "PV_MSG", 3);
  std::memcpy(out.data() + slot.payload, "abc", 3);
  put_zero_signature(out, slot);
  out.drop_front(6);
  FrameReader reader;
  ASSERT_EQ(reader.next(out.bytes(), 10), FrameReader::Status::frame);
  EXPECT_EQ(reader.frame().cmd, "PV_MSG");
  EXPECT_EQ(as_text(reader.frame().payload), "abc");
  EXPECT_TRUE(is_zero_signature(reader.frame().sig));
  EXPECT_EQ(reader.frame().octets, out.size());
}

}  // namespace
}  // namespace moot::wire
