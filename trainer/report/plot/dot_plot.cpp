#include "trainer/report/plot/dot_plot.hpp"

#include <algorithm>

#include "trainer/report/plot/axes.hpp"
#include "trainer/report/table.hpp"

namespace bsft::plot {
namespace {

constexpr double left = 10, right = plot_width - 50, line_height = 11, name_height = 19;

std::string tip_of(std::string const& row, std::string const& arm, Dot const& dot) {
  std::string tip = row + "\n" + arm + ": " + decimal(dot.value);
  if (dot.interval)
    tip += " (95 % interval " + decimal(dot.interval->first) + " to " + decimal(dot.interval->second) + ")";
  return tip;
}

void draw_row(Svg& svg, DotPlot const& plot, DotRow const& row, double y, Scale const& x) {
  svg.text(left, y + 12, fitting(row.name, right - left), Anchor::start, row.alarm ? "name alarm" : "name");
  double const first = y + name_height + line_height / 2;
  double const last = first + line_height * static_cast<double>(plot.arms.size() - 1);
  for (std::size_t r = 0; r < row.references.size() && r < plot.references.size(); ++r) {
    if (!row.references[r]) continue;
    double const at = x(*row.references[r]);
    svg.rect(at - 1, first - 6, 2, last - first + 12, r == 0 ? "reference" : "reference second",
             row.name + "\n" + plot.references[r] + ": " + decimal(row.references[r]));
  }
  for (std::size_t a = 0; a < row.dots.size() && a < plot.arms.size(); ++a) {
    Dot const& dot = row.dots[a];
    if (!dot.value) continue;
    double const at = first + line_height * static_cast<double>(a);
    std::string const colour = colour_of(a), tip = tip_of(row.name, plot.arms[a], dot);
    if (dot.interval)
      svg.path("M" + place(x(dot.interval->first)) + "," + place(at) + "H" + place(x(dot.interval->second)),
               "whisker " + colour, tip);
    svg.circle(x(*dot.value), at, 3.8, "dot " + colour, tip);
    svg.text(right + 8, at + 4, decimal(dot.value), Anchor::start, "t small " + colour);
  }
}

}  // namespace

std::string draw(DotPlot const& plot) {
  if (plot.rows.empty() || plot.arms.empty()) return "";
  Range range;
  range.take(0);
  range.take(1);
  for (DotRow const& row : plot.rows) {
    for (Dot const& dot : row.dots) {
      if (dot.value) range.take(*dot.value);
    }
  }
  range = range.widened(5);
  double const row_height = name_height + line_height * static_cast<double>(plot.arms.size()) + 5;
  double const top = 2, bottom = top + row_height * static_cast<double>(plot.rows.size());
  Scale const x(range, left, right);
  Svg svg(bottom + 38, plot.title);
  draw_columns(svg, range, x, top, bottom, 5, plot.x_name);
  svg.line(left, bottom, right, bottom, "axis");
  for (std::size_t r = 0; r < plot.rows.size(); ++r)
    draw_row(svg, plot, plot.rows[r], top + row_height * static_cast<double>(r), x);
  std::vector<Key> legend;
  for (std::size_t a = 0; a < plot.arms.size(); ++a) legend.push_back({plot.arms[a], colour_of(a) + " round"});
  for (std::size_t r = 0; r < plot.references.size(); ++r)
    legend.push_back({plot.references[r], r == 0 ? "upright" : "upright second"});
  return figure(plot.title, plot.note, legend, svg.done());
}

}  // namespace bsft::plot
