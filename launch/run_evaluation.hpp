// Have checkpoints scored: by the evaluator ranks while training goes on, or in turns where there are none.
//
// Rank 0 asks for each published checkpoint that is due by a lease in the run folder, the others have their row at once
// (evaluation_folder.hpp); whoever works there scores it in a child process: an evaluator rank, the process that stands
// in for one that was lost (evaluator_stand_in.hpp), `bsft evaluate --attach`.  Where there are no evaluator ranks, or
// none has been heard for parallel.hang_seconds when trainers have to wait, rank 0 does it.  A scorer's failure never
// stops training.  Once the job is asked to stop, children are ended at once and what is not scored keeps its lease:
// the next attempt scores it.
// enough(): with evaluate.policy "wait" trainers wait, before a checkpoint, until those before it are scored (event
// {"event": "evaluation_wait", "step", "seconds"}); with evaluate.patience it says whether training ends there, by the
// scores of the checkpoints before it alone, so that it does not depend on ranks or time.
// An evaluator rank that is lost costs no step; lost() is known after finish() or abandon().  Events: evaluator_lost.
// Calls are made by every trainer rank in the same order; an evaluator rank calls serve() alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "launch/stop_request.hpp"
#include "trainer/comm/flight_recorder.hpp"
#include "trainer/comm/job.hpp"
#include "trainer/config/config.hpp"
#include "trainer/evaluate/evaluation_worker.hpp"

namespace bsft {

class RunEvaluation {
 public:
  // Rank 0 and the evaluator ranks work on `run_dir`, which must be claimed, by `owner`.  evaluator_ranks: the last
  // ones of the job; 0: rank 0 takes turns.
  RunEvaluation(Job& job, Config const& config, std::filesystem::path run_dir, std::int64_t owner, int evaluator_ranks,
                StopRequest& stop, FlightRecorder& recorder);

  bool wanted() const { return wanted_; }
  // What an earlier attempt has left; last_step: of the run.
  void take_up(std::int64_t last_step);
  // A checkpoint is there; whether it is scored is is_scored's.
  void published(std::int64_t step, bool last);
  bool waits() const { return wanted_ && config_.evaluate.policy == "wait"; }
  bool enough(std::int64_t step);
  // After the last checkpoint: waits for what is missing.  The exit code of the evaluation, the same on all ranks:
  // done, evaluation_incomplete, or start_again where the job was asked to stop.
  int finish(std::int64_t last_step);
  // In place of finish() where training has stopped early: does not wait for the evaluation.
  int abandon();
  // Whether an evaluator rank will not come to the job's end.
  bool lost() const { return lost_; }
  // An evaluator rank's whole work.
  int serve();

 private:
  using Clock = std::chrono::steady_clock;
  bool leads() const { return job_.rank() == 0; }
  int trainers() const { return job_.size() - evaluators_; }
  EvaluationWorker& own_worker();
  bool gives_up();
  bool nobody_scores();
  void until(std::function<bool()> const& done);
  int finish_here(std::int64_t last_step);
  int end(int code);
  bool comes_no_more(int evaluator, double limit);
  void enter(std::string const& phase, std::int64_t last_step);

  Job& job_;
  Config const& config_;
  std::filesystem::path run_dir_;
  std::int64_t owner_;
  int evaluators_;
  StopRequest& stop_;
  FlightRecorder& recorder_;
  EvaluationFolder folder_;
  bool wanted_ = false, serves_ = false, lost_ = false, told_ = false;
  std::unique_ptr<Claims> claims_;  // of rank 0, to look for workers
  std::unique_ptr<EvaluationWorker> worker_;
  Clock::time_point looked_ = Clock::now();
  double unheard_ = 0;  // s, no worker by rank 0
};

}  // namespace bsft
