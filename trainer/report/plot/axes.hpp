// The grid of a plot with two axes: a line across at each tick of y, a mark below at each tick of x, and their numbers.
#pragma once

#include "trainer/report/plot/scale.hpp"
#include "trainer/report/plot/svg.hpp"

namespace bsft::plot {

// The ranges are those of the scales.
void draw_grid(Svg& svg, Range x_range, Range y_range, Scale const& x, Scale const& y, int x_ticks);

// Of a plot of rows: a line through them at each tick of x, its number below, and the axis' name in the middle.
void draw_columns(Svg& svg, Range x_range, Scale const& x, double top, double bottom, int x_ticks,
                  std::string const& name);

}  // namespace bsft::plot
