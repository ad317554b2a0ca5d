#include "trainer/report/plot/bar_plot.hpp"

#include <algorithm>
#include <cmath>

#include "trainer/report/plot/axes.hpp"
#include "trainer/report/table.hpp"

namespace bsft::plot {
namespace {

constexpr double right = plot_width - 50, row_height = 18, bar_height = 11;

double counted(double part) { return std::isfinite(part) ? std::max(part, 0.0) : 0; }

double sum_of(BarRow const& row) {
  double sum = 0;
  for (double const part : row.parts) sum += counted(part);
  return sum;
}

}  // namespace

std::string draw(BarPlot const& plot) {
  Range range;
  range.take(0);
  double widest = 0;
  std::vector<char> used(plot.layers.size());
  for (BarRow const& row : plot.rows) {
    range.take(sum_of(row));
    widest = std::max(widest, width_of_words(row.name));
    for (std::size_t l = 0; l < used.size(); ++l) used[l] |= static_cast<char>(counted(row.parts.at(l)) > 0);
  }
  if (range.empty() || range.high <= 0) return "";
  range = range.widened(4);
  double const left = std::clamp(widest + 8, 40.0, 170.0), top = 2;
  double const bottom = top + row_height * static_cast<double>(plot.rows.size());
  Scale const x(range, left, right);
  Svg svg(bottom + 36, plot.title);
  draw_columns(svg, range, x, top, bottom, 4, plot.x_name);
  svg.line(left, top, left, bottom, "axis");
  for (std::size_t r = 0; r < plot.rows.size(); ++r) {
    BarRow const& row = plot.rows[r];
    double const y = top + row_height * static_cast<double>(r) + (row_height - bar_height) / 2;
    svg.text(0, y + bar_height - 1, fitting(row.name, left - 6), Anchor::start, "name");
    double from = 0;
    for (std::size_t l = 0; l < used.size(); ++l) {
      double const part = counted(row.parts[l]);
      if (part > 0)
        svg.rect(x(from), y, x(from + part) - x(from), bar_height, plot.grey == l ? "bar" : "area " + colour_of(l),
                 row.name + "\n" + plot.layers[l] + ": " + short_number(part, 5));
      from += part;
    }
    svg.text(x(from) + 5, y + bar_height - 1, short_number(from), Anchor::start, "small");
  }
  std::vector<Key> legend;
  for (std::size_t l = 0; l < used.size(); ++l)
    if (used[l] != 0) legend.push_back({plot.layers[l], plot.grey == l ? "grey" : colour_of(l)});
  return figure(plot.title, plot.note, legend, svg.done());
}

}  // namespace bsft::plot
