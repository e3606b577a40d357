#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "net/failed_keys.h"
#include "net/fan_out.h"
#include "net/held_names.h"
#include "net/hub_port.h"
#include "net/mailbox.h"
#include "net/options.h"
#include "server/core.h"
#include "store/kept_reader.h"
#include "store/server_store.h"

namespace moot::net {

// What the store's thread tells the hub.
struct StoreNews {
  struct Committed {
    Ticket upto;
  };
  struct Page {
    ConnId conn;
    server::OfflinePage page;
  };
  struct Failed {
    Error error;
  };
  Mailbox<std::variant<Committed, Page, Failed>> mail;
  std::function<void()> wake = [] {};  // set before the first operation, thread-safe

  template <class T>
  void put(T news) {
    if (mail.put(std::move(news))) wake();
  }
};

// The server core with its store: every step of every connection and every command of an operator
// goes through here. It can live without any thread of connections: that is how commands work on
// the store of a stopped server.
// Thread rule: one thread, the first.
class Hub : public HubPort {
 public:
  // Opens the store, which takes the data directory for this process, and loads it.
  static Result<std::unique_ptr<Hub>> open(const ServerOptions& options, unsigned threads);
  ~Hub() override;

  // Before the first connection.
  void start(Now now);
  void configure(const LiveOptions& live);
  void shutdown(Now now, std::uint64_t retry_s);

  // ---- HubPort: steps of connections ----
  void look_up_wall(const WallClaim& claim) override;
  void look_up(const CnnName& name) override;
  void refused(const CnnName& name) override;
  void admit(const server::Admission& who, const UserId& account) override;
  void frame(const server::Incoming& in) override;
  void gone(ConnId conn) override;
  void reached(ConnId conn, std::uint64_t token) override;
  void behind(ConnId conn) override;
  void drained(ConnId conn) override;
  void settled(const Address& from, SourceLimits::Fault fault) override;

  // ---- a turn ----
  void set_now(Now now) { now_ = now; }
  // What the store said, what is due.
  void turn(Now now);
  // What the steps asked for: keys made, operations handed to the store.
  void settle();
  std::unique_ptr<Outbox> take(unsigned thread) { return fx_.take(thread); }
  Tick next_deadline() const { return std::min(core_->next_deadline(), held_.next_deadline()); }
  // The store failed, or could not be read: nothing is served any more.
  const std::optional<Error>& failure() const { return failure_; }
  bool all_committed() const { return uncommitted() == 0; }
  std::uint64_t uncommitted() const { return fx_.newest().n - fx_.committed().n; }

  // ---- for operators ----
  void failed(const Error& error) {
    if (!failure_) failure_ = error;
  }
  server::Core& core() { return *core_; }
  FanOut& effects() { return fx_; }
  store::ServerStore& store() { return *store_; }
  Now now() const { return now_; }
  StoreNews& news() { return *news_; }
  SourceLimits& sources() { return sources_; }
  const store::GroupCommit::Tallies& store_tallies() const { return store_->tallies(); }
  // A new key sealed for the account, in place for the core.
  server::MadeKey make_key(const UserId& account, CredentialKind kind);
  // Waits until all that was asked for is on disk. For commands of a stopped server.
  Status commit_all();
  // Commits what was asked for and ends the store's thread: nobody is woken after it.
  // No step comes after it.
  void close();

 private:
  Hub(const ServerOptions& options, unsigned threads, std::uint64_t seed);
  template <class Step>
  void guarded(Step step);
  // What the store said.
  void hear();
  void answer(const CnnName& name);
  void answer_held();
  server::MadeKey existing_key(const UserId& account, const Kid& kid);
  // Whether failures of this key from there are counted.
  bool counts(const CnnName& name) const { return name.source && !sources_.exempt(*name.source); }
  KeyAnswer::Candidate nobody() const { return {nobody_, {}}; }

  std::unique_ptr<StoreNews> news_ = std::make_unique<StoreNews>();
  std::unique_ptr<store::ServerStore> store_;
  std::unique_ptr<store::KeptReaders> kept_;  // ends before its store
  TextRules text_;
  FanOut fx_;
  std::unique_ptr<server::Core> core_;
  SourceLimits sources_;
  FailedKeys failed_keys_;
  HeldNames held_;
  Credential nobody_;  // what an unknown name is tried against
  Now now_;
  std::optional<Error> failure_;
  std::vector<std::variant<StoreNews::Committed, StoreNews::Page, StoreNews::Failed>> taken_;
};

// Facts of Unicode for the cores.
TextRules unicode_rules();

}  // namespace moot::net
