// Score what waits in a run folder, one piece at a time, beside any number of others that do the same.
//
// work() takes the first piece that nobody holds, and returns false where there is none:
//   a checkpoint that waits: the oldest, or with policy "latest" the newest, and those before it are given up (a row
//     "skipped" each)
//   the table of step 0, which the end of the run would wait for; once the phase is complete, the final one's, too
//   once all rows and tables are there: results.json, and the phase is closed with the evaluation's exit code
// Of a run with several evaluator ranks each checkpoint and table is itself shared, in as many parts.  So evaluator
// ranks, processes beside the job and trainer rank 0 share the work, and what comes out does not depend on how many
// they are.  A worker that is there holds a claim of its own: any_worker() looks for one. Errors: as CheckpointScorer;
// of finish they are in the phase.  Threads: one caller; on_beat as of Claims.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "trainer/evaluate/checkpoint_scorer.hpp"
#include "trainer/evaluate/claims.hpp"

namespace bsft {

class EvaluationWorker {
 public:
  EvaluationWorker(Config const& config, std::filesystem::path run_dir, std::function<bool()> give_up = {},
                   std::function<void()> on_beat = {}, std::filesystem::path program = {});

  bool work();
  // What phase.json says to the attempt of this owner (0: any): of another one it is open.
  EvaluationPhase phase(std::int64_t owner = 0) const;

 private:
  std::vector<std::int64_t> chosen(std::vector<std::int64_t> waiting);
  bool is_asked_for(Evaluation one) const;
  bool is_begun(Evaluation one);
  bool score(Evaluation one);
  bool close(EvaluationPhase phase);

  Config config_;
  EvaluationFolder folder_;
  Claims claims_;
  std::function<bool()> give_up_;
  CheckpointScorer scorer_;
};

// [s] after which a worker that is not heard is taken for lost.
double stale_after(Config const& config);
bool any_worker(Claims& claims);
// At the start of a job, by its first rank alone: what published checkpoints have neither row nor lease is asked for,
// or has its row, skipped; leases of nobody are given back; tables that could not be made are tried again.  `last`: the
// run's last step.  retry: rows that failed or were skipped are asked for, too.
enum class Retry { no, yes };
void reconcile(Config const& config, std::filesystem::path const& run_dir, std::int64_t last, Retry retry = Retry::no);
// A checkpoint that is not scored has a row that says why.
void skip(EvaluationFolder const& folder, Config const& config, std::int64_t step, std::string const& why);

}  // namespace bsft
