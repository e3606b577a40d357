#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "apps/moot/commands.h"
#include "apps/moot/local_socket.h"
#include "apps/moot/show_channel.h"
#include "base/check.h"
#include "client/keyfile.h"
#include "store/files.h"
#include "store/temp_dir.h"

namespace moot::app {

// What an owner says of a channel or a post: as a line of an answer, as an event.
inline void put(Json& json, const Client::Channel& c) { put_channel(json, c); }
inline void put(Json& json, const Client::Post& p) { put_post(json, p); }
template <class T>
Json line(const T& what) {
  Json json;
  put(json, what);
  return json;
}
template <class T>
Json event(std::string_view ev, const T& what) {
  Json json;
  put(json.set("ev", ev), what);
  return json;
}

// The owner of a store as a test wants it, on the real socket: what is asked, and what it says.
class ScriptedOwner {
 public:
  // The lines for a question. Those with `ev` go as they are, the others as its answer; the last of
  // the answer gets its `end`, and an answer without lines is one. `watch` is answered with
  // `caught_up` when there is nothing for it. At a line with `ends` this owner ends, and whoever
  // comes back meets the next one.
  using Script = std::function<std::vector<Json>(const Json& ask)>;

  // The first `ending` guests meet a process that is ending: it takes them and answers nothing.
  ScriptedOwner(const std::string& dir, Script script, int ending = 0)
      : dir_(dir),
        script_(std::move(script)),
        listener_(std::move(*listen_in(dir))),
        ending_(ending) {
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedOwner() {
    ended_ = true;
    thread_.join();
  }

  // The questions so far, without `hello` and `watch`.
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void run() {
    while (!ended_) {
      pollfd p{listener_.get(), POLLIN, 0};
      if (poll(&p, 1, 20) <= 0) continue;
      Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (fd && --ending_ < 0) serve(Lines(std::move(fd)));
    }
  }

  void serve(Lines guest) {
    while (!ended_) {
      const auto got = guest.receive(std::chrono::milliseconds(20));
      if (got.ended) return;
      if (got.line && !answer(guest, *got.line)) return;
    }
  }

  // False: that was all that this owner says.
  bool answer(Lines& guest, const Json& ask) {
    if (ask.str("do") == "hello") {
      guest.send(Json().set("re", ask.u64("n")).set("end", true));
      return true;
    }
    std::vector<Json> lines = script_(ask);
    const bool ends = std::erase_if(lines, [](const Json& line) { return line.has("ends"); }) > 0;
    if (ask.str("do") == "watch") {
      std::erase_if(lines, [](const Json& line) { return !line.has("ev"); });
      if (lines.empty()) lines.push_back(Json().set("ev", "caught_up").set("self", "ada"));
    } else {
      const std::lock_guard lock(mutex_);
      asked_.push_back(ask.text());
    }
    bool answered = ask.str("do") == "watch";
    std::size_t last = lines.size();
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!lines[i].has("ev")) last = i;
    }
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].has("ev")) {
        guest.send(lines[i]);
        continue;
      }
      // POSTs and CHANNELs are told, then the end; an answer of one line is its end: a draft, an
      // error, what became of `send`.
      const bool whole =
          lines[i].has("draft_only") || !lines[i].str("error").empty() || ask.str("do") == "send";
      Json line = Json().set("re", ask.u64("n"));
      if (whole) {
        if (!lines[i].str("error").empty()) line.set("error", lines[i].str("error"));
        if (lines[i].has("draft_only")) line.set("draft", lines[i].u64("draft_only"));
        if (ask.str("do") == "send") line.set("id", lines[i].str("id"));
        guest.send(line.set("end", true));
        answered = true;
      } else {
        guest.send(with(line, lines[i]));
        if (i == last) {
          guest.send(Json().set("re", ask.u64("n")).set("end", true));
          answered = true;
        }
      }
    }
    if (!answered) guest.send(Json().set("re", ask.u64("n")).set("end", true));
    return !ends;
  }

  // `line` with what `more` says.
  static Json with(const Json& line, const Json& more) {
    const std::string a = line.text();
    const std::string b = more.text();
    return *Json::parse(a.substr(0, a.size() - 1) + ',' + b.substr(1));
  }

  const std::string dir_;
  const Script script_;
  Fd listener_;
  int ending_;
  std::atomic<bool> ended_ = false;
  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::thread thread_;
};

// A directory with ada's key in it, and `moot` on it.
class CommandTest : public testing::Test {
 protected:
  CommandTest() {
    client::KeyFile key;
    key.account = *UserId::parse("ada");
    key.srv = "moot.test";
    key.address = "127.0.0.1:1";
    MOOT_CHECK(
        store::write_new(dir_ + "/" + kKeyName, as_bytes(client::write_key_file(key))).has_value());
  }

  struct Ran {
    int code = 0;
    std::string out;
    std::string err;
  };
  Ran moot(std::vector<std::string> args) {
    args.insert(args.begin(), {"moot", "--home", dir_});
    std::vector<const char*> argv;
    for (const std::string& a : args) argv.push_back(a.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ran ran;
    ran.code = run_moot(static_cast<int>(argv.size()), argv.data(), "0");
    std::fflush(stdout);
    ran.out = testing::internal::GetCapturedStdout();
    ran.err = testing::internal::GetCapturedStderr();
    return ran;
  }

  const store::TempDir temp_;
  const std::string dir_ = temp_.path();
};

}  // namespace moot::app
