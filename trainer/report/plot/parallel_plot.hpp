// Draw settings as lines over parallel axes, the score on the last one: which values go with a good score.
//
// An axis of numbers is a scale (of their logarithms where they span two decades); one of words has a place for each,
// in the order of their first use.  The better the score, the darker the line; hovering says what it is.  Empty where
// no line has a score.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/plot/svg.hpp"

namespace bsft::plot {

struct ParallelLine {
  std::string name;
  std::vector<std::string> values;  // one an axis, as written
  double score = 0;
};

struct ParallelPlot {
  std::string title, note;
  std::vector<std::string> axes;
  std::string score_name;
  std::vector<ParallelLine> lines;
};

std::string draw(ParallelPlot const& plot);

}  // namespace bsft::plot
