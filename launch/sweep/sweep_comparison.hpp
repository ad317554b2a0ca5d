// The arms of a sweep side by side over their seeds, and the best of them: chosen on one split, reported on another.
//
// comparison.hpp's result, with "best": {arm, runs, chosen_on, chosen, reported_on, reported}.  An arm's score is the
// mean of the sweep's metric over its runs; chosen_on is evaluate.split, on which the checkpoints are scored while
// training, reported_on evaluate.final_split, which no choice has seen unless both are the same.  An arm takes part in
// the choice once all of its runs are done.
// Errors: those of compare_arms.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "launch/sweep/run_state.hpp"
#include "trainer/evaluate/comparison.hpp"
#include "trainer/report/table.hpp"

namespace bsft {

// Runs that differ in their seed alone, as one arm; without those that have no results.
std::vector<ArmFolders> arms_of(SweepRuns const& sweep, std::vector<RunState> const& states);
// Null where no arm is complete, or the runs were not scored while training.
OrderedJson best_of(SweepRuns const& sweep, std::vector<RunState> const& states);
// "best on dev: selection, 0.712 over 3 runs; on test 0.700"
std::string best_text(OrderedJson const& best);
// Null where fewer than two arms have results.  Written to comparison.SUITE.json and .md, too.
OrderedJson compare_sweep(SweepRuns const& sweep, std::vector<RunState> const& states, std::string const& suite);
// The table, its verdicts, and the best.
std::string sweep_comparison_text(OrderedJson const& comparison, TableStyle style);

}  // namespace bsft
