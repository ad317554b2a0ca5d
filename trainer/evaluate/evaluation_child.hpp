// Run `bsft evaluate` on a checkpoint of a run in a child process, as the run's configuration says.
//
// The child is a plain process: no OMPI_*, PMIX_*, PMI_*, SLURM_* in its environment.  One that a signal ended is tried
// once more; one that is not done after evaluate.timeout is ended and has failed, and so, without a failure, once
// give_up says yes.  Its output stays in RUN/.evaluations/….log where it failed.
// Errors: none; the outcome has them.  Threads: one caller.  run() blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "trainer/config/config.hpp"
#include "trainer/evaluate/evaluation_folder.hpp"

namespace bsft {

// One evaluation of a checkpoint: its row (evaluate.split), or its table (evaluate.final_split, all records).
struct Evaluation {
  std::int64_t step = 0;
  bool table = false;
};

struct ChildOutcome {
  std::string error;
  int exit_code = 0;
  bool given_up = false;
};

class EvaluationChild {
 public:
  // program: the bsft binary; empty: this very one.
  EvaluationChild(Config const& config, std::filesystem::path const& run_dir, std::filesystem::path program,
                  std::function<bool()> give_up);

  // more: what the command says besides: where its outcome goes.
  ChildOutcome run(Evaluation one, std::vector<std::string> const& more) const;

  std::string const& split_of(Evaluation one) const;
  // RUN/.evaluations/step-….SPLIT[.table].KIND
  std::filesystem::path file_of(Evaluation one, std::string const& kind) const;
  // What the child leaves of a table's records; under another configuration it is another file.
  std::filesystem::path predictions_of(std::int64_t step) const;

 private:
  std::vector<std::string> arguments(Evaluation one) const;
  ChildOutcome run_once(std::vector<std::string> const& words, std::filesystem::path const& log) const;

  Config config_;
  EvaluationFolder folder_;
  std::filesystem::path program_;
  std::function<bool()> give_up_;
};

}  // namespace bsft
