#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/arena.h"
#include "server/accounts.h"
#include "server/cnn_nonces.h"
#include "server/context.h"
#include "server/core.h"
#include "server/presence.h"
#include "server/private_messages.h"

namespace moot::server {

// What Channels wants done, with the reference to the command in hand. `conn` and `ref` are null
// where no command is.
class ChannelSink : public ChannelEffects {
 public:
  ChannelSink(ConnTable& conns, const Rates& rates, const Step& step, Conn* conn = nullptr,
              const Ref* ref = nullptr)
      : conns_(conns), rates_(rates), step_(step), conn_(conn), ref_(ref) {}

  void send(Conns to, const s::Any& cmd) override { send_after({}, to, cmd); }
  void send_after(Ticket after, Conns to, const s::Any& cmd) override;
  Ticket persist(op::Any op) override;
  void err(ConnId to, Errc code, std::string_view sentence, const ErrDetail& detail) override;
  void disconnect(ConnId conn, DcnnCode code, std::string_view sentence) override;
  void refused_candidate(ConnId conn) override;
  void happened(ChannelEvent event) override { step_.fx.happened(event); }
  // Was the command refused as one that makes no sense?
  bool senseless() const { return senseless_; }

 private:
  void charge_fan_out(Conns to, const s::Any& cmd);

  ConnTable& conns_;
  const Rates& rates_;
  Step step_;
  Conn* conn_;
  const Ref* ref_;
  bool senseless_ = false;
};

// The same for an operator's command, which waits for all that it made durable.
class AdminSink : public ChannelSink {
 public:
  AdminSink(ConnTable& conns, const Rates& rates, const Step& step, Ticket last)
      : ChannelSink(conns, rates, step), last_(last) {}
  Ticket persist(op::Any op) override { return last_ = ChannelSink::persist(std::move(op)); }
  Ticket last() const { return last_; }

 private:
  Ticket last_;
};

struct Core::Impl {
  Impl(const Config& config, const TextRules& text, const ServerSnapshot& stored,
       const KeptRecords& records, Now now);
  static PrivateLimits private_limits(const Config& c);
  ChannelSink sink(const Step& step, Conn* conn = nullptr, const Ref* ref = nullptr) {
    return {conns, config.rates, step, conn, ref};
  }
  AdminSink admin_sink(const Step& step, Ticket last = {}) {
    return {conns, config.rates, step, last};
  }

  // One command of a frame, or of a BATCH.
  void command(const Step& step, Conn& conn, const Ref& ref, const c::Any& cmd, std::size_t octets);
  void charge(const Step& step, Conn& conn, const c::Any& cmd, std::size_t octets);
  // Keeps a question for later where its answer has to wait. True: it did, or ended the connection.
  bool held_back(const Step& step, Conn& conn, const Ref& ref, const c::Any& cmd, Bytes map);
  void answer_held(const Step& step, Conn& conn);
  void decode(const Step& step, Conn& conn, const Ref& ref, Bytes map, std::size_t octets);
  void batch(const Step& step, Conn& conn, const Ref& ref, const c::Batch& cmd, std::size_t octets);
  void senseless(const Step& step, Conn& conn, const Ref& ref, Errc code,
                 std::string_view sentence);
  void count_senseless(const Step& step, Conn& conn);
  void info(const Step& step, Conn& conn, const Ref& ref);
  void usr_set(const Step& step, Conn& conn, const Ref& ref, const c::UsrSet& cmd);
  void cnn_usr(const Step& step, Conn& conn, const Ref& ref, const c::CnnUsr& cmd);
  void enrol(const Step& step, Conn& conn, const Ref& ref, const c::Enrol& cmd);

  bool here(const UserId& user) const;
  void end(const Step& step, Conn& conn, DcnnCode code, std::string_view sentence,
           Ticket after = {});
  // Everything that hangs on a credential that is no more.
  void end_credential(const Step& step, const Kid& kid, Ticket after);
  void expire(const Step& step);

  // server/admin.cc
  Result<Done> user_add(const Step& step, std::string_view actor, std::string_view id,
                        std::string_view name, Credential first);
  Result<Done> key_add(const Step& step, std::string_view actor, std::string_view id, Credential c);
  Status prepare(Credential& c, const UserId& user, Now now) const;

  // An ENROL that waits for its key.
  struct Wanted {
    UserId id;
    std::string name;
    std::string label;
    Ref ref;
    bool again = false;  // the same answer as before
  };

  Config config;
  TextRules text;
  UnixMs wall;  // of the latest step
  Accounts accounts;
  ConnTable conns;
  CnnNonces nonces;
  Channels channels;
  Presence presence;
  PrivateMessages messages;
  std::map<ConnId, Wanted> keys_wanted;
  Tick next_expiry_check;
  Received received{};
  Arena arena;
};

}  // namespace moot::server
