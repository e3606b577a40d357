#include <algorithm>

#include "net/client/impl.h"
#include "net/client/tell.h"
#include "net/client/verify.h"
#include "text/text.h"

namespace moot {
namespace {

using client::Channels;
using client::RequestId;

constexpr std::size_t kPostsMax = 10'000;

std::string_view bare(std::string_view name) {
  if (name.starts_with('#')) name.remove_prefix(1);
  return name;
}

constexpr char kNameRule[] = "A channel's name has 1 to 64 characters and no control characters.";

std::string no_channel(std::string_view name) {
  return "There is nothing of #" + std::string(bare(name)) +
         " here; `moot channels` lists what there is.";
}

}  // namespace

std::vector<Client::Channel> Client::my_channels() const {
  const UserId self = impl_->runtime->key().account;
  auto out = impl_->on_channels([&](Channels& channels) {
    std::vector<Channel> all;
    for (const client::LocalChannel* c : channels.all()) all.push_back(net::tell(c->state()));
    return all;
  });
  std::ranges::sort(out, {}, &Channel::name);
  const auto unread = impl_->runtime->store().channel_unread(self);
  if (!unread) return out;
  for (const store::ChannelUnread& u : *unread) {
    const std::string id = text(u.channel);
    for (Channel& c : out) {
      if (c.id == id) c.unread = u.unread;
    }
  }
  return out;
}

std::expected<void, std::string> Client::attach(std::string_view channel) {
  const moot::Status done = impl_->on_channels([&](Channels& channels) -> moot::Status {
    if (!bare(channel).empty()) return channels.attach(bare(channel));
    channels.attach_all();
    return {};
  });
  if (!done) return std::unexpected(done.error().message);
  return {};
}

std::expected<std::uint64_t, std::string> Client::post(std::string_view channel,
                                                       std::string_view text) {
  if (impl_->events.full()) return std::unexpected(net::kUnread);
  const auto draft =
      impl_->on_channels([&](Channels& channels) { return channels.post(bare(channel), text); });
  if (!draft) return std::unexpected(draft.error().message);
  return *draft;
}

// ---- what the server is asked for -------------------------------------------------------------

namespace {

// Nothing to give back: `done` says how it ended.
template <class F>
auto plain(F work) {
  return [work](Channels& channels) {
    work(channels);
    return true;
  };
}

}  // namespace

void Client::list_channels(std::uint64_t request) {
  impl_->on_channels(plain([&](Channels& c) { c.list({request}); }));
}
void Client::list_members(std::uint64_t request, std::string_view channel) {
  impl_->on_channels(plain([&](Channels& c) { c.members({request}, bare(channel)); }));
}

void Client::create(std::uint64_t request, const NewChannel& channel) {
  const auto keeper = parse_enum<Keeper>(channel.keeper);
  if (!text_rules::valid_name(bare(channel.name))) return impl_->done(request, kNameRule);
  if (!keeper && !channel.keeper.empty())
    return impl_->done(request, "A channel is kept by \"members\" or by the \"server\".");
  const Channels::New made{std::string(bare(channel.name)),
                           keeper ? std::optional(*keeper) : std::nullopt,
                           channel.private_ ? Visibility::private_ : Visibility::public_,
                           channel.since_join ? History::since_join : History::all};
  impl_->on_channels(plain([&](Channels& c) { c.create({request}, made); }));
}
void Client::enter(std::uint64_t request, std::string_view channel) {
  impl_->on_channels(plain([&](Channels& c) { c.enter({request}, bare(channel)); }));
}
void Client::leave(std::uint64_t request, std::string_view channel) {
  impl_->on_channels(plain([&](Channels& c) { c.leave({request}, bare(channel)); }));
}
void Client::invite(std::uint64_t request, std::string_view channel, std::string_view user) {
  const auto who = UserId::parse(user);
  if (!who) return impl_->done(request, net::no_user(user));
  impl_->on_channels(plain([&](Channels& c) { c.invite({request}, bare(channel), *who); }));
}
void Client::kick(std::uint64_t request, std::string_view channel, std::string_view user) {
  const auto who = UserId::parse(user);
  if (!who) return impl_->done(request, net::no_user(user));
  impl_->on_channels(plain([&](Channels& c) { c.kick({request}, bare(channel), *who); }));
}

void Client::set(std::uint64_t request, std::string_view channel, const Changes& changes) {
  std::optional<std::string> name;
  if (changes.name) {
    name = std::string(bare(*changes.name));
    if (!text_rules::valid_name(*name)) return impl_->done(request, kNameRule);
  }
  std::vector<RoleOf> roles;
  for (const auto& [user, word] : changes.roles) {
    const auto who = UserId::parse(user);
    const auto role = parse_enum<Role>(word);
    if (!who) return impl_->done(request, net::no_user(user));
    if (!role) return impl_->done(request, "A role is \"owner\", \"admin\" or \"none\".");
    roles.push_back({*who, *role});
  }
  impl_->on_channels(
      plain([&](Channels& c) { c.set({request}, bare(channel), name, changes.topic, roles); }));
}

void Client::pull(std::uint64_t request, std::string_view channel) {
  impl_->on_channels(plain([&](Channels& c) { c.pull({request}, bare(channel)); }));
}
void Client::mark_channel_read(std::string_view channel, std::uint64_t upto_seq) {
  net::ClientRuntime& r = *impl_->runtime;
  const auto id = r.ask([&] {
    r.engine().flush_store(r.now());
    const client::LocalChannel* one =
        std::as_const(r.engine().core().channels()).find(bare(channel));
    return one == nullptr ? std::optional<ChannelId>() : std::optional(one->known().id);
  });
  const auto here = r.store().channel_unread(r.key().account);
  if (!id || !here) return;
  const auto known = std::ranges::find(*here, *id, &store::ChannelUnread::channel);
  if (known == here->end()) return;
  upto_seq = std::min(upto_seq, known->last_seq);
  impl_->on_channels(plain([&](Channels& c) { c.mark_read(bare(channel), upto_seq); }));
}

// ---- what is on this disk ---------------------------------------------------------------------

std::expected<std::vector<Client::Post>, std::string> Client::posts(const PostQuery& query) const {
  net::ClientRuntime& r = *impl_->runtime;
  store::ChannelQuery q;
  std::vector<std::pair<ChannelId, std::string>> names;
  const std::string_view name = bare(query.channel);
  const bool found = r.ask([&] {
    r.engine().flush_store(r.now());
    const Channels& channels = r.engine().core().channels();
    for (const client::LocalChannel* c : channels.all())
      names.emplace_back(c->known().id, c->known().name);
    const client::LocalChannel* one = name.empty() ? nullptr : channels.find(name);
    if (one != nullptr) q.channel = one->known().id;
    return name.empty() || one != nullptr;
  });
  if (!found) return std::unexpected(no_channel(name));
  for (const auto& [text, to] :
       {std::pair{&query.from_id, &q.from}, std::pair{&query.below_id, &q.below}}) {
    if (text->empty()) continue;
    const auto id = parse_ulid<MsgId>(*text);
    if (!id) return std::unexpected("\"" + *text + "\" is no message id.");
    *to = RecordKey{*id, {}};
  }
  q.after_seq = query.after_seq;
  q.since = {query.since_ms};
  q.rows_max = std::min(query.count, kPostsMax);
  q.order = query.order == PostQuery::Order::newest   ? store::ChannelQuery::Order::newest
            : query.order == PostQuery::Order::oldest ? store::ChannelQuery::Order::oldest
                                                      : store::ChannelQuery::Order::arrival;
  if (!query.containing.empty())
    q.folded = text_rules::fold(query.containing).value_or(query.containing);
  auto rows = r.store().channel_history(std::move(q));
  if (!rows) return std::unexpected(rows.error().message);
  std::vector<Post> out;
  out.reserve(rows->size());
  for (const CommittedMessage& m : *rows) {
    const auto of = std::ranges::find(names, m.channel, &std::pair<ChannelId, std::string>::first);
    out.push_back(
        net::tell(m, of == names.end() ? std::string_view() : of->second, r.key().account));
  }
  // Two contents under one id stand beside each other.
  for (std::size_t i = 1; i < out.size(); ++i) {
    if (out[i - 1].id == out[i].id && out[i - 1].channel == out[i].channel)
      out[i - 1].conflict = out[i].conflict = true;
  }
  return out;
}

std::vector<Client::Post> Client::pending_posts(std::string_view channel) const {
  const UserId self = impl_->runtime->key().account;
  return impl_->on_channels([&](Channels& channels) {
    std::vector<Post> out;
    const client::LocalChannel* one = std::as_const(channels).find(bare(channel));
    if (one != nullptr) {
      one->each_uncommitted(
          [&](const client::ev::Post& post) { out.push_back(net::tell(post, self)); });
    }
    return out;
  });
}

std::expected<Client::Verified, std::string> Client::verify(std::string_view channel,
                                                            const Progress& progress) const {
  const auto id = impl_->on_channels([&](Channels& channels) {
    const client::LocalChannel* one = std::as_const(channels).find(bare(channel));
    return one == nullptr ? std::optional<ChannelId>() : std::optional(one->known().id);
  });
  if (!id) return std::unexpected(no_channel(channel));
  auto verified = net::verify_channel(*impl_->runtime, *id, progress);
  if (!verified) return std::unexpected(verified.error().message);
  return *verified;
}

}  // namespace moot
