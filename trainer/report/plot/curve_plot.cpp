#include "trainer/report/plot/curve_plot.hpp"

#include <algorithm>
#include <cmath>

#include "trainer/report/plot/scale.hpp"

#include "trainer/report/plot/axes.hpp"

namespace bsft::plot {
namespace {

constexpr double left = 46, right = plot_width - 14, top = 20, bottom = 260, height = 296;

}  // namespace

std::string draw(CurvePlot const& plot) {
  if (plot.points.empty()) return "";
  Range x_range, y_range;
  for (Range* range : {&x_range, &y_range}) {
    range->take(0);
    range->take(1);
  }
  Scale const x(x_range, left, right), y(y_range, bottom, top);
  Svg svg(height, plot.title);
  draw_grid(svg, x_range, y_range, x, y, 5);
  for (CurvePoint const& bar : plot.bars) {
    double const tall = 46 * std::clamp(bar.y, 0.0, 1.0), from = x(bar.x - plot.bar_width / 2);
    svg.rect(from + 1, bottom - tall, x(bar.x + plot.bar_width / 2) - from - 2, tall, "bar", bar.tip);
  }
  std::vector<Key> legend{{plot.curve_name, "c0"}};
  if (!plot.diagonal.empty()) {
    svg.line(x(0), y(0), x(1), y(1), "diagonal");
    legend.push_back({plot.diagonal, "dashed"});
  }
  svg.line(left, bottom, right, bottom, "axis").line(left, top, left, bottom, "axis");
  std::string data;
  for (CurvePoint const& point : plot.points)
    data += (data.empty() ? "M" : " ") + place(x(point.x)) + "," + place(y(point.y));
  svg.path(data, "line c0");
  for (CurvePoint const& point : plot.points) {
    double const radius = 2.6 + 5 * std::sqrt(std::clamp(point.weight, 0.0, 1.0));
    svg.circle(x(point.x), y(point.y), radius, "dot c0", point.tip);
  }
  if (plot.marked) {
    double const px = x(plot.marked->x), py = y(plot.marked->y);
    svg.circle(px, py, 7, "ring c1", plot.marked->tip);
    bool const over = px > (left + right) / 2;
    svg.text(over ? px - 12 : px + 12, std::max(py - 6, top + 10), plot.marked_name, over ? Anchor::end : Anchor::start,
             "t c1 halo");
  }
  if (!plot.bars.empty()) legend.push_back({"how many records", "grey"});
  svg.text(left - 40, 10, plot.y_name, Anchor::start, "unit");
  svg.text((left + right) / 2, height - 4, plot.x_name, Anchor::middle, "unit");
  return figure(plot.title, plot.note, legend, svg.done());
}

}  // namespace bsft::plot
