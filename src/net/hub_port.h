#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/buffer.h"
#include "net/source_limits.h"
#include "server/core.h"

// What a thread tells the hub. On the hub's own thread a call is the step itself; from another
// thread calls are collected and handed over once a turn.
namespace moot::net {

// A CNN before it is believed: who it says it is.
struct CnnName {
  ConnId conn;
  UserId account;
  std::optional<Kid> kid;
  bool wall = false;  // `kid` is the record of the wall's identity: no key is tried
  bool literal = false;
  std::uint64_t nonce = 0;
  std::uint64_t timestamp = 0;
  std::optional<Address> source;  // where it is one that is counted
};

// Who a wall says is at the other end, before anything was said to him. The first identity that
// there is a record of counts.
struct WallClaim {
  ConnId conn;
  std::vector<WallIdentity> identities;
  std::optional<Address> source;  // not counted yet: a front told it
};

class HubPort {
 public:
  virtual ~HubPort() = default;
  virtual void look_up_wall(const WallClaim& claim) = 0;  // -> Out::wall
  virtual void look_up(const CnnName& name) = 0;          // -> Out::keys
  virtual void refused(const CnnName& name) = 0;          // its signature, silently
  virtual void admit(const server::Admission& who, const UserId& account) = 0;
  virtual void frame(const server::Incoming& in) = 0;
  virtual void gone(ConnId conn) = 0;
  virtual void reached(ConnId conn, std::uint64_t token) = 0;
  virtual void behind(ConnId conn) = 0;   // its send queue went above the soft bound
  virtual void drained(ConnId conn) = 0;  // what Out::drained asked for
  virtual void settled(const Address& from, SourceLimits::Fault fault) = 0;
};

// The calls of one turn of another thread.
struct InBatch {
  struct Frame {
    ConnId conn;
    std::uint64_t nonce = 0;
    std::uint32_t at = 0;
    std::uint32_t cmd_size = 0;
    std::uint32_t payload_size = 0;
    std::size_t octets = 0;
  };
  struct Admit {
    server::Admission who;
    UserId account;
  };
  struct Refused {
    CnnName name;
  };
  struct Gone {
    ConnId conn;
  };
  struct Reached {
    ConnId conn;
    std::uint64_t token = 0;
  };
  struct Queue {
    ConnId conn;
    bool drained = false;  // else behind
  };
  struct Settled {
    Address from;
    SourceLimits::Fault fault = SourceLimits::Fault::none;
  };
  using Call =
      std::variant<Frame, WallClaim, CnnName, Refused, Admit, Gone, Reached, Queue, Settled>;
  std::vector<Call> calls;
  Buffer octets;

  std::size_t memory() const { return octets.size() + calls.size() * sizeof(Call); }
};

class QueuePort : public HubPort {
 public:
  void look_up_wall(const WallClaim& claim) override { batch_.calls.emplace_back(claim); }
  void look_up(const CnnName& name) override { batch_.calls.emplace_back(name); }
  void refused(const CnnName& name) override { batch_.calls.emplace_back(InBatch::Refused{name}); }
  void admit(const server::Admission& who, const UserId& account) override {
    batch_.calls.emplace_back(InBatch::Admit{who, account});
  }
  void frame(const server::Incoming& in) override {
    const auto at = static_cast<std::uint32_t>(batch_.octets.size());
    batch_.octets.put(as_bytes(in.cmd));
    batch_.octets.put(in.payload);
    batch_.calls.emplace_back(
        InBatch::Frame{in.conn, in.nonce, at, static_cast<std::uint32_t>(in.cmd.size()),
                       static_cast<std::uint32_t>(in.payload.size()), in.octets});
  }
  void gone(ConnId conn) override { batch_.calls.emplace_back(InBatch::Gone{conn}); }
  void reached(ConnId conn, std::uint64_t token) override {
    batch_.calls.emplace_back(InBatch::Reached{conn, token});
  }
  void behind(ConnId conn) override { batch_.calls.emplace_back(InBatch::Queue{conn, false}); }
  void drained(ConnId conn) override { batch_.calls.emplace_back(InBatch::Queue{conn, true}); }
  void settled(const Address& from, SourceLimits::Fault fault) override {
    batch_.calls.emplace_back(InBatch::Settled{from, fault});
  }
  bool empty() const { return batch_.calls.empty(); }
  InBatch take() { return std::exchange(batch_, InBatch()); }

 private:
  InBatch batch_;
};

// Makes the calls of a batch, in order.
inline void replay(const InBatch& batch, HubPort& to) {
  for (const InBatch::Call& call : batch.calls) {
    if (const auto* f = std::get_if<InBatch::Frame>(&call)) {
      const Bytes all = batch.octets.bytes().subspan(f->at, f->cmd_size + f->payload_size);
      to.frame({f->conn, f->nonce, as_text(all.first(f->cmd_size)), all.subspan(f->cmd_size),
                f->octets});
    } else if (const auto* w = std::get_if<WallClaim>(&call)) {
      to.look_up_wall(*w);
    } else if (const auto* n = std::get_if<CnnName>(&call)) {
      to.look_up(*n);
    } else if (const auto* r = std::get_if<InBatch::Refused>(&call)) {
      to.refused(r->name);
    } else if (const auto* a = std::get_if<InBatch::Admit>(&call)) {
      to.admit(a->who, a->account);
    } else if (const auto* g = std::get_if<InBatch::Gone>(&call)) {
      to.gone(g->conn);
    } else if (const auto* e = std::get_if<InBatch::Reached>(&call)) {
      to.reached(e->conn, e->token);
    } else if (const auto* q = std::get_if<InBatch::Queue>(&call)) {
      q->drained ? to.drained(q->conn) : to.behind(q->conn);
    } else if (const auto* s = std::get_if<InBatch::Settled>(&call)) {
      to.settled(s->from, s->fault);
    }
  }
}

}  // namespace moot::net
