#include "trainer/report/plot/area_plot.hpp"

#include <algorithm>
#include <cmath>

#include "trainer/report/plot/axes.hpp"
#include "trainer/report/plot/svg.hpp"
#include "trainer/report/table.hpp"

namespace bsft::plot {
namespace {

constexpr double left = 46, right = plot_width - 14, top = 20, bottom = 190, height = 226;

struct Stretch {
  double from = 0, to = 0;
  std::vector<double> values;  // means, a layer each
};

std::vector<Stretch> stretches_of(AreaPlot const& plot) {
  std::size_t const size = (plot.x.size() + plot.stretches - 1) / plot.stretches;
  std::vector<Stretch> result;
  for (std::size_t begin = 0; begin < plot.x.size(); begin += size) {
    std::size_t const end = std::min(begin + size, plot.x.size());
    Stretch one{plot.x[begin], plot.x[end - 1], {}};
    for (auto const& layer : plot.values) {
      double sum = 0;
      for (std::size_t i = begin; i < end; ++i) sum += std::isfinite(layer.at(i)) ? std::max(layer.at(i), 0.0) : 0;
      one.values.push_back(sum / static_cast<double>(end - begin));
    }
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace

std::string draw(AreaPlot const& plot) {
  if (plot.x.empty() || plot.layers.empty()) return "";
  std::vector<Stretch> const stretches = stretches_of(plot);
  std::vector<double> sums(plot.layers.size());
  Range y_range;
  y_range.take(0);
  double whole = 0;
  for (Stretch const& one : stretches) {
    double height_here = 0;
    for (std::size_t l = 0; l < sums.size(); ++l) {
      sums[l] += one.values[l];
      height_here += one.values[l];
    }
    whole += height_here;
    y_range.take(height_here);
  }
  if (whole <= 0) return "";
  y_range = y_range.widened(5);
  Range const x_range{stretches.front().from - 0.5, stretches.back().to + 0.5};
  Scale const x(x_range, left, right), y(y_range, bottom, top);
  Svg svg(height, plot.title);
  draw_grid(svg, x_range, y_range, x, y, 4);
  std::vector<double> floor(stretches.size());
  std::vector<Key> legend;
  for (std::size_t l = 0; l < plot.layers.size(); ++l) {
    std::string upper, lower;
    for (std::size_t s = 0; s < stretches.size(); ++s) {
      double const from = x(stretches[s].from - 0.5), to = x(stretches[s].to + 0.5);
      double const under = y(floor[s]);
      floor[s] += stretches[s].values[l];
      double const over = y(floor[s]);
      upper += (s == 0 ? "M" : "L") + place(from) + "," + place(over) + "H" + place(to);
      lower.insert(0, "L" + place(to) + "," + place(under) + "H" + place(from));
    }
    svg.path(upper + lower + "Z", "area " + colour_of(l));
    legend.push_back({plot.layers[l] + " " + decimal(100 * sums[l] / whole, 0) + " %", colour_of(l)});
  }
  svg.line(left, bottom, right, bottom, "axis");
  for (Stretch const& one : stretches) {
    std::string tip = plot.x_name + " " + short_number(one.from);
    if (one.to > one.from) tip += " to " + short_number(one.to);
    for (std::size_t l = 0; l < sums.size(); ++l) tip += "\n" + plot.layers[l] + ": " + short_number(one.values[l]);
    svg.rect(x(one.from - 0.5), top, x(one.to + 0.5) - x(one.from - 0.5), bottom - top, "hit", tip);
  }
  svg.text(left - 40, 10, plot.y_name, Anchor::start, "unit");
  svg.text((left + right) / 2, height - 4, plot.x_name, Anchor::middle, "unit");
  return figure(plot.title, plot.note, legend, svg.done());
}

}  // namespace bsft::plot
