// What a page shows of a sweep, beside how its arms compare: the best arm, how each learned, which values go with a
// good score, and every run.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trainer/report/page/sections.hpp"
#include "trainer/report/plot/scale.hpp"
#include "trainer/report/table.hpp"

namespace bsft::page {

struct SweepArm {
  std::string name;
  std::vector<std::pair<std::string, std::string>> keys;  // without the seed
  std::vector<plot::Points> curves;                       // one a run: step, the metric on `split`
  std::optional<double> score;                            // mean over its runs of the metric on `split`
};

struct SweepPage {
  std::string name, metric, split;
  std::string counts, best;  // a line each
  std::vector<SweepArm> arms;
  Table runs;
};

std::string sweep_section(SweepPage const& sweep);

}  // namespace bsft::page
