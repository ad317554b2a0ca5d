// Draw what wholes are made of: a bar a row, its parts behind each other, its sum at the end.
//
// The legend leaves out a layer that no row has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trainer/report/plot/svg.hpp"

namespace bsft::plot {

struct BarRow {
  std::string name;
  std::vector<double> parts;  // one a layer; what is negative or not finite counts as zero
};

struct BarPlot {
  std::string title, note, x_name;
  std::vector<std::string> layers;
  std::vector<BarRow> rows;
  std::optional<std::size_t> grey = {};  // a layer without a colour of its own
};

// Empty where no part is more than zero.
std::string draw(BarPlot const& plot);

}  // namespace bsft::plot
