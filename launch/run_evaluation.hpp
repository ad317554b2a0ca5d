// Have checkpoints scored: by the evaluator rank while training goes on, or in turns where there is none.
//
// With an evaluator rank, trainer rank 0 sends the step of each published checkpoint and the evaluator scores it in a
// child process; the checkpoint is leased before it is announced, so that retention keeps off.  Without one, rank 0
// scores between two steps.  Either way a scorer's failure never stops training. Calls are made by every trainer rank
// in the same order; the evaluator rank calls serve() alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "trainer/comm/job.hpp"
#include "trainer/config/config.hpp"
#include "trainer/evaluate/checkpoint_scorer.hpp"

namespace bsft {

class RunEvaluation {
 public:
  // Rank 0 or the evaluator rank makes the scorer; `run_dir` must be claimed.
  // evaluator_ranks: 0 or 1; 0 takes turns.
  RunEvaluation(Job& job, Config const& config, std::filesystem::path run_dir, int evaluator_ranks);

  bool wanted() const { return wanted_; }
  // A checkpoint is there; `ordinal` counts them (the start's is 0).
  void published(std::int64_t step, std::int64_t ordinal, bool last);
  // After the last checkpoint: waits for what is missing.  The exit code of the evaluation: done or
  // evaluation_incomplete, on trainer rank 0; done on others.
  int finish(std::int64_t last_step);
  // The evaluator rank's whole work.
  int serve();

 private:
  int finish_scoring(std::int64_t last_step);

  Job& job_;
  Config const& config_;
  std::filesystem::path run_dir_;
  bool wanted_ = false, has_rank_ = false;
  int evaluator_ = -1;
  std::unique_ptr<CheckpointScorer> scorer_;
};

}  // namespace bsft
