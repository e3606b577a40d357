#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "moot/client.h"
#include "net/client/events.h"
#include "net/client/runtime.h"
#include "store/files.h"

namespace moot {

class Client::Impl {
 public:
  // What only the core can do with channels, on its thread.
  template <class F>
  auto on_channels(F work) {
    net::ClientRuntime& r = *runtime;
    return r.ask([&] { return r.engine().on_channels(r.now(), work); });
  }
  void done(std::uint64_t request, std::string sentence) {
    events.push({.kind = Event::Kind::done, .text = std::move(sentence), .request = request});
  }

  store::DirLock lock;
  net::EventQueue events;
  std::unique_ptr<net::ClientRuntime> runtime;
};

namespace net {
std::string no_user(std::string_view text);
inline constexpr char kUnread[] =
    "Too much has happened that was not read; read the events, then send.";
}  // namespace net

}  // namespace moot
