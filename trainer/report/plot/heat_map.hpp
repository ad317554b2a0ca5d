// Draw a matrix of values as coloured cells with their numbers.
//
// Rows have their names at the left; columns have theirs on top where these are short, else a number that the row of
// the same name carries too.  Darkness runs from `low` to `high`.  A cell without a value is hatched by a dash.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trainer/report/plot/svg.hpp"

namespace bsft::plot {

struct HeatMap {
  std::string title, note, row_axis, column_axis;
  std::vector<std::string> rows, columns;
  std::vector<std::vector<std::optional<double>>> cells;  // [row][column]
  double low = 0, high = 1;
  int digits = 2;
  bool numbered = false;                            // rows and columns are the same names
  std::vector<std::vector<std::string>> tips = {};  // more words of a cell; may be empty
};

std::string draw(HeatMap const& map);

}  // namespace bsft::plot
