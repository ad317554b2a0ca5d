#include "trainer/report/plot/heat_map.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "trainer/report/table.hpp"

namespace bsft::plot {
namespace {

// Ten steps of darkness, as classes, so that the words on a cell can change with them.
std::string shade(double share) {
  return "cell h" + std::to_string(std::clamp(static_cast<int>(std::floor(share * 10)), 0, 9));
}

}  // namespace

std::string draw(HeatMap const& map) {
  if (map.rows.empty() || map.columns.empty()) return "";
  double widest = 0;
  for (std::string const& name : map.rows) widest = std::max(widest, width_of_words(name) + (map.numbered ? 22 : 0));
  double const left = std::clamp(widest + 10, 70.0, map.numbered ? 190.0 : 165.0), top = 38;
  auto const columns = static_cast<double>(map.columns.size());
  double const width = (plot_width - left) / columns, height = std::clamp(width * 0.62, 20.0, 34.0);
  Svg svg(top + height * static_cast<double>(map.rows.size()) + 2, map.title);
  svg.text(left, 11, map.column_axis, Anchor::start, "unit").text(0, 29, map.row_axis, Anchor::start, "unit");
  auto numbered = [&](std::size_t at) { return map.numbered ? std::to_string(at + 1) : std::string(); };
  // of many narrow columns some go without their number
  std::size_t const nth = map.numbered ? static_cast<std::size_t>(17 / width) + 1 : 1;
  for (std::size_t c = 0; c < map.columns.size(); c += nth)
    svg.text(left + (static_cast<double>(c) + 0.5) * width, 29,
             map.numbered ? numbered(c) : fitting(map.columns[c], width - 2), Anchor::middle);
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    double const y = top + height * static_cast<double>(r);
    std::string const name = (map.numbered ? numbered(r) + "  " : "") + map.rows[r];
    svg.text(0, y + height / 2 + 4, fitting(name, left - 8));
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      double const x = left + static_cast<double>(c) * width;
      auto const& value = map.cells.at(r).at(c);
      std::string tip = map.row_axis + " " + map.rows[r] + "\n" + map.column_axis + " " + map.columns[c] + "\n" +
                        decimal(value, map.digits == 0 ? 0 : 3);
      if (r < map.tips.size() && c < map.tips[r].size()) tip += map.tips[r][c];
      double const share = value ? (*value - map.low) / std::max(map.high - map.low, 1e-300) : 0;
      svg.rect(x + 1, y + 1, width - 2, height - 2, value ? shade(share) : "cell none", tip);
      std::string const words = decimal(value, map.digits);
      if (width_of_words(words) <= width - 2)
        svg.text(x + width / 2, y + height / 2 + 4, words, Anchor::middle, share >= 0.6 ? "on" : "over");
    }
  }
  return figure(map.title, map.note, {}, svg.done());
}

}  // namespace bsft::plot
