#include "launch/sweep/halving.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "data/base/json.hpp"
#include "trainer/evaluate/results.hpp"

namespace bsft {
namespace {

struct Contender {
  std::vector<std::size_t> runs;
  double score = 0;  // mean
};

}  // namespace

RungScores rung_scores(SweepRuns const& sweep, SweepRun const& run) {
  RungScores result;
  result.scores.resize(sweep.halving.rungs.size());
  if (result.scores.empty()) return result;
  for (Json const& line : read_json_lines(sweep.run_dir(run) / "evaluations.jsonl")) {
    OrderedJson const row = line;
    auto const step = value_at(row, "step"), metric = value_at(row, "metric");
    for (std::size_t r = 0; r < result.scores.size(); ++r)
      if (step && metric && *step == static_cast<double>(sweep.halving.rungs[r])) result.scores[r] = metric;
  }
  return result;
}

HalvingState halving_of(SweepRuns const& sweep, std::vector<RungScores> const& runs) {
  HalvingState state;
  state.dropped.resize(runs.size());
  std::vector<Contender> left;
  for (NamedRuns const& arm : runs_by_arm(sweep)) left.push_back({arm.runs});
  for (; state.rung < sweep.halving.rungs.size(); ++state.rung) {
    for (Contender& arm : left) {
      arm.score = 0;
      for (std::size_t const run : arm.runs) {
        auto const score = runs[run].scores[state.rung];
        if (!score && !runs[run].failed) return state;
        arm.score += score.value_or(-std::numeric_limits<double>::infinity()) / static_cast<double>(arm.runs.size());
      }
    }
    std::ranges::stable_sort(left, std::greater<>(), &Contender::score);
    auto const kept = static_cast<std::size_t>(std::ceil(sweep.halving.keep * static_cast<double>(left.size())));
    for (std::size_t i = kept; i < left.size(); ++i)
      for (std::size_t const run : left[i].runs) state.dropped[run] = sweep.halving.rungs[state.rung];
    left.resize(kept);
  }
  return state;
}

}  // namespace bsft
