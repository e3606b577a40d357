#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/print.h"
#include "server/core.h"
#include "wire/commands.h"

// A core with its shell played by the test: effects become lines of text, the disk is a list of
// operations that is "synced" when the test says so.
namespace moot::server {

class NoRecords : public KeptRecords {
 public:
  const RecordReader& of(const ChannelId&) const override;
};

class Harness : public Effects {
 public:
  explicit Harness(std::vector<std::string> users, Config config = quiet_config());

  static Config quiet_config();
  static MsgId id(unsigned n);  // a message id of the harness's present
  static UserId user(std::string_view t) { return *UserId::parse(t); }
  static Kid kid(std::string_view user, unsigned device = 0);
  void add_device(std::string_view user, unsigned device);
  // A channel with these members, there after `restart`.
  void add_channel(unsigned n, const std::vector<std::string>& members);

  // ---- what the test does ----
  ConnId connect(std::string_view user, unsigned device = 0, bool secure = true);
  void connect_invite(ConnId& out, const Kid& kid, bool secure = true);
  void say(ConnId conn, const c::Any& cmd);
  // In one turn: the shell answers behind the last.
  void say_together(const std::vector<std::pair<ConnId, c::Any>>& all);
  void say_batch(ConnId conn, const std::vector<c::Any>& cmds);
  void gone(ConnId conn);
  // Its send queue is not drained any more until `drain`; `stall`: and above the soft bound now.
  void read_nothing(ConnId conn) { stalled_.insert(conn); }
  void stall(ConnId conn);
  void drain(ConnId conn);
  void pass(Millis d);  // time goes by, deadlines are met
  void sync();          // everything persisted so far is on disk
  void restart();       // a new core on what is on disk
  // Lines since the last call, one effect each.
  std::string log();
  // Only those to this connection.
  std::string heard(ConnId conn);
  Core& core() { return *core_; }
  Now now() const { return now_; }
  void check() { core_->check_invariants(); }
  std::size_t presence_frames(ConnId conn) const;
  // Lines to others are not written down: for large crowds.
  void listen_only(ConnId conn) { only_ = conn; }
  const std::vector<op::Any>& ops() const { return ops_; }
  static MadeKey made(unsigned n);

  // ---- Effects ----
  void send(Conns to, const s::Any& cmd, Ticket after) override;
  void sinfo(ConnId to, std::optional<std::uint64_t> ref, Ticket after) override;
  void close(ConnId conn, DcnnCode code, std::string_view sentence,
             std::optional<std::uint64_t> retry_s, Ticket after) override;
  void finish(ConnId conn) override;
  Ticket persist(op::Any op) override;
  void fetch_offline(ConnId conn, const Kid& kid, std::uint64_t after_seq) override;
  void need_key(ConnId conn, const UserId& account, const std::optional<Kid>& existing) override;
  void mark(ConnId conn, std::uint64_t token) override;
  void seen(ConnId conn, std::uint64_t nonce) override;
  void when_drained(ConnId conn, Ticket after) override;
  void pause(ConnId conn, Tick until) override;

 private:
  struct Line {
    ConnId to;
    std::string text;
    Ticket after;
  };
  void put(ConnId to, std::string text, Ticket after = {});
  void frame(ConnId conn, const c::Any& cmd);
  void answer();  // what the shell owes the core
  ServerSnapshot on_disk() const;

  Config config_;
  NoRecords records_;
  std::vector<Account> accounts_;
  std::vector<Credential> credentials_;
  std::unique_ptr<Core> core_;
  Now now_{{1'000'000}, {1'700'000'000'000}};
  std::uint64_t next_conn_ = 0;
  std::uint64_t ticket_ = 0;
  std::uint64_t synced_ = 0;
  std::vector<op::Any> ops_;
  std::map<ConnId, std::uint64_t> nonces_;
  std::map<ConnId, std::size_t> presence_;
  std::vector<Line> lines_;  // left the shell
  std::vector<Line> held_;   // wait for their ticket
  struct Fetch {
    ConnId conn;
    Kid kid;
    std::uint64_t after;
  };
  std::vector<Fetch> fetches_;
  struct Want {
    ConnId conn;
    UserId account;
    std::optional<Kid> existing;
  };
  std::vector<Want> wants_;
  std::vector<std::pair<ConnId, std::uint64_t>> seen_;
  std::set<ConnId> stalled_;
  std::set<ConnId> to_drain_;  // who asked for it
  unsigned next_key_ = 1000;
  std::optional<ConnId> only_;
};

// ---- what tests of private messages say, and see ----

inline const ByteBuf kBody{1, 2, 3};

inline c::PvMsg pv(std::string_view to, unsigned n, Bytes body = kBody) {
  return {.to = Harness::user(to), .msg_id = Harness::id(n), .msg = body};
}
inline c::AckMsg ack(std::string_view from, unsigned n) {
  return {.from = Harness::user(from), .msg_id = Harness::id(n)};
}
inline std::string id_text(unsigned n) { return text(Harness::id(n)); }
// With kBody, sent in the harness's present.
inline std::string msg_line(std::string_view from, unsigned n) {
  return "MSG from=@" + std::string(from) + " msg_id=" + id_text(n) +
         " msg=010203 sent=1700000000000";
}
inline std::string msg_ack(unsigned n, std::string_view from) {
  return "MSG_ACK msg_id=" + id_text(n) + " from=@" + std::string(from);
}
inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace moot::server
