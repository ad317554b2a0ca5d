// Score the checkpoints of a run, each in a child process, and write what came out.
//
// score(step) runs `bsft evaluate` on run_dir/checkpoints/step-%08d (evaluation_child.hpp) under its lease, gives the
// checkpoint its row in evaluations.jsonl, which moves BEST, and gives the lease back (that of step 0 at the end).  A
// child that fails is a row with its error: it never stops training.  Weights that were scored on the same split before
// (by an earlier attempt, too) are not scored again.  table(step) scores a checkpoint on evaluate.final_split, all
// records, and keeps the results for finish(), which leaves the final one's predictions.jsonl (predictions.hpp) and
// writes results.json atomically: the final checkpoint's results (results.hpp), "final" {step, model_digest}, "best"
// {step, metric, value} of evaluate.split, "before" (step 0's, likewise), data_digest, model_digest, config_digest, and
// "missing" where something is; no times and no host names, so that the same run gives the same bytes, whoever scored.
// report/results_table.hpp prints it.  The table is the final checkpoint's, not BEST's.  Once give_up says yes what is
// not scored has no row and keeps its lease for another.
// Errors: finish throws Error(evaluation_incomplete) naming what is missing, after results.json is written with what
// there is, or Error(start_again) where it was given up.  Requires: who calls holds the claims of what it asks for
// (evaluation_worker.hpp), or is alone.  Threads: one caller.  Calls block.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/config/config.hpp"
#include "trainer/evaluate/evaluation_parts.hpp"

namespace bsft {

// Whether the checkpoint of a step is to be scored: that of step 0, the last, and of those at checkpoint.every each
// evaluate.every-th; not one that was saved because the run was asked to stop.
bool is_scored(Config const& config, std::int64_t step, bool last);

class CheckpointScorer {
 public:
  // program: the bsft binary; empty: this very one.
  CheckpointScorer(Config const& config, std::filesystem::path run_dir, std::filesystem::path program = {},
                   std::function<bool()> give_up = {});
  CheckpointScorer(CheckpointScorer const&) = delete;
  CheckpointScorer& operator=(CheckpointScorer const&) = delete;

  void score(std::int64_t step);
  void table(std::int64_t step);
  // Whether table() has been tried, by anybody.
  bool has_table(std::int64_t step) const;
  void finish(std::int64_t final_step);

  // score() and table() put the parts of an evaluation together where it is shared and all are there.
  EvaluationParts& parts() { return parts_; }

 private:
  struct Outcome {
    OrderedJson results;  // null: there are none
    ChildOutcome child;
  };
  Outcome evaluate(Evaluation one);
  OrderedJson scored_row(std::int64_t step, bool& given_up);
  std::filesystem::path table_of(std::int64_t step) const;
  OrderedJson best() const;

  Config config_;
  EvaluationFolder folder_;
  std::filesystem::path run_dir_;
  std::function<bool()> give_up_;
  EvaluationChild child_;
  EvaluationParts parts_;
  std::map<std::int64_t, int> unwritten_;  // rows that the disk did not take
};

}  // namespace bsft
