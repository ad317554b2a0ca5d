// Score the checkpoints of a run, each in a child process, and write what came out.
//
// score(step) runs `bsft evaluate` on run_dir/checkpoints/step-%08d in a child of its own (a plain process: no OMPI_*,
// PMIX_*, PMI_*, SLURM_* in its environment) under its lease, gives the checkpoint its row in evaluations.jsonl, which
// moves BEST, and gives the lease back (that of step 0 at the end).  A child that a signal ended is tried once more;
// one that fails, or is not done after evaluate.timeout, is a row with its error: it never stops training.  Weights
// that were scored on the same split before (by an earlier attempt, too) are not scored again. table(step) scores a
// checkpoint on evaluate.final_split, all records, and keeps the results for finish(), which leaves the final one's
// predictions.jsonl (predictions.hpp) and writes results.json atomically: the final checkpoint's results (results.hpp),
// "final" {step, model_digest}, "best" {step, metric, value} of evaluate.split, "before" (step 0's, likewise),
// data_digest, model_digest, config_digest, and "missing" where something is; no times and no host names, so that the
// same run gives the same bytes, whoever scored. report/results_table.hpp prints it.  The table is the final
// checkpoint's, not BEST's. Once give_up says yes the child is ended, and what is not scored has no row and keeps its
// lease for another. Errors: finish throws Error(evaluation_incomplete) naming what is missing, after results.json is
// written with what there is, or Error(start_again) where it was given up. Requires: who calls holds the claims of what
// it asks for (evaluation_worker.hpp), or is alone. Threads: one caller.  Calls block.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/config/config.hpp"
#include "trainer/evaluate/evaluation_folder.hpp"

namespace bsft {

// Whether the checkpoint of a step is to be scored: that of step 0, the last, and of those at checkpoint.every each
// evaluate.every-th; not one that was saved because the run was asked to stop.
bool is_scored(Config const& config, std::int64_t step, bool last);

// One evaluation of a checkpoint: its row, or its table.
struct Evaluation {
  std::int64_t step = 0;
  bool table = false;
};

class CheckpointScorer {
 public:
  // program: the bsft binary; empty: this very one.
  CheckpointScorer(Config const& config, std::filesystem::path run_dir, std::filesystem::path program = {},
                   std::function<bool()> give_up = {});
  void score(std::int64_t step);
  void table(std::int64_t step);
  // Whether table() has been tried, by anybody.
  bool has_table(std::int64_t step) const;
  void finish(std::int64_t final_step);

  // An evaluation is shared in so many parts (evaluation.hpp), which score() and table() then put together, where all
  // have been tried; 0: it is not shared, as there is one evaluator or nothing to score.
  std::int64_t parts(Evaluation one);
  bool has_part(Evaluation one, std::int64_t number);
  void part(Evaluation one, std::int64_t number);

 private:
  struct Outcome {
    OrderedJson results;  // null: there are none
    std::string error;
    int exit_code = 0;
    bool given_up = false;
  };
  std::string const& split_of(Evaluation one) const;
  std::vector<std::string> arguments(Evaluation one) const;
  Outcome evaluate(Evaluation one);
  Outcome run_twice(Evaluation one, std::vector<std::string> const& more);
  Outcome run(Evaluation one, std::vector<std::string> const& more);
  OrderedJson scored_row(std::int64_t step, bool& given_up);
  std::string weights_of(std::int64_t step);
  std::filesystem::path file_of(Evaluation one, std::string const& kind) const;
  std::filesystem::path part_of(Evaluation one, std::int64_t number);
  std::filesystem::path table_of(std::int64_t step) const;
  std::filesystem::path predictions_of(std::int64_t step) const;
  OrderedJson best() const;

  Config config_;
  EvaluationFolder folder_;
  std::filesystem::path run_dir_, program_;
  std::function<bool()> give_up_;
  std::map<std::int64_t, int> unwritten_;  // rows that the disk did not take
  std::map<std::int64_t, std::pair<std::filesystem::file_time_type, std::string>> weights_;  // digests, as of then
};

}  // namespace bsft
