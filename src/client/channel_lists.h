#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/context.h"

namespace moot::client {

// What the server is asked page by page: its channels, the members of one (protocol.md 6.3). One
// page of each kind is in flight; at limits::kListsWaiting of a kind, more are refused.
class ChannelLists {
 public:
  // What a page of CH_LST means here: state with what is known on this disk.
  using Describe = std::function<ChannelState(const ChannelEntry&)>;
  // Of a name: the channel, or nothing when the server lists none. Not called when the server does
  // not say: then the request is told why.
  using Found = std::function<void(std::optional<ChannelId>)>;

  explicit ChannelLists(Context& cx) : cx_(&cx) {}

  void list(RequestId request);
  void find(RequestId request, std::string folded, Found found);
  void members(RequestId request, const ChannelId& channel);

  void opened();
  void lost();
  void on(const s::LstCh& page, const Describe& describe);
  void on(const s::ChMembers& page);
  bool refused(const s::Err& err);
  // A page of one invitation may be the whole answer: then nothing else came before the barrier.
  bool wants_barrier() const { return channels_asked_; }
  void safe_upto(SentId barrier);

  static bool is_invitation(const s::LstCh& page) {
    return page.channels.size() == 1 && page.channels[0].invited.value_or(false) && !page.more;
  }

 private:
  struct List {
    RequestId request;
    std::string folded;  // of `find`
    Found found;
  };
  struct MemberList {
    RequestId request;
    ChannelId channel;
  };
  void ask_channels();
  void ask_members();
  void end_list(std::span<const ChannelState> page);

  Context* cx_;
  std::deque<List> lists_;
  bool channels_asked_ = false;
  SentId channels_sent_;
  std::optional<ChannelId> after_;
  std::vector<ChannelState> maybe_page_;

  std::deque<MemberList> member_lists_;
  bool members_asked_ = false;
  std::optional<UserId> after_user_;
};

}  // namespace moot::client
