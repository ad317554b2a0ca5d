// Score the checkpoints of a run, each in a child process, and write what came out.
//
// score(step) leases run_dir/checkpoints/step-%08d (a file checkpoints/.leases/step-%08d, which retention honours),
// runs `bsft evaluate` on it in a child of its own (a plain process: no OMPI_*, PMIX_*, PMI_*, SLURM_* in its
// environment), appends one line to evaluations.jsonl and moves BEST where evaluate.metric is the highest so far.  A
// child that fails is a line with its error; it never stops training.  A checkpoint whose digest was scored on the same
// split before (by an earlier attempt, too) is not scored again.  Step 0 is leased from the construction until finish;
// score(0) also scores it on evaluate.final_split. finish(step) scores step 0 (where that is not done) and the final
// checkpoint on evaluate.final_split, which leaves predictions.jsonl (predictions.hpp), and writes results.json
// atomically: the final checkpoint's results (results.hpp), "final" {step, model_digest}, "before" (step 0's,
// likewise), data_digest, model_digest, config_digest, and "missing" where something is; no times and no host names, so
// that the same run gives the same bytes.  report/results_table.hpp prints it. Once give_up says yes the child is
// ended, and what is not scored has no line and keeps its lease: a later attempt finds it by left_unscored. Errors:
// only finish throws, Error(evaluation_incomplete) naming what is missing, after results.json is written with what
// there is, or Error(start_again) where it was given up. Threads: one caller, a rank outside the trainers' communicator
// or the only rank between two steps.  Calls block.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/config/config.hpp"

namespace bsft {

// Whether the checkpoint of a step is to be scored: that of step 0, the last, and of those at checkpoint.every each
// evaluate.every-th; not one that was saved because the run was asked to stop.
bool is_scored(Config const& config, std::int64_t step, bool last);

// Checkpoints that an earlier attempt announced and did not score, ascending.  Before the scorer is made.
std::vector<std::int64_t> left_unscored(std::filesystem::path const& run_dir);

class CheckpointScorer {
 public:
  // program: the bsft binary; empty: this very one.
  CheckpointScorer(Config const& config, std::filesystem::path run_dir, std::filesystem::path program = {},
                   std::function<bool()> give_up = {});
  void score(std::int64_t step);
  void finish(std::int64_t final_step);

 private:
  struct Outcome {
    OrderedJson results;  // null: there are none
    std::string error;
    int exit_code = 0;
    bool given_up = false;
  };
  Outcome evaluate(std::int64_t step, std::string const& split, bool final_table);
  void read_earlier_lines();
  void note_best(std::int64_t step, std::optional<double> metric);

  Config config_;
  std::filesystem::path run_dir_, program_;
  std::function<bool()> give_up_;
  std::set<std::pair<std::string, std::string>> scored_;  // (split, digest)
  std::optional<double> best_;
  std::optional<Outcome>
      before_;  // step 0 on final_split, scored early so that the end of the job does not wait for it
};

}  // namespace bsft
