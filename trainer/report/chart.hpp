// Draw line charts as SVG text that stands inside a page: no script, no fonts or files from elsewhere.
//
// Series share both axes; points that are not finite are left out, long series are thinned to about 600 points (the
// smallest and the largest of each stretch stay, so spikes are seen).  Ticks are at 1, 2 or 5 times a power of ten.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace bsft {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // ascending x
};

std::string line_chart(std::string const& title, std::string const& x_name, std::vector<Series> const& series);

}  // namespace bsft
