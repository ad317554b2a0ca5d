// Successive halving: which runs go on, by the scores at the rungs, as every process reads them from the files.
//
// At a rung the arms that are left are ordered by the mean of evaluate.metric over their runs' checkpoints of that
// step, and ceil(keep x arms) of them go on, of equal ones the first; an arm with a failed run comes last.  A rung is
// decided once every run that reaches it has a score or has failed.  A run that is stopped at a rung and goes on later
// is the run that was never stopped: the same configuration and id, the same bits. Source: Jamieson and Talwalkar 2016,
// arXiv 1502.07943; tests/launch/sweep_test.py.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "launch/sweep/sweep_runs.hpp"

namespace bsft {

// What of a run counts.
struct RungScores {
  std::vector<std::optional<double>> scores;  // one a rung
  bool failed = false;
};

struct HalvingState {
  std::size_t rung = 0;               // the first that is not decided; as many as there are rungs: all are
  std::vector<std::int64_t> dropped;  // one a run: the step at which it was left behind, 0: it goes on
};

RungScores rung_scores(SweepRuns const& sweep, SweepRun const& run);
HalvingState halving_of(SweepRuns const& sweep, std::vector<RungScores> const& runs);

}  // namespace bsft
