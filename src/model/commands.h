#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "model/table.h"

// Every command of protocol.md 6, once: the struct the cores work with, and beside it the table
// from which its wire form is derived. Structs are views: what they point to belongs to the
// frame or arena they were decoded from, or to whoever made them.
//
// Namespace `c`: sent by clients. Namespace `s`: sent by the server.
namespace moot {

using Users = std::span<const UserId>;
using Words = std::span<const std::string_view>;
using Roles = std::span<const RoleOf>;
using Ranges = std::span<const Range>;
using Elements = std::span<const Element>;

// ---- entries of lists -------------------------------------------------------------------

struct UserEntry {
  UserId id;
  UserStatus status = UserStatus::offline;
  Name name;
  std::optional<Bytes> keys;
  static constexpr auto kTable =
      entry(field("id", &UserEntry::id), field("status", &UserEntry::status),
            field("name", &UserEntry::name),
            field("keys", &UserEntry::keys, {.max = limits::kUserKeysBytesMax}));
};

struct ChannelEntry {
  ChannelId id;
  Name name;
  OrNil<UserId> leader;
  ChannelStatus status = ChannelStatus::few;
  Keeper keeper = Keeper::members;
  std::uint64_t members = 0;
  std::uint64_t online = 0;
  std::optional<bool> invited;
  static constexpr auto kTable =
      entry(field("id", &ChannelEntry::id), field("name", &ChannelEntry::name),
            field("leader", &ChannelEntry::leader), field("status", &ChannelEntry::status),
            field("keeper", &ChannelEntry::keeper), field("members", &ChannelEntry::members),
            field("online", &ChannelEntry::online), field("invited", &ChannelEntry::invited));
};

struct MemberEntry {
  UserId id;
  bool online = false;
  static constexpr auto kTable =
      entry(field("id", &MemberEntry::id), field("online", &MemberEntry::online));
};

// A record of a channel's history. Two wire orders, as in the founding note; readers take any.
struct Record {
  MsgId id;
  UserId from;
  Bytes msg;
  std::uint64_t timestamp = 0;  // ms; the ULID's own time
  Users acks;
  std::optional<Bytes> stamp;
  std::uint64_t acks_n = 0;
  std::optional<Bytes> cert;
};
struct AppendRecord : Record {
  static constexpr auto kTable = entry(
      field("id", &Record::id), field("from", &Record::from),
      field("msg", &Record::msg, {.min = 1}), field("timestamp", &Record::timestamp),
      field("acks", &Record::acks), field("stamp", &Record::stamp, {1, limits::kStampBytesMax}),
      field("acks_n", &Record::acks_n),
      field("cert", &Record::cert, {.max = limits::kCertBytesMax}));
};
struct MergeRecord : Record {
  static constexpr auto kTable = entry(
      field("id", &Record::id), field("from", &Record::from),
      field("timestamp", &Record::timestamp), field("msg", &Record::msg, {.min = 1}),
      field("acks", &Record::acks), field("stamp", &Record::stamp, {1, limits::kStampBytesMax}),
      field("acks_n", &Record::acks_n),
      field("cert", &Record::cert, {.max = limits::kCertBytesMax}));
};
using AppendRecords = std::span<const AppendRecord>;
using MergeRecords = std::span<const MergeRecord>;

// ---- from the client --------------------------------------------------------------------
namespace c {
using moot::operator==;  // found by argument-dependent look-up

struct Cnn {
  UserId id;
  std::optional<Kid> kid;
  std::optional<std::string_view> srv;
  std::optional<Challenge> chal;
  std::optional<Binding> cb;
  std::optional<bool> batch;
  static constexpr auto kTable =
      command("CNN", Dir::client, field("id", &Cnn::id), field("kid", &Cnn::kid),
              field("srv", &Cnn::srv, {.max = limits::kSrvBytesMax}), field("chal", &Cnn::chal),
              field("cb", &Cnn::cb), field("batch", &Cnn::batch));
};

struct Kalive {
  std::optional<std::uint64_t> seen;
  static constexpr auto kTable = command("KALIVE", Dir::client, field("seen", &Kalive::seen));
};

struct Dcnn {
  std::optional<std::uint64_t> seen;
  static constexpr auto kTable = command("DCNN", Dir::client, field("seen", &Dcnn::seen));
};

struct Info {
  std::optional<std::uint64_t> seen;
  static constexpr auto kTable = command("INFO", Dir::client, field("seen", &Info::seen));
};

struct Batch {
  RawCommands cmds;
  static constexpr auto kTable = command("BATCH", Dir::client, field("cmds", &Batch::cmds));
};

struct Enrol {
  UserId id;
  std::optional<Name> name;
  std::optional<std::string_view> label;
  static constexpr auto kTable =
      command("ENROL", Dir::client, field("id", &Enrol::id), field("name", &Enrol::name),
              field("label", &Enrol::label, {.max = limits::kLabelBytesMax}));
};

struct LstUsr {
  std::optional<UserId> after;
  static constexpr auto kTable = command("LST_USR", Dir::client, field("after", &LstUsr::after));
};

struct UsrSet {
  std::optional<Name> name;
  std::optional<UserStatus> status;
  std::optional<Bytes> keys;
  static constexpr auto kTable = command(
      "USR_SET", Dir::client, field("name", &UsrSet::name), field("status", &UsrSet::status),
      field("keys", &UsrSet::keys, {.max = limits::kUserKeysBytesMax}));
};

struct CnnUsr {
  UserId to;
  std::optional<Bytes> hsk;
  static constexpr auto kTable =
      command("CNN_USR", Dir::client, field("to", &CnnUsr::to),
              field("hsk", &CnnUsr::hsk, {.max = limits::kHandshakeBytesMax}));
};

struct PvMsg {
  UserId to;
  MsgId msg_id;
  Bytes msg;
  std::optional<std::uint64_t> seen;
  static constexpr auto kTable =
      command("PV_MSG", Dir::client, field("to", &PvMsg::to), field("msg_id", &PvMsg::msg_id),
              field("msg", &PvMsg::msg, {.min = 1}), field("seen", &PvMsg::seen));
};

struct AckMsg {
  UserId from;
  MsgId msg_id;
  static constexpr auto kTable = command("ACK_MSG", Dir::client, field("from", &AckMsg::from),
                                         field("msg_id", &AckMsg::msg_id));
};

struct ChCreate {
  ChannelId id;
  Name name;
  Keeper keeper = Keeper::server;
  Visibility visibility = Visibility::public_;
  History history = History::all;
  static constexpr auto kTable =
      command("CH_CREATE", Dir::client, field("id", &ChCreate::id), field("name", &ChCreate::name),
              field("keeper", &ChCreate::keeper), field("visibility", &ChCreate::visibility),
              field("history", &ChCreate::history));
};

struct ChJoin {
  ChannelId id;
  static constexpr auto kTable = command("CH_JOIN", Dir::client, field("id", &ChJoin::id));
};

struct ChLeave {
  ChannelId id;
  static constexpr auto kTable = command("CH_LEAVE", Dir::client, field("id", &ChLeave::id));
};

struct ChInvite {
  ChannelId id;
  UserId user;
  static constexpr auto kTable =
      command("CH_INVITE", Dir::client, field("id", &ChInvite::id), field("user", &ChInvite::user));
};

struct ChKick {
  ChannelId id;
  UserId user;
  static constexpr auto kTable =
      command("CH_KICK", Dir::client, field("id", &ChKick::id), field("user", &ChKick::user));
};

struct ChSet {
  ChannelId id;
  std::optional<Name> name;
  std::optional<std::string_view> topic;
  std::optional<Roles> roles;
  static constexpr auto kTable =
      command("CH_SET", Dir::client, field("id", &ChSet::id), field("name", &ChSet::name),
              field("topic", &ChSet::topic, {.max = limits::kTopicBytesMax}),
              field("roles", &ChSet::roles, {.max = limits::kRolesMax}));
};

struct ChLst {
  std::optional<ChannelId> after;
  static constexpr auto kTable = command("CH_LST", Dir::client, field("after", &ChLst::after));
};

struct ChMembers {
  ChannelId id;
  std::optional<UserId> after;
  static constexpr auto kTable = command("CH_MEMBERS", Dir::client, field("id", &ChMembers::id),
                                         field("after", &ChMembers::after));
};

struct ChAttach {
  ChannelId id;
  ReplicaId replica;
  static constexpr auto kTable = command("CH_ATTACH", Dir::client, field("id", &ChAttach::id),
                                         field("replica", &ChAttach::replica));
};

struct ChMsg {
  ChannelId id;
  MsgId msg_id;
  Bytes msg;
  std::optional<bool> retry;
  std::optional<UserId> from;
  std::optional<Bytes> stamp;
  static constexpr auto kTable = command(
      "CH_MSG", Dir::client, field("id", &ChMsg::id), field("msg_id", &ChMsg::msg_id),
      field("msg", &ChMsg::msg, {.min = 1}), field("retry", &ChMsg::retry),
      field("from", &ChMsg::from), field("stamp", &ChMsg::stamp, {1, limits::kStampBytesMax}));
};

struct AckChMsg {
  MsgId id;
  ChannelId channel;
  Digest digest;
  std::optional<Bytes> proof;
  static constexpr auto kTable =
      command("ACK_CH_MSG", Dir::client, field("id", &AckChMsg::id),
              field("channel", &AckChMsg::channel), field("digest", &AckChMsg::digest),
              field("proof", &AckChMsg::proof, {.max = limits::kProofBytesMax}));
};

struct ChCommit {
  MsgId id;
  Users acks;
  ChannelId channel;
  std::uint64_t election = 0;
  Digest digest;
  std::optional<Bytes> cert;
  static constexpr auto kTable =
      command("CH_COMMIT", Dir::client, field("id", &ChCommit::id), field("acks", &ChCommit::acks),
              field("channel", &ChCommit::channel), field("election", &ChCommit::election),
              field("digest", &ChCommit::digest),
              field("cert", &ChCommit::cert, {.max = limits::kCertBytesMax}));
};

struct ChLead {
  std::uint64_t election = 0;
  ChannelId id;
  OrNil<MsgId> last;
  std::uint64_t count = 0;
  static constexpr auto kTable = command(
      "CH_LEAD", Dir::client, field("election", &ChLead::election), field("id", &ChLead::id),
      field("last", &ChLead::last), field("count", &ChLead::count));
};

struct ChVote {
  std::uint64_t election = 0;
  UserId user;
  ChannelId id;
  OrNil<MsgId> last;
  std::uint64_t count = 0;
  static constexpr auto kTable = command(
      "CH_VOTE", Dir::client, field("election", &ChVote::election), field("user", &ChVote::user),
      field("id", &ChVote::id), field("last", &ChVote::last), field("count", &ChVote::count));
};

struct ChPull {
  ChannelId id;
  OrNil<MsgId> anchor;
  std::uint64_t req = 0;
  std::optional<std::uint64_t> count;
  std::optional<Fp> fp;
  std::optional<Ranges> ranges;
  std::optional<Elements> want;
  std::optional<OrNil<MsgId>> since;
  static constexpr auto kTable = command(
      "CH_PULL", Dir::client, field("id", &ChPull::id), field("anchor", &ChPull::anchor),
      field("req", &ChPull::req), field("count", &ChPull::count), field("fp", &ChPull::fp),
      field("ranges", &ChPull::ranges), field("want", &ChPull::want, {.max = limits::kWantMax}),
      field("since", &ChPull::since));
};

struct ChAppend {
  ChannelId id;
  OrNil<MsgId> anchor;
  AppendRecords messages;
  std::uint64_t req = 0;
  OrNil<MsgId> upto;
  bool more = false;
  std::optional<Ranges> ranges;
  std::optional<std::uint64_t> sid;
  static constexpr auto kTable = command(
      "CH_APPEND", Dir::client, field("id", &ChAppend::id), field("anchor", &ChAppend::anchor),
      field("messages", &ChAppend::messages, {.max = limits::kRecordsPerPage}),
      field("req", &ChAppend::req), field("upto", &ChAppend::upto), field("more", &ChAppend::more),
      field("ranges", &ChAppend::ranges), field("sid", &ChAppend::sid));
};

struct ChMerge {
  MergeRecords msg;
  ChannelId id;
  std::uint64_t req = 0;
  static constexpr auto kTable = command(
      "CH_MERGE", Dir::client, field("msg", &ChMerge::msg, {.max = limits::kRecordsPerPage}),
      field("id", &ChMerge::id), field("req", &ChMerge::req));
};

struct ChAckReq {
  MsgId id;
  Users users;
  ChannelId channel;
  Digest digest;
  static constexpr auto kTable = command(
      "CH_ACK_REQ", Dir::client, field("id", &ChAckReq::id), field("users", &ChAckReq::users),
      field("channel", &ChAckReq::channel), field("digest", &ChAckReq::digest));
};

using Any =
    std::variant<Cnn, Kalive, Dcnn, Info, Batch, Enrol, LstUsr, UsrSet, CnnUsr, PvMsg, AckMsg,
                 ChCreate, ChJoin, ChLeave, ChInvite, ChKick, ChSet, ChLst, ChMembers, ChAttach,
                 ChMsg, AckChMsg, ChCommit, ChLead, ChVote, ChPull, ChAppend, ChMerge, ChAckReq>;

}  // namespace c

// ---- from the server --------------------------------------------------------------------
namespace s {
using moot::operator==;

struct Dcnn {
  std::string_view code;
  std::string_view message;
  std::optional<std::uint64_t> retry_s;
  static constexpr auto kTable =
      command("DCNN", Dir::server, field("code", &Dcnn::code), field("message", &Dcnn::message),
              field("retry_s", &Dcnn::retry_s));
};

struct Sinfo {
  std::uint64_t protocol_version = 0;
  std::string_view server_name;
  std::string_view version;
  std::uint64_t timeout_s = 0;
  std::string_view srv;
  Challenge chal;
  std::uint64_t now = 0;  // ms
  std::uint64_t max_frame = 0;
  std::uint64_t max_msg = 0;
  Words features;
  std::optional<std::uint64_t> ref;
  static constexpr auto kTable =
      command("SINFO", Dir::server, field("protocol_version", &Sinfo::protocol_version),
              field("server_name", &Sinfo::server_name), field("version", &Sinfo::version),
              field("timeout_s", &Sinfo::timeout_s),
              field("srv", &Sinfo::srv, {.max = limits::kSrvBytesMax}), field("chal", &Sinfo::chal),
              field("now", &Sinfo::now), field("max_frame", &Sinfo::max_frame),
              field("max_msg", &Sinfo::max_msg), field("features", &Sinfo::features),
              field("ref", &Sinfo::ref));
};

struct Ucnn {
  UserId id;
  Name name;
  static constexpr auto kTable =
      command("UCNN", Dir::server, field("id", &Ucnn::id), field("name", &Ucnn::name));
};

struct Udcnn {
  UserId id;
  Name name;
  static constexpr auto kTable =
      command("UDCNN", Dir::server, field("id", &Udcnn::id), field("name", &Udcnn::name));
};

struct Err {
  std::uint64_t ref = 0;
  std::string_view ref_cmd;
  std::string_view code;
  std::string_view message;
  std::optional<ChannelId> channel;
  std::optional<MsgOrUser> id;
  std::optional<std::uint64_t> now;  // ms
  std::optional<std::uint64_t> retry_ms;
  std::optional<std::uint64_t> ref_index;
  static constexpr auto kTable =
      command("ERR", Dir::server, field("ref", &Err::ref), field("ref_cmd", &Err::ref_cmd),
              field("code", &Err::code), field("message", &Err::message),
              field("channel", &Err::channel), field("id", &Err::id), field("now", &Err::now),
              field("retry_ms", &Err::retry_ms), field("ref_index", &Err::ref_index));
};

struct Batch {
  RawCommands cmds;
  static constexpr auto kTable = command("BATCH", Dir::server, field("cmds", &Batch::cmds));
};

struct Enrolled {
  UserId id;
  Kid kid;
  KeyBytes key;
  Name name;
  static constexpr auto kTable =
      command("ENROLLED", Dir::server, field("id", &Enrolled::id), field("kid", &Enrolled::kid),
              field("key", &Enrolled::key), field("name", &Enrolled::name));
};

struct UsrLst {
  std::span<const UserEntry> users;
  bool more = false;
  static constexpr auto kTable =
      command("USR_LST", Dir::server, field("users", &UsrLst::users), field("more", &UsrLst::more));
};

struct UsrHsk {
  UserId id;
  Name name;
  std::optional<Bytes> hsk;
  static constexpr auto kTable =
      command("USR_HSK", Dir::server, field("id", &UsrHsk::id), field("name", &UsrHsk::name),
              field("hsk", &UsrHsk::hsk, {.max = limits::kHandshakeBytesMax}));
};

struct Msg {
  UserId from;
  MsgId msg_id;
  Bytes msg;
  std::uint64_t sent = 0;  // ms; the ULID's own time
  std::optional<UserId> to;
  static constexpr auto kTable = command(
      "MSG", Dir::server, field("from", &Msg::from), field("msg_id", &Msg::msg_id),
      field("msg", &Msg::msg, {.min = 1}), field("sent", &Msg::sent), field("to", &Msg::to));
};

struct MsgAck {
  MsgId msg_id;
  UserId from;
  static constexpr auto kTable = command("MSG_ACK", Dir::server, field("msg_id", &MsgAck::msg_id),
                                         field("from", &MsgAck::from));
};

struct UsrAdd {
  UserId id;
  UserStatus status = UserStatus::offline;
  Name name;
  static constexpr auto kTable =
      command("USR_ADD", Dir::server, field("id", &UsrAdd::id), field("status", &UsrAdd::status),
              field("name", &UsrAdd::name));
};

struct UsrRmd {
  UserId id;
  static constexpr auto kTable = command("USR_RMD", Dir::server, field("id", &UsrRmd::id));
};

struct LstCh {
  std::span<const ChannelEntry> channels;
  bool more = false;
  static constexpr auto kTable = command("LST_CH", Dir::server, field("channels", &LstCh::channels),
                                         field("more", &LstCh::more));
};

struct ChUjoin {
  ChannelId channel;
  UserId user;
  std::optional<std::string_view> reason;
  static constexpr auto kTable =
      command("CH_UJOIN", Dir::server, field("channel", &ChUjoin::channel),
              field("user", &ChUjoin::user), field("reason", &ChUjoin::reason));
};

struct ChUleave {
  ChannelId channel;
  UserId user;
  std::optional<std::string_view> reason;
  static constexpr auto kTable =
      command("CH_ULEAVE", Dir::server, field("channel", &ChUleave::channel),
              field("user", &ChUleave::user), field("reason", &ChUleave::reason));
};

struct ChStatus {
  ChannelId id;
  Name name;
  OrNil<UserId> leader;
  ChannelStatus status = ChannelStatus::few;
  std::uint64_t election = 0;
  Keeper keeper = Keeper::members;
  std::uint64_t min = 0;
  std::optional<Users> online;
  std::optional<Users> members;
  Roles roles;
  std::string_view topic;
  bool acks = false;
  std::uint64_t now = 0;  // ms
  std::optional<std::uint64_t> members_n;
  std::optional<std::uint64_t> online_n;
  static constexpr auto kTable =
      command("CH_STATUS", Dir::server, field("id", &ChStatus::id), field("name", &ChStatus::name),
              field("leader", &ChStatus::leader), field("status", &ChStatus::status),
              field("election", &ChStatus::election), field("keeper", &ChStatus::keeper),
              field("min", &ChStatus::min), field("online", &ChStatus::online),
              field("members", &ChStatus::members),
              field("roles", &ChStatus::roles, {.max = limits::kRolesMax}),
              field("topic", &ChStatus::topic, {.max = limits::kTopicBytesMax}),
              field("acks", &ChStatus::acks), field("now", &ChStatus::now),
              field("members_n", &ChStatus::members_n), field("online_n", &ChStatus::online_n));
};

struct ChMembers {
  ChannelId id;
  std::span<const MemberEntry> users;
  bool more = false;
  static constexpr auto kTable =
      command("CH_MEMBERS", Dir::server, field("id", &ChMembers::id),
              field("users", &ChMembers::users), field("more", &ChMembers::more));
};

struct ChMsg {
  ChannelId id;
  MsgId msg_id;
  Bytes msg;
  UserId from;
  std::uint64_t sent = 0;  // ms; the ULID's own time
  Bytes stamp;
  std::optional<bool> merged;
  std::optional<bool> committed;
  std::optional<Bytes> cert;
  static constexpr auto kTable = command(
      "CH_MSG", Dir::server, field("id", &ChMsg::id), field("msg_id", &ChMsg::msg_id),
      field("msg", &ChMsg::msg, {.min = 1}), field("from", &ChMsg::from),
      field("sent", &ChMsg::sent), field("stamp", &ChMsg::stamp, {1, limits::kStampBytesMax}),
      field("merged", &ChMsg::merged), field("committed", &ChMsg::committed),
      field("cert", &ChMsg::cert, {.max = limits::kCertBytesMax}));
};

struct ChMsgAck {
  MsgId id;
  UserId user;
  ChannelId channel;
  Digest digest;
  std::uint64_t need = 0;
  std::optional<Bytes> proof;
  static constexpr auto kTable =
      command("CH_MSG_ACK", Dir::server, field("id", &ChMsgAck::id), field("user", &ChMsgAck::user),
              field("channel", &ChMsgAck::channel), field("digest", &ChMsgAck::digest),
              field("need", &ChMsgAck::need),
              field("proof", &ChMsgAck::proof, {.max = limits::kProofBytesMax}));
};

struct ChMsgCommit {
  MsgId id;
  Users acks;
  ChannelId channel;
  std::uint64_t election = 0;
  Digest digest;
  std::uint64_t acks_n = 0;
  std::optional<Bytes> cert;
  static constexpr auto kTable =
      command("CH_MSG_COMMIT", Dir::server, field("id", &ChMsgCommit::id),
              field("acks", &ChMsgCommit::acks), field("channel", &ChMsgCommit::channel),
              field("election", &ChMsgCommit::election), field("digest", &ChMsgCommit::digest),
              field("acks_n", &ChMsgCommit::acks_n),
              field("cert", &ChMsgCommit::cert, {.max = limits::kCertBytesMax}));
};

struct ChVote {
  std::uint64_t election = 0;
  UserId user;
  ChannelId id;
  OrNil<MsgId> last;
  std::uint64_t count = 0;
  static constexpr auto kTable = command(
      "CH_VOTE", Dir::server, field("election", &ChVote::election), field("user", &ChVote::user),
      field("id", &ChVote::id), field("last", &ChVote::last), field("count", &ChVote::count));
};

struct ChElected {
  std::uint64_t election = 0;
  UserId leader;
  ChannelId id;
  std::optional<bool> you;
  static constexpr auto kTable =
      command("CH_ELECTED", Dir::server, field("election", &ChElected::election),
              field("leader", &ChElected::leader), field("id", &ChElected::id),
              field("you", &ChElected::you));
};

struct ChPull {
  ChannelId id;
  OrNil<MsgId> anchor;
  std::uint64_t req = 0;
  std::optional<std::uint64_t> count;
  std::optional<Fp> fp;
  std::optional<Ranges> ranges;
  std::optional<Elements> want;
  std::optional<OrNil<MsgId>> since;
  std::optional<UserId> user;
  std::optional<std::uint64_t> sid;
  static constexpr auto kTable = command(
      "CH_PULL", Dir::server, field("id", &ChPull::id), field("anchor", &ChPull::anchor),
      field("req", &ChPull::req), field("count", &ChPull::count), field("fp", &ChPull::fp),
      field("ranges", &ChPull::ranges), field("want", &ChPull::want, {.max = limits::kWantMax}),
      field("since", &ChPull::since), field("user", &ChPull::user), field("sid", &ChPull::sid));
};

struct ChAppend {
  ChannelId id;
  OrNil<MsgId> anchor;
  AppendRecords messages;
  std::uint64_t req = 0;
  OrNil<MsgId> upto;
  bool more = false;
  std::optional<Ranges> ranges;
  std::optional<std::uint64_t> sid;
  static constexpr auto kTable = command(
      "CH_APPEND", Dir::server, field("id", &ChAppend::id), field("anchor", &ChAppend::anchor),
      field("messages", &ChAppend::messages, {.max = limits::kRecordsPerPage}),
      field("req", &ChAppend::req), field("upto", &ChAppend::upto), field("more", &ChAppend::more),
      field("ranges", &ChAppend::ranges), field("sid", &ChAppend::sid));
};

struct ChMerge {
  MergeRecords msg;
  ChannelId id;
  std::uint64_t req = 0;
  std::optional<UserId> user;
  std::optional<std::uint64_t> sid;
  static constexpr auto kTable = command(
      "CH_MERGE", Dir::server, field("msg", &ChMerge::msg, {.max = limits::kRecordsPerPage}),
      field("id", &ChMerge::id), field("req", &ChMerge::req), field("user", &ChMerge::user),
      field("sid", &ChMerge::sid));
};

struct ChMsgConfirm {
  ChannelId id;
  MsgId message;
  Digest digest;
  static constexpr auto kTable =
      command("CH_MSG_CONFIRM", Dir::server, field("id", &ChMsgConfirm::id),
              field("message", &ChMsgConfirm::message), field("digest", &ChMsgConfirm::digest));
};

using Any =
    std::variant<Dcnn, Sinfo, Ucnn, Udcnn, Err, Batch, Enrolled, UsrLst, UsrHsk, Msg, MsgAck,
                 UsrAdd, UsrRmd, LstCh, ChUjoin, ChUleave, ChStatus, ChMembers, ChMsg, ChMsgAck,
                 ChMsgCommit, ChVote, ChElected, ChPull, ChAppend, ChMerge, ChMsgConfirm>;

}  // namespace s
}  // namespace moot
