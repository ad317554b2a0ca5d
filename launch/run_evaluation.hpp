// Have checkpoints scored: by the evaluator rank while training goes on, or in turns where there is none.
//
// With an evaluator rank, trainer rank 0 sends the step of each published checkpoint and the evaluator scores it in a
// child process; the checkpoint is leased before it is announced, so that retention keeps off.  Without one, rank 0
// scores between two steps.  Either way a scorer's failure never stops training.  Once the job is asked to stop, the
// child is ended at once and what is not scored keeps its lease: the next attempt scores it.
// Calls are made by every trainer rank in the same order; the evaluator rank calls serve() alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <vector>

#include "launch/stop_request.hpp"
#include "trainer/comm/job.hpp"
#include "trainer/config/config.hpp"
#include "trainer/evaluate/checkpoint_scorer.hpp"

namespace bsft {

class RunEvaluation {
 public:
  // Rank 0 or the evaluator rank makes the scorer; `run_dir` must be claimed.
  // evaluator_ranks: 0 or 1; 0 takes turns.
  RunEvaluation(Job& job, Config const& config, std::filesystem::path run_dir, int evaluator_ranks, StopRequest& stop);

  bool wanted() const { return wanted_; }
  // A checkpoint is there; whether it is scored is is_scored's.
  void published(std::int64_t step, bool last);
  // What an earlier attempt has left: `steps` on rank 0.
  void take_up(std::vector<std::int64_t> const& steps);
  // After the last checkpoint: waits for what is missing.  The exit code of the evaluation, the same on all ranks:
  // done, evaluation_incomplete, or start_again where the job was asked to stop.
  int finish(std::int64_t last_step);
  // In place of finish() where training has stopped early: does not wait for the evaluation.
  int abandon();
  // The evaluator rank's whole work.
  int serve();

 private:
  void announce(std::int64_t step, bool last);
  int finish_scoring(std::int64_t last_step);
  bool gives_up();
  bool wait_for_all(double limit = std::numeric_limits<double>::infinity());
  int wait_for_evaluator();
  int leave(int code);

  Job& job_;
  Config const& config_;
  std::filesystem::path run_dir_;
  StopRequest& stop_;
  bool wanted_ = false, has_rank_ = false;
  int evaluator_ = -1;
  std::unique_ptr<CheckpointScorer> scorer_;
  std::vector<std::int64_t> waiting_;          // of the evaluator: announced and not begun
  bool complete_ = false, abandoned_ = false;  // no more will come; the job ends now
};

}  // namespace bsft
