// Draw what a whole is made of over the steps: layers on each other, each the mean of its stretch of steps.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/plot/scale.hpp"

namespace bsft::plot {

struct AreaPlot {
  std::string title, note, x_name, y_name;
  std::vector<std::string> layers;
  std::vector<double> x;
  std::vector<std::vector<double>> values;  // [layer][x]; what is negative or not finite counts as zero
  std::size_t stretches = 60;               // at most
};

// Empty without values.  The legend says each layer's share of the whole.
std::string draw(AreaPlot const& plot);

}  // namespace bsft::plot
