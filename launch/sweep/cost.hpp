// What the runs of a sweep cost: steps and records by the data file, time as the sweep's own done runs have measured.
//
//   records = steps × records of an epoch / steps of an epoch
//   seconds = steps still to do × median over done runs of (seconds of all attempts / steps), start and evaluation in
//   it
// Errors: those of opening the data file; Invalid(data) where no record is left to train on.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "launch/sweep/run_state.hpp"

namespace bsft {

struct RunCost {
  std::int64_t steps = 0, records = 0;  // of the whole run; 0: not known
  std::optional<double> seconds;        // still to spend; empty where nothing is measured
};

// may_lack: without the data file only train.max_steps is known.
std::vector<RunCost> costs_of(SweepRuns const& sweep, std::vector<RunState> const& states, Files files);
// Seconds a step; empty where no run is done that left word of all its attempts.
std::optional<double> seconds_a_step(std::vector<RunState> const& states);

}  // namespace bsft
