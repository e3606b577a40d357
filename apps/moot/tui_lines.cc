#include "apps/moot/tui_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apps/moot/show.h"
#include "apps/moot/show_channel.h"

namespace moot::app::tui {

Line line_of_post(const Json& json) {
  Client::Post p = get_post(json);
  Line line;
  line.id = std::move(p.id);
  line.draft = p.draft;
  line.key = line.id.empty() ? draft_key(p.draft != 0 ? p.draft : p.at_ms) : line.id;
  line.from = std::move(p.from);
  line.text = std::move(p.text);
  line.error = std::move(p.error);
  line.at_ms = p.at_ms;
  line.acks_n = std::max<std::uint64_t>(p.acks_n, p.acks.size());
  line.need = p.need;
  line.state = p.state;
  line.own = p.own;
  line.late = p.late;
  line.conflict = p.conflict;
  return line;
}

Line line_of_message(const Json& json, const std::string& self) {
  Client::Message m = get_message(json);
  Line line;
  line.id = std::move(m.id);
  if (m.seq > 0) line.key = seq_key(m.seq);
  line.own = m.from == self;
  line.from = std::move(m.from);
  line.text = std::move(m.text);
  line.error = std::move(m.error);
  line.at_ms = m.at_ms;
  line.state = m.state;
  return line;
}

std::string draft_name(const Line& line) { return fmt::format("#{}", line.draft); }

}  // namespace moot::app::tui
