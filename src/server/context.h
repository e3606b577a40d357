#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/groups.h"
#include "base/slot_table.h"
#include "base/time.h"
#include "channel/effects.h"
#include "model/id_hash.h"
#include "model/ids.h"
#include "model/store_ops.h"
#include "server/causes.h"
#include "server/effects.h"
#include "server/held_questions.h"
#include "server/rates.h"

namespace moot::server {

// One connection that is through CNN.
struct Conn {
  ConnId id;
  UserId user;
  Kid kid;
  std::optional<Kid> wall;  // the second factor, where the wall is one
  bool secure = false;      // keys may travel
  bool batch = false;
  bool closing = false;  // its end was decided; what still arrives is ignored
  // The last ticket that a command of this connection caused: a barrier waits for it.
  Ticket barrier;
  RateMeter meter;
  Causes causes;
  // Its send queue is above the soft bound, or may be by what we put there: bulk waits until the
  // shell says that it is drained (protocol.md 10).
  bool behind = false;
  // Most connections never need any of this.
  struct Seldom {
    Tick senseless_since;
    unsigned senseless = 0;
    std::size_t bulk = 0;  // octets of bulk since it was last drained
    Ticket bulk_after;     // what they leave after
    std::optional<HeldQuestions> held;
  };
  Seldom& seldom() {
    if (!seldom_) seldom_ = std::make_unique<Seldom>();
    return *seldom_;
  }
  bool holds_questions() const { return seldom_ && seldom_->held; }

  std::unique_ptr<Seldom> seldom_;  // through seldom()
  Together<ConnId> with_user;       // of ConnTable
  Together<ConnId> with_kid;

  void recycle(bool) { *this = {}; }
};

// Who is connected, by connection, by user and by credential.
class ConnTable {
 public:
  Conn* find(ConnId id) {
    auto* entry = all_.find(id);
    return entry == nullptr ? nullptr : &entry->value;
  }
  const Conn* find(ConnId id) const {
    const auto* entry = all_.find(id);
    return entry == nullptr ? nullptr : &entry->value;
  }
  Conn& add(Conn conn);
  void remove(ConnId id);
  // The connections of a user; empty: offline. An invitation's connection is nobody's.
  std::span<const ConnId> of(const UserId& user) const;
  // The connection that uses a credential now (an invitation may have several: any of them).
  Conn* of_credential(const Kid& kid);
  bool online(const UserId& user) const { return !of(user).empty(); }
  std::size_t users() const { return by_user_.size(); }
  std::size_t size() const { return all_.size(); }
  // In no order that means something, but the same one after the same steps.
  template <class Each>
  void for_each(Each each) {
    all_.for_each([&](auto& entry) { each(entry.value); });
  }
  template <class Each>
  void for_each_user(Each each) const {
    all_.for_each([&](const auto& entry) {
      const UserId& user = entry.value.user;
      if (!user.reserved() && by_user_.is_first(all_, entry)) each(user, of(user));
    });
  }

 private:
  using Table = SlotTable<ConnId, Conn, ConnHash>;
  Table all_;
  Groups<Table, UserHash, &Conn::user, &Conn::with_user> by_user_;  // nobody of a reserved name
  Groups<Table, KidHash, &Conn::kid, &Conn::with_kid> by_kid_;
};

// The command in hand: what an ERR refers to.
struct Ref {
  std::uint64_t nonce = 0;
  std::string_view cmd;
  std::optional<std::uint64_t> index;  // its place in a BATCH
};

// One step: when it is and where its effects go.
struct Step {
  Now now;
  Effects& fx;

  void send(ConnId to, const s::Any& cmd, Ticket after = {}) const {
    fx.send({&to, 1}, cmd, after);
  }
  void send(std::span<const ConnId> to, const s::Any& cmd, Ticket after = {}) const {
    if (!to.empty()) fx.send(to, cmd, after);
  }
  void err(const Conn& to, const Ref& ref, Errc code, std::string_view sentence,
           ErrDetail detail = {}) const {
    send(to.id, s::Err{.ref = ref.nonce,
                       .ref_cmd = ref.cmd,
                       .code = text(code),
                       .message = sentence,
                       .channel = detail.channel,
                       .id = detail.id,
                       .now = detail.now,
                       .retry_ms = detail.retry_ms,
                       .ref_index = ref.index});
  }
  Ticket persist(op::Any op) const { return fx.persist(std::move(op)); }

  // A page: after so many that the queue may be above its soft bound the next one waits.
  void send_bulk(Conn& to, const s::Any& cmd, Ticket after = {}) const;
  void count_bulk(Conn& to, const s::Any& cmd, Ticket after) const;
  // From now on bulk for the connection waits.
  void behind(Conn& conn) const;
};

}  // namespace moot::server
