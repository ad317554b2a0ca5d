// The runs of a sweep as a table, as CSV and as JSON.
//
// A row a run, in the file's order: id, arm, the keys that any arm sets, the metric of dev and of test, the selection's
// macro-F1, and how it stands.
#pragma once

#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "launch/sweep/cost.hpp"
#include "launch/sweep/run_state.hpp"
#include "trainer/report/table.hpp"

namespace bsft {

Table run_table(SweepRuns const& sweep, std::vector<RunState> const& states);
// With what each run costs.
Table cost_table(SweepRuns const& sweep, std::vector<RunState> const& states, std::vector<RunCost> const& costs);
// "12 runs: 3 waiting, 1 running, 8 done, 0 failed"
std::string counts_text(std::vector<RunState> const& states);
// "18,000 steps of 576,000 records in all; about 2 h 10 min are left (0.43 s a step, as measured)"
std::string costs_text(std::vector<RunState> const& states, std::vector<RunCost> const& costs);
// "2 h 10 min", "45 s"
std::string duration_text(double seconds);
// RFC 4180, with the exit code, the cause of a failure and the attempts.
std::string run_csv(SweepRuns const& sweep, std::vector<RunState> const& states);
// {sweep, metric, counts: {waiting, …}, runs: [{id, name, keys, state, step, total_steps, metric, dev, failures, …}]};
// with costs also steps, records and seconds of each run and in all.
OrderedJson run_json(SweepRuns const& sweep, std::vector<RunState> const& states,
                     std::vector<RunCost> const& costs = {});

}  // namespace bsft
