#pragma once

#include <optional>
#include <vector>

#include "channel/record.h"
#include "channel/turn.h"
#include "model/commands.h"

namespace moot {

// What coordinator and keeper decide alike about records that come in and go out.

// CH_MSG for a record as members see it; views of `record`.
s::ChMsg relayed(const Turn& turn, const StoredRecord& record);

// May the user see the record, where history begins with one's joining? His own he always may.
bool sees(const Turn& turn, const UserId& user, const StoredRecord& record);
// Attached sessions of users who may.
std::vector<ConnId> who_sees(const Turn& turn, const StoredRecord& record);

// CH_MSG's refusals from `too_large` on that both keepers share: of stamps and times
// (protocol.md 6.3). False: refused, told. Sets the author of what was let through.
bool admit_stamp_and_time(const Turn& turn, ConnId conn, const UserId& user, const c::ChMsg& cmd,
                          UserId& author);

// Is every record of a page well-formed? One that is not spoils the page (protocol.md 6.3).
bool well_formed(const Turn& turn, AppendRecords page);
bool well_formed(const Turn& turn, MergeRecords page);

bool stamp_valid(const Turn& turn, const Record& record);

// The record a let-through CH_MSG is, stamped now if it was not before.
StoredRecord record_of(const Turn& turn, const c::ChMsg& cmd, const UserId& author);

// The pull goes back no further than that.
void ask_since(s::ChPull& pull, const std::optional<MsgId>& from);
// The pull as it goes to who answers: whose it is, and no further back than he may see.
s::ChPull routed(const Turn& turn, ConnId conn, const UserId& user, const c::ChPull& cmd);

}  // namespace moot
