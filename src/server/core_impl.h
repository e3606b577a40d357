#pragma once

#include <algorithm>
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
  ChannelSink(Effects& fx, Conn* conn, const Ref* ref) : fx_(fx), conn_(conn), ref_(ref) {}

  void send(Conns to, const s::Any& cmd) override { fx_.send(to, cmd, {}); }
  void send_after(Ticket after, Conns to, const s::Any& cmd) override {
    fx_.send(to, cmd, after);
    // The next barrier of this connection is not past what it is still to hear.
    if (conn_ != nullptr && std::ranges::binary_search(to, conn_->id))
      conn_->barrier = std::max(conn_->barrier, after);
  }
  Ticket persist(op::Any op) override {
    const Ticket t = fx_.persist(std::move(op));
    // What a command of this connection made durable, its next barrier waits for.
    if (conn_ != nullptr) conn_->barrier = t;
    return t;
  }
  void err(ConnId to, Errc code, std::string_view sentence, const ErrDetail& detail) override;
  void disconnect(ConnId conn, DcnnCode code, std::string_view sentence) override {
    fx_.close(conn, code, sentence, std::nullopt, {});
  }

 private:
  Effects& fx_;
  Conn* conn_;
  const Ref* ref_;
};

// The same for an operator's command, which waits for all that it made durable.
class AdminSink : public ChannelSink {
 public:
  AdminSink(Effects& fx, Ticket last) : ChannelSink(fx, nullptr, nullptr), last_(last) {}
  Ticket persist(op::Any op) override { return last_ = ChannelSink::persist(std::move(op)); }
  Ticket last() const { return last_; }

 private:
  Ticket last_;
};

struct Core::Impl {
  Impl(const Config& config, const TextRules& text, const ServerSnapshot& stored,
       const KeptRecords& records, Now now);
  static PrivateLimits private_limits(const Config& c);

  // One command of a frame, or of a BATCH; none: it made no sense and was told so.
  void command(const Step& step, Conn& conn, const Ref& ref, const c::Any& cmd, std::size_t octets);
  void decode(const Step& step, Conn& conn, const Ref& ref, Bytes map, std::size_t octets);
  void batch(const Step& step, Conn& conn, const Ref& ref, const c::Batch& cmd, std::size_t octets);
  void senseless(const Step& step, Conn& conn, const Ref& ref, Errc code,
                 std::string_view sentence);
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
  Arena arena;
};

}  // namespace moot::server
