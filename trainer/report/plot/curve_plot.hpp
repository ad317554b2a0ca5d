// Draw one rate against another: the reliability of probabilities, missed need against over-intervention.
//
// Both axes run from 0.  Points may have a size (how many records they stand for) and a hover text; one may be marked
// and named.  Bars at the bottom say how often each x occurs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trainer/report/plot/svg.hpp"

namespace bsft::plot {

struct CurvePoint {
  double x = 0, y = 0;
  double weight = 0;  // share of the largest, 0 to 1: its size
  std::string tip = {};
};

struct CurvePlot {
  std::string title, note, x_name, y_name, curve_name;
  std::vector<CurvePoint> points;         // in the order that the curve runs
  std::optional<CurvePoint> marked = {};  // drawn on top with its name beside it
  std::string marked_name = {};
  std::string diagonal = {};          // its name; empty: none
  std::vector<CurvePoint> bars = {};  // x is the middle, y the share of the tallest, weight unused
  double bar_width = 0;               // in units of x
};

std::string draw(CurvePlot const& plot);

}  // namespace bsft::plot
