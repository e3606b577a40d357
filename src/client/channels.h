#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/asks.h"
#include "client/channel_lists.h"
#include "client/local_channel.h"

namespace moot::client {

// The channels of this device (protocol.md 6.3): those of which it has a replica, and what is asked
// of the server about others. Names are compared case-folded; they come without "#". The id of a
// channel of ours, as text, is taken for its name, and stays so whatever it is called.
class Channels {
 public:
  // `records` outlives it and shows what the same store loaded.
  Channels(Context& cx, Asks& asks, const ReplicaRecords& records);

  void load(std::vector<StoredChannel> stored, std::vector<WaitingText> waiting);

  // ---- the connection ----
  void opened();
  void lost();
  // False: it is not about channels.
  bool deliver(const s::Any& cmd);
  bool refused(const s::Err& err);
  bool wants_barrier() const { return lists_.wants_barrier(); }
  void safe_upto(SentId barrier) { lists_.safe_upto(barrier); }
  // The first barrier of this connection passed: every channel of ours was told.
  void caught_up();
  // Another connection took over; it may carry copies of our replicas.
  void replaced();

  // ---- disk and time ----
  void stored();
  void tick();
  Tick next_tick() const;
  void end_step(bool flush);

  // ---- the user ----
  Status attach(std::string_view name);
  void attach_all();
  // Gives the draft number.
  Result<std::uint64_t> post(std::string_view name, std::string_view text);
  struct New {
    std::string name;
    std::optional<Keeper> keeper;  // nothing: as the server is configured
    Visibility visibility = Visibility::public_;
    History history = History::all;
  };
  void create(RequestId request, const New& channel);
  void enter(RequestId request, std::string_view name);
  void leave(RequestId request, std::string_view name);
  void invite(RequestId request, std::string_view name, const UserId& user);
  void kick(RequestId request, std::string_view name, const UserId& user);
  void set(RequestId request, std::string_view name, const std::optional<std::string>& new_name,
           const std::optional<std::string>& topic, const std::vector<RoleOf>& roles);
  void list(RequestId request) { lists_.list(request); }
  void members(RequestId request, std::string_view name);
  void pull(RequestId request, std::string_view name);
  void mark_read(std::string_view name, std::uint64_t upto);

  // Ours, also those that we left while something of them is here.
  const LocalChannel* find(std::string_view name) const;
  std::vector<const LocalChannel*> all() const;
  // Waits of the user that no server knows of.
  std::size_t unsent() const;
  void check_invariants() const;

 private:
  struct Pull {
    RequestId request;
    ChannelId channel;
    std::uint64_t syncs = 0;  // there were so many before
    Tick until;               // somebody has to lead by then
  };
  struct Invitation {
    std::string name;
    std::string folded;
  };

  LocalChannel* find(std::string_view name);
  // Tells Done when there is none.
  LocalChannel* mine(RequestId request, std::string_view name);
  LocalChannel& add(const s::ChStatus& status);
  ChannelState describe(const ChannelEntry& entry) const;
  void join(RequestId request, const ChannelId& id);
  void on(const s::ChStatus& status);
  void on(const s::ChUleave& gone);
  void on(const s::LstCh& page);
  void look_after_pulls();
  // CH_PULLs that the server counts, as its rate allows.
  void send_pulls();
  LocalChannel* next_pull() const;

  Context* cx_;
  Asks* asks_;
  const ReplicaRecords* records_;
  std::map<ChannelId, std::unique_ptr<LocalChannel>> channels_;
  std::map<ChannelId, Invitation> invitations_;
  ChannelLists lists_;
  bool all_wanted_ = false;
  std::uint64_t last_draft_ = 0;
  std::deque<Pull> pulls_;  // at most limits::kListsWaiting
};

}  // namespace moot::client
