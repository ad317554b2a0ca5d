// Draw a value with its interval for each row and arm, dot and whisker, beside reference values.
//
//   rows are tasks, arms are "before" and "after" or the runs that are compared; a reference (what always the most
//   frequent label gets) is a tick across its row.  The values stand at the right.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trainer/report/plot/svg.hpp"

namespace bsft::plot {

struct Dot {
  std::optional<double> value;
  std::optional<std::pair<double, double>> interval = {};
};

struct DotRow {
  std::string name;
  std::vector<Dot> dots;  // one an arm
  std::vector<std::optional<double>> references = {};
  bool alarm = false;  // the name stands out
};

struct DotPlot {
  std::string title, note, x_name;
  std::vector<std::string> arms;
  std::vector<std::string> references = {};
  std::vector<DotRow> rows;
};

std::string draw(DotPlot const& plot);

}  // namespace bsft::plot
