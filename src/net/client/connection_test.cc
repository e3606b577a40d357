#include "net/client/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "model/limits.h"

namespace moot::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// A server on loopback that a test reads and writes itself.
class Connection : public testing::Test {
 protected:
  Connection() : listener_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), server_(io_) {
    ClientConnection::Handlers on;
    on.octets = [this](Bytes octets) {
      heard_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
      if (pause_) client_->pause();
    };
    on.lost = [this](std::string why) { lost_ = std::move(why); };
    client_ = std::make_unique<ClientConnection>(
        io_, client::Address{"127.0.0.1", listener_.local_endpoint().port()}, client::Tls{},
        client::ClientCertificate{}, std::move(on));
    listener_.async_accept(server_, [this](auto) { accepted_ = true; });
    run_until([this] { return accepted_; });
  }
  template <class Until>
  void run_until(Until until) {
    io_.restart();
    while (!until() && io_.run_one_for(std::chrono::seconds(10)) > 0) {
    }
    ASSERT_TRUE(until());
  }

  asio::io_context io_{1};
  tcp::acceptor listener_;
  tcp::socket server_;
  bool accepted_ = false;
  bool pause_ = false;
  std::string heard_;
  std::optional<std::string> lost_;
  std::unique_ptr<ClientConnection> client_;
};

TEST_F(Connection, ReadsNothingWhilePausedAndAllOfItAfterwards) {
  const std::string sent = std::string(200'000, 'a') + "end";
  pause_ = true;
  bool written = false;
  asio::async_write(server_, asio::buffer(sent), [&](auto, std::size_t) { written = true; });
  run_until([&] { return !heard_.empty(); });
  const std::size_t before = heard_.size();
  EXPECT_LT(before, sent.size());
  // Whatever is ready to be done is done, and reading is not among it.
  io_.restart();
  io_.poll();
  EXPECT_EQ(heard_.size(), before);
  pause_ = false;
  client_->resume();
  run_until([&] { return written && heard_.size() == sent.size(); });
  EXPECT_EQ(heard_, sent);
}

TEST_F(Connection, AServerThatTakesNothingIsLeft) {
  const std::vector<std::uint8_t> piece(1024 * 1024, 7);
  for (std::size_t sent = 0; sent <= 2 * limits::kClientWriteBytes; sent += piece.size())
    client_->write(piece);
  run_until([&] { return lost_.has_value(); });
  EXPECT_THAT(*lost_, testing::HasSubstr("does not take what is sent"));
}

}  // namespace
}  // namespace moot::net
