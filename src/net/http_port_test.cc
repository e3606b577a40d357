#include "net/http_port.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace moot::net
