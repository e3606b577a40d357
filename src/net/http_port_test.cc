#include "net/http_port.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include "net/endpoint.h"
#include "net/local_socket.h"
#include "store/temp_dir.h"

namespace moot::net {
namespace {

HttpPages pages(std::string not_ready = {}) {
  return {.metrics = [] { return std::string("moot_up 1\n"); },
          .not_ready = [not_ready] { return not_ready; }};
}

TEST(HttpPort, AnswersItsThreePages) {
  EXPECT_EQ(answer_http("GET", "/livez", pages()).status, 200u);
  EXPECT_EQ(answer_http("HEAD", "/readyz", pages()).status, 200u);
  const HttpAnswer metrics = answer_http("GET", "/metrics?name=moot_up", pages());
  EXPECT_EQ(metrics.status, 200u);
  EXPECT_EQ(metrics.body, "moot_up 1\n");
  EXPECT_NE(metrics.type.find("version=0.0.4"), std::string_view::npos);
}

TEST(HttpPort, WhoIsNotReadyLives) {
  const HttpAnswer a = answer_http("GET", "/readyz", pages("The server stops."));
  EXPECT_EQ(a.status, 503u);
  EXPECT_EQ(a.body, "The server stops.\n");
  EXPECT_EQ(answer_http("GET", "/livez", pages("The server stops.")).status, 200u);
}

TEST(HttpPort, AnythingElseIsRefusedInWords) {
  for (const char* path :
       {"/", "", "/metrics/", "/METRICS", "metrics", "//livez", "?/livez", "*"}) {
    EXPECT_EQ(answer_http("GET", path, pages()).status, 404u) << path;
  }
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""}) {
    const HttpAnswer a = answer_http(method, "/metrics", pages());
    EXPECT_EQ(a.status, 405u) << method;
    EXPECT_EQ(a.allow, "GET, HEAD");
    EXPECT_EQ(a.body.find("moot_up"), std::string::npos);
  }
}

// What a port at a descriptor of somebody else says, where it listens or why it does not.
std::string adopted(int fd) {
  boost::asio::io_context ctx;
  const auto port =
      HttpPort::open(ctx, {.address = {}, .option = "http.listen", .inherited = fd}, pages());
  return port ? (*port)->line() : port.error().message;
}

TEST(HttpPort, AdoptsWhatListensOverTcpAndNothingElse) {
  SocketAddress at = socket_address(*parse_endpoint("127.0.0.1:0"));
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, at.any(), at.size), 0);
  EXPECT_NE(adopted(fd).find("is no listening one of TCP"), std::string::npos);
  ASSERT_EQ(::listen(fd, 1), 0);
  EXPECT_TRUE(adopted(fd).starts_with("http 127.0.0.1:"));
  const store::TempDir dir;
  const auto path = listen_local(dir / "http", 0600, 1);
  ASSERT_TRUE(path.has_value());
  EXPECT_NE(adopted(*path).find("is no listening one of TCP"), std::string::npos);
  ::close(*path);
}

}  // namespace
}  // namespace moot::net
