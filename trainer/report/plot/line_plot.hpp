// Draw values over the steps of a run: raw lines faint with their smoothed ones on top, bands, events as marks.
//
// Series share both axes.  The last value of each stands at its right end; hovering a column shows all of them there.
// Lines with few points have dots.  Empty where no series has a finite point.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/plot/scale.hpp"
#include "trainer/report/plot/svg.hpp"

namespace bsft::plot {

struct Line {
  std::string name;
  Points points;
  Points low = {}, high = {};  // a band around the points; empty: none
};

struct Mark {  // at a step: a vertical line with a hover text
  double x = 0;
  std::string kind, tip;
};

struct LinePlot {
  std::string title, note, x_name, y_name;
  std::vector<Line> lines;
  std::vector<Points> others = {};  // without a name, grey and behind
  std::vector<Mark> marks = {};
  std::size_t smoothing = 0;  // span of the moving mean in points; 0: the lines as they are
  std::size_t points = 300;   // at most, of a line
  std::size_t columns = 40;   // that answer to hovering
  bool from_zero = false;
};

std::string draw(LinePlot const& plot);

}  // namespace bsft::plot
