#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>

#include "client/engine.h"
#include "client/keyfile.h"
#include "net/client/connection.h"
#include "net/client/events.h"
#include "store/client_store.h"
#include "store/replica_reader.h"

namespace moot::net {

class Trace;

// Runs an engine: its socket, its timer, its commits. Everything but construction and `post`
// happens on the runtime's own thread.
class ClientRuntime final : public client::Engine::Runner {
 public:
  struct Options {
    client::KeyFile key;
    std::string dir;
    bool connect = true;
    bool answers = true;
    std::string trace_file;  // empty: none
  };
  static Result<std::unique_ptr<ClientRuntime>> start(Options options, EventQueue& events);
  ~ClientRuntime() override;

  // Runs `work` on the thread.
  void post(std::function<void()> work);
  // Runs it there and waits for what it gives. Nothing runs any more once the store could not be
  // read: then it is the error, or nothing where that cannot be said.
  template <class F, class T = std::invoke_result_t<F>>
  T ask(F work) {
    std::optional<T> answer;
    ask_erased([&] { answer.emplace(work()); });
    if (answer) return *std::move(answer);
    if constexpr (std::is_constructible_v<T, std::unexpect_t, Error>) {
      return T(std::unexpect, Error{sentence_});
    } else {
      return T{};
    }
  }

  client::Engine& engine() { return *engine_; }
  store::ClientStore& store() { return *store_; }
  const client::KeyFile& key() const { return options_.key; }
  const std::string& dir() const { return options_.dir; }
  const std::string& sentence() const { return sentence_; }
  Now now() const;

 private:
  explicit ClientRuntime(Options options, EventQueue& events);
  void ask_erased(const std::function<void()>& work);
  // Everything that steps the engine: a store that cannot be read ends it, and nothing of the step
  // that found it out is kept.
  void guarded(const std::function<void()>& work);
  void arm();
  // Whoever reads the events is behind: the server is not read either, nor connected to.
  void pause_if_full();
  void room();

  void connect() override;
  void write(Bytes octets) override;
  void close() override;
  void store(Ticket ticket, std::vector<cop::Any> ops) override;
  void event(const client::Event& event) override;
  void sent(const c::Any& cmd) override;
  void heard(const s::Any& cmd) override;

  const Options options_;
  std::unique_ptr<Trace> trace_;  // null: nobody looks on
  EventQueue* events_;
  MacKey mac_;
  session::ClientIdentity identity_;
  std::string sentence_;  // why it is not connected

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      boost::asio::make_work_guard(io_)};
  boost::asio::steady_timer timer_{io_};
  Tick armed_{0};
  std::unique_ptr<ClientConnection> connection_;
  bool connect_when_room_ = false;
  std::unique_ptr<client::Engine> engine_;
  std::function<void()> on_ended_;
  std::unique_ptr<store::ClientStore> store_;  // its thread posts into io_
  std::unique_ptr<store::ReplicaReaders> readers_;
  bool failed_ = false;  // the store could not be read
  std::thread thread_;
};

// Octets of the system's cryptographic source.
void random_octets(MutBytes out);
std::uint64_t random_u64();

}  // namespace moot::net
