#include "trainer/report/plot/line_plot.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "trainer/report/plot/axes.hpp"

namespace bsft::plot {
namespace {

constexpr double left = 46, right = plot_width - 46, top = 26, bottom = 190, height = 226;

struct Shown {
  std::string name, colour;
  Points raw, line, low, high;  // raw is empty where nothing is smoothed
};

Points finite(Points points) {
  std::erase_if(points, [](auto const& p) { return !std::isfinite(p.first) || !std::isfinite(p.second); });
  return points;
}

std::string path_of(Points const& points, Scale const& x, Scale const& y) {
  std::string data;
  for (auto const& [px, py] : points) data += (data.empty() ? "M" : " ") + place(x(px)) + "," + place(y(py));
  return data;
}

// The points of the high line forwards, those of the low line backwards.
std::string band_of(Shown const& one, Scale const& x, Scale const& y) {
  Points around = one.high;
  around.insert(around.end(), one.low.rbegin(), one.low.rend());
  return path_of(around, x, y) + "Z";
}

// Labels at the right ends, pushed apart so that none lies on another.
void label_ends(Svg& svg, std::vector<Shown> const& shown, Scale const& y) {
  std::vector<std::pair<double, Shown const*>> labels;
  for (Shown const& one : shown) labels.emplace_back(y(one.line.back().second), &one);
  std::ranges::stable_sort(labels, {}, &std::pair<double, Shown const*>::first);
  for (std::size_t i = 1; i < labels.size(); ++i) labels[i].first = std::max(labels[i].first, labels[i - 1].first + 12);
  double limit = bottom + 2;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    label->first = std::min(label->first, limit);
    limit = label->first - 12;
  }
  for (auto const& [at, one] : labels) {
    if (at >= top)
      svg.text(right + 5, at + 4, short_number(one->line.back().second, 3), Anchor::start, "t " + one->colour);
  }
}

std::string words_of(std::string kind) {
  std::ranges::replace(kind, '_', ' ');
  return kind;
}

// Returns the kinds that were drawn.
std::set<std::string> draw_marks(Svg& svg, LinePlot const& plot, Range range, Scale const& x) {
  std::map<std::string, std::string> at_place;  // marks on one spot share a line
  std::map<std::string, std::string> kinds;
  for (Mark const& mark : plot.marks) {
    if (mark.x < range.low || mark.x > range.high) continue;
    std::string& tip = at_place[place(std::round(x(mark.x)))];
    kinds.emplace(place(std::round(x(mark.x))), mark.kind);
    if (tip.size() < 400) tip += (tip.empty() ? "" : "\n") + mark.tip;
  }
  std::set<std::string> drawn;
  std::size_t count = 0;
  for (auto const& [where, tip] : at_place) {
    if (++count > 60) break;
    drawn.insert(kinds[where]);
    double const at = std::stod(where);
    svg.line(at, top, at, bottom, "mark " + kinds[where]);
    svg.path("M" + place(at - 4) + "," + place(top - 7) + "h8l-4,7z", "flag " + kinds[where], tip);
  }
  return drawn;
}

// What a column says: the step, and of each series the value that is nearest to it.
void draw_columns(Svg& svg, LinePlot const& plot, std::vector<Shown> const& shown, Range range, Scale const& x) {
  std::vector<double> steps;
  for (Shown const& one : shown) {
    for (auto const& point : one.line) steps.push_back(point.first);
  }
  std::ranges::sort(steps);
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  std::size_t const columns = std::min(std::max<std::size_t>(plot.columns, 1), steps.size());
  double begin = left;
  for (std::size_t c = 0; c < columns; ++c) {
    double const step = steps[columns == 1 ? 0 : c * (steps.size() - 1) / (columns - 1)];
    double const next = c + 1 == columns ? range.high : steps[(c + 1) * (steps.size() - 1) / (columns - 1)];
    std::string tip = plot.x_name + " " + short_number(step);
    for (Shown const& one : shown) {
      auto const near = std::ranges::min_element(one.line, {}, [&](auto const& p) { return std::abs(p.first - step); });
      tip += "\n" + one.name + ": " + short_number(near->second);
    }
    double const end = c + 1 == columns ? right : (x(step) + x(next)) / 2;
    svg.rect(begin, top, end - begin, bottom - top, "hit", tip);
    begin = end;
  }
}

}  // namespace

std::string draw(LinePlot const& plot) {
  std::vector<Shown> shown;
  Range x_range, y_range;
  if (plot.from_zero) y_range.take(0);
  for (std::size_t s = 0; s < plot.lines.size(); ++s) {
    Line const& line = plot.lines[s];
    Shown one{line.name, colour_of(s), {}, thinned(line.points, plot.points), line.low, line.high};
    if (one.line.empty()) continue;
    if (plot.smoothing > 1 && line.points.size() > 3) {
      one.raw = std::move(one.line);
      one.line = thinned(smoothed(finite(line.points), plot.smoothing), plot.points / 2);
    }
    for (Points const* points : {&one.raw, &one.line, &one.low, &one.high}) {
      for (auto const& [px, py] : *points) {
        x_range.take(px);
        y_range.take(py);
      }
    }
    shown.push_back(std::move(one));
  }
  std::vector<Points> others;
  for (Points const& points : plot.others) {
    for (auto const& [px, py] : others.emplace_back(thinned(points, plot.points / 4))) {
      x_range.take(px);
      y_range.take(py);
    }
  }
  if (shown.empty() || x_range.empty() || y_range.empty()) return "";
  if (x_range.low == x_range.high) x_range = {x_range.low - 1, x_range.high + 1};
  y_range = y_range.widened(5);
  Scale const x(x_range, left, right), y(y_range, bottom, top);
  Svg svg(height, plot.title);
  draw_grid(svg, x_range, y_range, x, y, 4);
  svg.line(left, bottom, right, bottom, "axis");
  svg.text(left - 40, 10, plot.y_name, Anchor::start, "unit");
  svg.text((left + right) / 2, height - 4, plot.x_name, Anchor::middle, "unit");
  for (Points const& other : others)
    if (!other.empty()) svg.path(path_of(other, x, y), "raw c7");
  std::vector<Key> legend;
  for (Shown const& one : shown) {
    if (!one.low.empty() && !one.high.empty()) svg.path(band_of(one, x, y), "band " + one.colour);
    if (!one.raw.empty()) svg.path(path_of(one.raw, x, y), "raw " + one.colour);
    legend.push_back({one.name, one.colour});
  }
  for (Shown const& one : shown) {
    svg.path(path_of(one.line, x, y), "line " + one.colour);
    if (one.line.size() > 24) continue;
    for (auto const& [px, py] : one.line) svg.circle(x(px), y(py), 2.8, "dot " + one.colour);
  }
  draw_columns(svg, plot, shown, x_range, x);
  if (legend.size() == 1) legend.clear();  // the title says it
  for (std::string const& kind : draw_marks(svg, plot, x_range, x))
    legend.push_back({words_of(kind), "flagkey " + kind});
  label_ends(svg, shown, y);
  return figure(plot.title, plot.note, legend, svg.done());
}

}  // namespace bsft::plot
