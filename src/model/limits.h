#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// Every limit of the protocol, named once (protocol.md 10). What happens at a limit stands beside
// it.
namespace moot::limits {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Frames (protocol.md 1). Over: the connection closes.
inline constexpr std::size_t kCommandBytesMax = 24;
inline constexpr std::size_t kLenDigitsMax = 7;
inline constexpr std::size_t kSigHexDigits = 128;
inline constexpr std::size_t kHeaderBytesMax =
    kCommandBytesMax + 1 + kLenDigitsMax + 1 + kSigHexDigits + 1;
inline constexpr std::uint32_t kFrameBytesBeforeCnn = 1024;
inline constexpr std::uint32_t kFrameBytesMax = 262'144;
inline constexpr std::uint32_t kFrameBytesCeiling = 9'999'999;

// The msgpack profile (protocol.md 2). Over: the connection closes.
inline constexpr unsigned kMapKeysMax = 64;
inline constexpr unsigned kDepthMax = 8;
inline constexpr unsigned kNodesMax = 16'384;

// Fields (protocol.md 4, 6). Over: ERR bad_payload; `msg` over its own limit: ERR too_large.
inline constexpr std::size_t kUserIdBytesMax = 32;
inline constexpr unsigned kNameCodePointsMax = 64;
inline constexpr std::uint32_t kMsgBytesMax = 16'384;
inline constexpr std::size_t kUserKeysBytesMax = 2'048;
inline constexpr std::size_t kHandshakeBytesMax = 1'024;
inline constexpr std::size_t kProofBytesMax = 256;
inline constexpr std::size_t kCertBytesMax = 8'192;
inline constexpr std::size_t kStampBytesMax = 64;
inline constexpr std::size_t kLabelBytesMax = 64;
inline constexpr std::size_t kTopicBytesMax = 1'024;
inline constexpr std::size_t kSrvBytesMax = 255;
inline constexpr std::size_t kBatchCommandsMax = 512;
inline constexpr std::size_t kWantMax = 256;
inline constexpr std::size_t kRolesMax = 63;
inline constexpr std::size_t kAcksListedMax = 32;

// Pages (protocol.md 6).
inline constexpr std::size_t kUsersPerPage = 500;
inline constexpr std::size_t kChannelsPerPage = 200;
inline constexpr std::size_t kMembersPerPage = 500;
inline constexpr std::size_t kRecordsPerPage = 256;
inline constexpr std::size_t kPageBytesSlack = 1'024;
inline constexpr std::size_t kPageNodesMax = 12'000;
inline constexpr std::size_t kStatusListMax = 1'000;

// Life of a connection (protocol.md 5, security.md 1.6 and 5.1).
inline constexpr seconds kTimeout{180};
inline constexpr seconds kTimeoutGrace{10};
inline constexpr seconds kCnnTimeout{10};
inline constexpr seconds kHeaderDeadline{5};
inline constexpr std::uint32_t kPayloadBytesPerSecondMin = 1'024;
inline constexpr seconds kInfoAnswerTimeout{20};
inline constexpr seconds kReceiveSilenceMin{5};
inline constexpr seconds kClockWindow{900};        // R9: CNN with a challenge; over: DCNN clock
inline constexpr seconds kClockDriftWindow{300};   // R9: later frames; over: DCNN stale
inline constexpr seconds kStrictClockWindow{120};  // R8: CNN without a challenge
inline constexpr seconds kReplayKeep{240};         // R8: how long a literal CNN is remembered
inline constexpr std::size_t kReplayPerCredential = 1'024;
inline constexpr std::size_t kCnnNoncesPerCredential = 256;           // R6
inline constexpr std::uint64_t kFramesPerConnectionMax = 1ull << 32;  // R5; over: DCNN proto
inline constexpr unsigned kSenselessPerMinuteMax = 20;  // protocol.md 8; the 20th: DCNN proto
inline constexpr seconds kWriteStall{30};

// The header of a front (security.md 3.3). Over: the connection closes.
inline constexpr std::size_t kProxyHeaderBytesMax = 520;  // behind its first 16
inline constexpr seconds kProxyHeaderDeadline{3};
inline constexpr seconds kProxyCheckLinger{1};  // a front's own check may stay so long

// Send queue of a connection (protocol.md 10). Above soft: bulk waits until it is drained. Hard, or
// so many frames: DCNN sendq.
inline constexpr std::size_t kSendQueueSoftBytes = 256 * 1024;
inline constexpr std::size_t kSendQueueHardBytes = 1024 * 1024;
inline constexpr std::size_t kSendQueueReplicaBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kSendQueueReplicaFrames = 10'000;
// Questions with long answers that wait for it, and barriers behind them; over: DCNN sendq.
inline constexpr std::size_t kHeldQuestions = 256;
inline constexpr std::size_t kHeldQuestionBytes = 1024 * 1024;
// Users of whom a connection is told later; over: told at once.
inline constexpr std::size_t kPresenceHeld = 1'024;

// Accounts.
inline constexpr std::size_t kCredentialsPerUser = 8;
inline constexpr std::size_t kChannelsPerUser = 256;
inline constexpr std::size_t kMembersServerKept = 10'000;
inline constexpr std::size_t kMembersMemberKept = 1'000;

// Private messages (protocol.md 6.2).
inline constexpr std::size_t kOfflineMessages = 1'000;
inline constexpr std::size_t kOfflineBytes = 8 * 1024 * 1024;
inline constexpr hours kOfflineAge{24 * 30};
inline constexpr hours kCredentialFreshAge{24 * 30};
inline constexpr std::size_t kKeptAcksPerAuthor = 4'096;
inline constexpr std::size_t kRecentAckedPerAuthor = 4'096;
inline constexpr minutes kRecentMemory{10};
inline constexpr seconds kUnackedStoreAfter{1};
inline constexpr seconds kIdAheadMax{120};  // private messages; over: bad_time
inline constexpr hours kIdAgeMax{24 * 30};  // over: expired
inline constexpr seconds kSeenWithin{5};

// Presence (protocol.md 6.1).
inline constexpr milliseconds kPresenceBurst{250};
inline constexpr std::size_t kPresenceAllMax = 1'000;

// Channels (protocol.md 6.3, replication.md 2).
inline constexpr unsigned kMembersMin = 3;
inline constexpr seconds kChannelIdAhead{2};
inline constexpr seconds kChannelIdAge{120};
inline constexpr milliseconds kStatusCoalesce{100};

// A replica of a channel (replication.md 2.4, 2.5, 3.2).
inline constexpr std::size_t kPendingRecords = 8'192;  // over: not stored, not acknowledged
inline constexpr std::size_t kPendingBytes = 32 * 1024 * 1024;
inline constexpr seconds kPullTimeout{5};  // over: asked again, more patiently
inline constexpr seconds kPullTimeoutMax{60};
inline constexpr unsigned kSyncDepthMax = 16;       // splits of one range
inline constexpr std::size_t kSyncBacklog = 8'192;  // elements wanted; over: fetched first
inline constexpr seconds kConfirmTimeout{5};        // of a merge; over: proposed again
inline constexpr milliseconds kCandidacyDelayMax{150};
inline constexpr minutes kAntiEntropy{10};

// A client (replication.md 2.6, protocol.md 10).
inline constexpr std::size_t kAsksMax = 1'024;  // changes that wait for the server; over: refused
inline constexpr std::size_t kListsWaiting = 256;          // of each kind, and pulls; over: refused
inline constexpr std::size_t kGreetingsMax = 1'024;        // unanswered; over: refused
inline constexpr std::size_t kAnsweredGreetings = 10'000;  // within 5 s; over: not answered
inline constexpr std::size_t kOutboxMessages = 65'536;     // not confirmed yet; over: refused
inline constexpr std::size_t kWaitingTexts = 4'096;        // not composed yet; over: refused
inline constexpr std::size_t kOwnInFlight = 64;            // of a channel; over: the next ones wait
inline constexpr milliseconds kCommitMarkDelay{200};       // for company on the disk
inline constexpr std::size_t kHeldOps = 1'024;             // for company; over: they go at once
inline constexpr seconds kLeaderPatience{10};              // of a pull, until somebody leads
// Events that nobody has read. Over: nothing is read from the server and nothing more is taken to
// be sent until half of them are gone; presence, and answers to who asks on and on, are dropped.
inline constexpr std::size_t kEventsUnread = 16'384;
inline constexpr std::size_t kEventBytesUnread = 32 * 1024 * 1024;
inline constexpr std::size_t kClientWriteBytes = 32 * 1024 * 1024;  // over: connects again

// The process that has a client's store, and the commands it serves.
inline constexpr std::size_t kGuestsMax = 64;     // over: refused
inline constexpr std::size_t kGuestAsks = 1'024;  // of all guests, unanswered; over: refused
// A line: the longest text, each octet of it escaped by six. Over: no line of ours.
inline constexpr std::size_t kGuestLineBytes = 6ull * kFrameBytesCeiling + 65'536;
// The rows of an answer, give or take one. Over: the page ends, and says that there is more.
inline constexpr std::size_t kGuestPageBytes = 4 * 1024 * 1024;
// What a guest was told and has not read. Over: let go.
inline constexpr std::size_t kGuestBytes = kGuestLineBytes + 4 * kGuestPageBytes;
inline constexpr std::size_t kGuestProofs = 16;  // of the store, that wait; over: refused

// The coordinator of a channel (replication.md 2.3).
inline constexpr seconds kElectionTimeout{3};   // over: the candidate is refused
inline constexpr seconds kRefusedFor{5};        // unless his history or the roster changes
inline constexpr seconds kInflightTimeout{10};  // without a quorum: asked again of others
inline constexpr seconds kCommitWatch{2};       // or 6 round trips; over: a strike
inline constexpr seconds kPullWatch{5};         // or 6 round trips; over: a strike
inline constexpr unsigned kWatchRoundTrips = 6;
inline constexpr unsigned kStrikes = 2;  // within kStrikesKept: deposed
inline constexpr seconds kStrikesKept{60};
inline constexpr seconds kDeposedBarred{30};
inline constexpr milliseconds kBarredRetry{500};
inline constexpr seconds kCommitToldAgain{5};  // a retry within it is answered alone
inline constexpr seconds kClockMarkAhead{10};
inline constexpr std::size_t kRecentPerChannel = 1'024;  // over: the oldest goes
inline constexpr std::size_t kRecentPerServer = 65'536;
inline constexpr std::size_t kInflightPerChannel = 4'096;  // over: ERR busy
inline constexpr std::size_t kInflightBytesPerChannel = 16 * 1024 * 1024;
inline constexpr std::size_t kMergeBytesPerChannel = 8 * 1024 * 1024;  // over: ERR busy
inline constexpr std::size_t kMergesPerChannel = 16'384;
// Routed to leaders and not answered: so many pages fit between the bounds of the send queue.
inline constexpr std::size_t kPullsPerConn = 12;          // over: ERR busy
inline constexpr std::size_t kInvitedPerChannel = 1'000;  // and barred; over: ERR limit

// Rates of what a client starts (protocol.md 10). Bucket empty: stop reading; 60 s: DCNN limit.
inline constexpr unsigned kCommandsPerSecond = 20;
inline constexpr unsigned kCommandsBurst = 200;
inline constexpr std::uint64_t kBytesPerSecond = 262'144;
inline constexpr std::uint64_t kBytesBurst = 2'097'152;
inline constexpr unsigned kListsPerSecond = 1;
inline constexpr unsigned kListsBurst = 10;
inline constexpr unsigned kCandidaciesEvery = 5;  // seconds to one that was refused by vote
inline constexpr seconds kStarvedMax{60};
// Answers that the server asked a connection for and did not get; over: they count when they come.
inline constexpr std::size_t kAnswersOwedMax = 65'536;

// HTTP for health and metrics.
inline constexpr std::size_t kHttpConns = 16;              // over: the others wait to be accepted
inline constexpr std::size_t kHttpHeaderBytes = 8 * 1024;  // over: 431
inline constexpr seconds kHttpTimeout{10};                 // from accept to the end of the answer

// Before CNN, per source address.
inline constexpr unsigned kConnsPerIp = 64;
inline constexpr unsigned kConnsNewPer10Min = 256;

}  // namespace moot::limits
