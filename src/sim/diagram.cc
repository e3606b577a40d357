#include "sim/diagram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <string_view>

#include "sim/world.h"

namespace moot::sim {
namespace {

using Entry = Diary::Entry;
using What = Diary::What;

constexpr int kLaneWide = 152;
constexpr int kTimeWide = 92;
constexpr int kTop = 112;  // the first point's place
constexpr int kLine = 13;  // labels of one lane are no closer
constexpr int kPill = 18;  // nor those of the server
constexpr int kBottom = 40;

struct Look {
  std::string_view colour;
  std::string_view name;
};
constexpr std::array<Look, 8> kLooks{{{"#1f6feb", "message"},
                                      {"#8b949e", "acknowledgement"},
                                      {"#1a7f37", "commit"},
                                      {"#8250df", "election"},
                                      {"#bf8700", "pull"},
                                      {"#bc4c00", "merge"},
                                      {"#cf222e", "refusal, fault"},
                                      {"#6e7781", "other"}}};
std::string_view colour_of(Diary::Kind kind) {
  return kLooks[static_cast<std::size_t>(kind)].colour;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

class Drawing {
 public:
  Drawing(const Diary& diary, const DiagramOptions& options) : options_(options) {
    choose(diary);
    place();
  }

  std::string svg() {
    lifelines();
    for (const Entry* e : shown_) {
      if (e->what == What::frame) arrow(*e);
    }
    for (const Entry* e : shown_) {
      if (e->what != What::frame) mark(*e);
    }
    const int height = bottom() + kBottom;
    std::string out = format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
        "viewBox=\"0 0 %d %d\" "
        "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"11\">\n",
        wide(), height, wide(), height);
    out += "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
    out += head() + times_ + under_ + lines_ + over_ + "</svg>\n";
    return out;
  }

 private:
  // Which entries are drawn: those of the window, and of these no more than a person can read.
  void choose(const Diary& diary) {
    const auto inside = [&](std::int64_t us) {
      return us >= options_.from_us && us <= options_.to_us;
    };
    std::vector<const Entry*> found;
    for (const Entry& e : diary.entries()) {
      if (e.what == What::frame && e.text.empty()) continue;
      if (inside(e.us) || (e.arrived >= 0 && inside(e.arrived))) found.push_back(&e);
    }
    std::ranges::stable_sort(found, {}, [](const Entry* e) { return e->us; });
    std::size_t points = 0;
    const auto take = [&](const Entry* e) {
      points += e->what == What::frame ? 2 : 1;
      if (points <= options_.points_max) shown_.push_back(e);
    };
    if (options_.last) {
      for (auto e = found.rbegin(); e != found.rend(); ++e) take(*e);
      std::ranges::reverse(shown_);
    } else {
      for (const Entry* e : found) take(e);
    }
    if (shown_.empty()) return;
    first_us_ = std::max(shown_.front()->us, options_.from_us);
    for (const Entry* e : shown_) last_us_ = std::max({last_us_, e->us, e->arrived});
    last_us_ = std::min(last_us_, options_.to_us);
    // How everybody was when the window opens.
    for (const Entry& e : diary.entries()) {
      if (e.us >= first_us_) break;
      if (e.what == What::up || e.what == What::down) before_[{e.lane, false}] = e.what == What::up;
      if (e.what == What::leads || e.what == What::led) {
        before_[{e.lane, true}] = e.what == What::leads;
      }
    }
  }

  // A height for each moment. Labels that stand at the same lane keep their distance.
  void place() {
    struct Point {
      std::int64_t us;
      const Entry* entry;
      bool arrival;
      bool labelled;  // at its lane
    };
    std::vector<Point> points;
    for (const Entry* e : shown_) {
      const bool frame = e->what == What::frame;
      points.push_back({e->us, e, false, !frame || e->to_server});
      if (frame && e->arrived >= 0) points.push_back({e->arrived, e, true, !e->to_server});
    }
    std::ranges::stable_sort(points, {}, &Point::us);
    std::map<unsigned, double> lowest;
    double y = kTop;
    std::int64_t before = points.empty() ? 0 : points.front().us;
    std::vector<std::pair<std::int64_t, double>> times;
    for (const Point& p : points) {
      const double ms = static_cast<double>(p.us - before) / 1'000;
      if (p.us > before) y += std::min(1.5 + 5 * std::log10(1 + ms), 26.0);
      before = p.us;
      if (p.labelled) {
        const auto at = lowest.find(p.entry->lane);
        if (at != lowest.end())
          y = std::max(y, at->second + (p.entry->lane == Diary::kServer ? kPill : kLine));
        lowest[p.entry->lane] = y;
      }
      (p.arrival ? arrivals_ : heights_)[p.entry] = y;
      times.emplace_back(p.us, y);
      bottom_ = y + 14;
    }
    int shown = 0;
    for (const auto& [us, at] : times) {
      const int height = static_cast<int>(at);
      if (shown != 0 && height < shown + 44) continue;
      shown = height;
      times_ += format("<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#eaeef2\"/>\n",
                       kTimeWide - 6, height, wide() - 12, height);
      times_ +=
          format("<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#6e7781\">%s s</text>\n",
                 kTimeWide - 12, height + 4, seconds(us).substr(0, seconds(us).size() - 3).c_str());
    }
  }

  int bottom() const { return static_cast<int>(bottom_); }
  std::size_t middle() const { return (options_.lanes.size() + 1) / 2; }
  int x(unsigned lane) const {
    std::size_t column = lane;
    if (lane == Diary::kServer) {
      column = middle();
    } else if (lane >= middle()) {
      column = lane + 1;
    }
    return kTimeWide + kLaneWide / 2 + 40 + static_cast<int>(column) * kLaneWide;
  }
  int wide() const {
    return kTimeWide + 40 + static_cast<int>(options_.lanes.size() + 1) * kLaneWide + 60;
  }
  bool left_of_server(unsigned lane) const { return lane < middle(); }

  std::string head() const {
    std::string out = format(
        "<text x=\"16\" y=\"26\" font-size=\"16\" font-weight=\"bold\" "
        "fill=\"#1f2328\">%s</text>\n",
        escaped(options_.title).c_str());
    int at = 16;
    for (const Look& look : kLooks) {
      out += format(
          "<line x1=\"%d\" y1=\"44\" x2=\"%d\" y2=\"44\" stroke=\"%s\" stroke-width=\"2\"/>"
          "<text x=\"%d\" y=\"48\" fill=\"#1f2328\">%s</text>\n",
          at, at + 18, std::string(look.colour).c_str(), at + 23, std::string(look.name).c_str());
      at += 42 + static_cast<int>(look.name.size()) * 6;
    }
    out += format(
        "<rect x=\"%d\" y=\"40\" width=\"7\" height=\"10\" fill=\"#d8c8f5\" stroke=\"#8250df\"/>"
        "<text x=\"%d\" y=\"48\" fill=\"#1f2328\">leads</text>\n",
        at, at + 12);
    for (unsigned lane = 0; lane < options_.lanes.size(); ++lane) {
      out += box(x(lane), options_.lanes[lane], "#f6f8fa", "#1f2328");
    }
    return out + box(x(Diary::kServer), "server", "#1f2328", "#ffffff");
  }
  static std::string box(int at, const std::string& text, const char* fill, const char* ink) {
    return format(
        "<rect x=\"%d\" y=\"66\" width=\"120\" height=\"24\" rx=\"4\" fill=\"%s\" "
        "stroke=\"#1f2328\"/><text x=\"%d\" y=\"82\" text-anchor=\"middle\" "
        "font-weight=\"bold\" fill=\"%s\">%s</text>\n",
        at - 60, fill, at, ink, escaped(text).c_str());
  }

  void lifelines() {
    for (unsigned i = 0; i <= options_.lanes.size(); ++i) {
      const unsigned lane = i < options_.lanes.size() ? i : Diary::kServer;
      stretch(lane, false, What::up, What::down);
      if (lane != Diary::kServer) stretch(lane, true, What::leads, What::led);
    }
  }
  // Times in which something was so of a lane, and times in which it was not.
  void stretch(unsigned lane, bool leading, What begins, What ends) {
    const auto known = before_.find({lane, leading});
    bool is = known != before_.end() && known->second;
    double since = is ? 90 : kTop;
    const auto until = [&](double to) {
      leading ? bar(lane, since, to, is) : line(lane, since, to, is);
      since = to;
    };
    for (const Entry* e : shown_) {
      if (e->lane != lane || (e->what != begins && e->what != ends)) continue;
      if ((e->what == begins) == is) continue;
      until(heights_.at(e));
      is = !is;
    }
    until(bottom());
  }
  void line(unsigned lane, double from, double to, bool runs) {
    under_ += format(
        "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"%s\" "
        "stroke-width=\"%s\"%s/>\n",
        x(lane), from, x(lane), to, runs ? "#57606a" : "#cf222e", runs ? "1.4" : "1",
        runs ? "" : " stroke-dasharray=\"2 5\"");
  }
  void bar(unsigned lane, double from, double to, bool leads) {
    if (!leads) return;
    under_ += format(
        "<rect x=\"%d\" y=\"%.1f\" width=\"7\" height=\"%.1f\" fill=\"#d8c8f5\" "
        "stroke=\"#8250df\"/>\n",
        x(lane) - 3, from, std::max(to - from, 2.0));
  }

  void arrow(const Entry& e) {
    const int device = x(e.lane);
    const int server = x(Diary::kServer);
    const double from_y = heights_.at(&e);
    const bool lost = e.arrived < 0 || e.arrived > last_us_;
    const double to_y = lost ? from_y + 12 : arrivals_.at(&e);
    const double from_x = e.to_server ? device : server;
    double to_x = e.to_server ? server : device;
    if (lost) to_x = from_x + (to_x - from_x) * 0.4;
    const std::string ink(colour_of(e.kind));
    lines_ += format(
        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
        "stroke-width=\"1.2\"%s/>\n",
        from_x, from_y, to_x, to_y, ink.c_str(), lost ? " stroke-dasharray=\"5 3\"" : "");
    if (lost) {
      cross(to_x, to_y, ink);
    } else {
      tip(from_x, from_y, to_x, to_y, ink);
    }
    // Beside the device, away from the server: nothing else of that lane is at this height.
    if (!e.to_server && lost) return;
    const double at = e.to_server ? from_y : to_y;
    const bool left = left_of_server(e.lane);
    label(device + (left ? -8 : 8), at + 3.5, left ? "end" : "start", ink, e.text, false);
  }
  void tip(double from_x, double from_y, double to_x, double to_y, const std::string& ink) {
    const double length = std::hypot(to_x - from_x, to_y - from_y);
    const double ux = (to_x - from_x) / length;
    const double uy = (to_y - from_y) / length;
    lines_ += format("<path d=\"M%.1f %.1f L%.1f %.1f L%.1f %.1f Z\" fill=\"%s\"/>\n", to_x, to_y,
                     to_x - 7 * ux + 3 * uy, to_y - 7 * uy - 3 * ux, to_x - 7 * ux - 3 * uy,
                     to_y - 7 * uy + 3 * ux, ink.c_str());
  }
  void cross(double at_x, double at_y, const std::string& ink) {
    lines_ +=
        format("<path d=\"M%.1f %.1f l8 8 m0 -8 l-8 8\" stroke=\"%s\" stroke-width=\"1.6\"/>\n",
               at_x - 4, at_y - 4, ink.c_str());
  }
  void label(double at_x, double at_y, const char* anchor, const std::string& ink,
             const std::string& text, bool bold) {
    over_ += format(
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\"%s stroke=\"#ffffff\" "
        "stroke-width=\"3\" paint-order=\"stroke\">%s</text>\n",
        at_x, at_y, anchor, ink.c_str(), bold ? " font-weight=\"bold\"" : "",
        escaped(text).c_str());
  }

  void mark(const Entry& e) {
    const double at = heights_.at(&e);
    if (e.what == What::failed) {
      over_ += format(
          "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#cf222e\" "
          "stroke-width=\"2\"/>\n",
          kTimeWide, at, wide() - 12, at);
      label(kTimeWide + 4, at - 5, "start", "#cf222e", e.text, true);
      return;
    }
    if (e.text.empty()) return;
    const bool fault = e.what == What::fault;
    const std::string ink = fault ? "#cf222e" : e.what == What::leads ? "#8250df" : "#1f2328";
    if (e.lane == Diary::kServer) {
      const int wide = 16 + static_cast<int>(e.text.size()) * 6;
      over_ += format(
          "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"15\" rx=\"7\" fill=\"#ffffff\" "
          "stroke=\"%s\"/>\n",
          x(e.lane) - wide / 2, at - 7.5, wide, ink.c_str());
      return label(x(e.lane), at + 3.5, "middle", ink, e.text, true);
    }
    over_ += format("<circle cx=\"%d\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n", x(e.lane), at,
                    ink.c_str());
    const bool left = left_of_server(e.lane);
    label(x(e.lane) + (left ? -8 : 8), at + 3.5, left ? "end" : "start", ink, e.text, true);
  }

  template <class... Args>
  static std::string format(const char* text, Args... args) {
    std::array<char, 1'024> out{};
    const int n = std::snprintf(out.data(), out.size(), text, args...);
    return std::string(out.data(),
                       std::min(static_cast<std::size_t>(std::max(n, 0)), out.size() - 1));
  }

  const DiagramOptions& options_;
  std::vector<const Entry*> shown_;
  std::map<std::pair<unsigned, bool>, bool> before_;  // lane, of leading: whether it was so
  std::map<const Entry*, double> heights_;            // of its mark, or where it left
  std::map<const Entry*, double> arrivals_;
  double bottom_ = kTop;
  std::int64_t first_us_ = 0;
  std::int64_t last_us_ = 0;
  std::string times_;
  std::string under_;
  std::string lines_;
  std::string over_;
};

}  // namespace

std::string diagram(const Diary& diary, const DiagramOptions& options) {
  return Drawing(diary, options).svg();
}

}  // namespace moot::sim
