#include "client/channel_lists.h"

#include <algorithm>
#include <utility>

namespace moot::client {

void ChannelLists::list(RequestId request) {
  if (!cx_->takes_question(lists_.size(), request)) return;
  lists_.push_back({request, {}, {}});
  ask_channels();
}

void ChannelLists::find(RequestId request, std::string folded, Found found) {
  if (!cx_->takes_question(lists_.size(), request)) return;
  lists_.push_back({request, std::move(folded), std::move(found)});
  ask_channels();
}

void ChannelLists::members(RequestId request, const ChannelId& channel) {
  if (!cx_->takes_question(member_lists_.size(), request)) return;
  member_lists_.push_back({request, channel});
  ask_members();
}

void ChannelLists::ask_channels() {
  if (channels_asked_ || !cx_->open || lists_.empty()) return;
  channels_sent_ = cx_->send(c::ChLst{.after = after_});
  channels_asked_ = true;
  maybe_page_.clear();
}

void ChannelLists::ask_members() {
  if (members_asked_ || !cx_->open || member_lists_.empty()) return;
  cx_->send(c::ChMembers{.id = member_lists_.front().channel, .after = after_user_});
  members_asked_ = true;
}

void ChannelLists::opened() {
  ask_channels();
  ask_members();
}

void ChannelLists::lost() {
  channels_asked_ = members_asked_ = false;
  after_.reset();
  after_user_.reset();
}

void ChannelLists::on(const s::LstCh& page, const Describe& describe) {
  if (!channels_asked_) return;
  std::vector<ChannelState> states;
  states.reserve(page.channels.size());
  for (const ChannelEntry& entry : page.channels) states.push_back(describe(entry));
  if (is_invitation(page)) {
    maybe_page_ = std::move(states);
    return;
  }
  channels_asked_ = false;
  List& list = lists_.front();
  if (list.found) {
    const auto same = std::ranges::find(states, list.folded,
                                        [](const ChannelState& s) { return s.known.folded; });
    if (same != states.end()) {
      const Found found = std::move(list.found);
      const ChannelId id = same->known.id;
      lists_.pop_front();
      after_.reset();
      found(id);
      return ask_channels();
    }
  }
  // A page that says `more` without moving on would be asked for ever.
  const bool more =
      page.more && !page.channels.empty() && (!after_ || *after_ < page.channels.back().id);
  if (!more) return end_list(states);
  if (!list.found) cx_->fx->event(ev::ChannelPage{list.request, states, false});
  after_ = page.channels.back().id;
  ask_channels();
}

void ChannelLists::end_list(std::span<const ChannelState> page) {
  const List list = std::move(lists_.front());
  lists_.pop_front();
  after_.reset();
  channels_asked_ = false;
  if (list.found) {
    const auto same =
        std::ranges::find(page, list.folded, [](const ChannelState& s) { return s.known.folded; });
    list.found(same == page.end() ? std::nullopt : std::optional(same->known.id));
  } else {
    cx_->fx->event(ev::ChannelPage{list.request, page, true});
  }
  ask_channels();
}

void ChannelLists::safe_upto(SentId barrier) {
  if (!channels_asked_ || barrier < channels_sent_) return;
  const auto page = std::exchange(maybe_page_, {});
  end_list(page);
}

void ChannelLists::on(const s::ChMembers& page) {
  if (!members_asked_ || page.id != member_lists_.front().channel) return;
  members_asked_ = false;
  const bool more =
      page.more && !page.users.empty() && (!after_user_ || *after_user_ < page.users.back().id);
  cx_->fx->event(ev::MemberPage{member_lists_.front().request, page.users, !more});
  if (more) {
    after_user_ = page.users.back().id;
  } else {
    after_user_.reset();
    member_lists_.pop_front();
  }
  ask_members();
}

bool ChannelLists::refused(const s::Err& err) {
  if (err.ref_cmd == c::ChLst::kTable.name) {
    if (!channels_asked_) return true;
    const RequestId request = lists_.front().request;
    lists_.pop_front();
    channels_asked_ = false;
    after_.reset();
    cx_->fx->event(ev::Done{request, err.message});
    ask_channels();
    return true;
  }
  if (err.ref_cmd != c::ChMembers::kTable.name) return false;
  if (!members_asked_) return true;
  const RequestId request = member_lists_.front().request;
  member_lists_.pop_front();
  members_asked_ = false;
  after_user_.reset();
  cx_->fx->event(ev::Done{request, err.message});
  ask_members();
  return true;
}

}  // namespace moot::client
