// Share an evaluation of a checkpoint among the evaluator ranks of a run, as parts that are files.
//
//   RUN/.evaluations/step-….SPLIT[.table].CONFIG.WEIGHTS.part-K-N          what part K of N scored (scored_record.hpp)
//   RUN/.evaluations/….part-K-N.failed     {"exit_code", "error"}          why it did not
// Every N-th pass is a part (condition_prompts.hpp), so what comes out does not depend on N or on who made which.
// Requires: who makes a part, or puts parts together, holds the claim of that (evaluation_worker.hpp), or is alone.
// Errors: filesystem_error where the checkpoint is gone; Failed(io).  Threads: one caller.  make() blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trainer/evaluate/evaluation_child.hpp"

namespace bsft {

class EvaluationParts {
 public:
  // child must outlive it.
  EvaluationParts(Config const& config, std::filesystem::path const& run_dir, EvaluationChild const& child);

  // 0: it is not shared, as there is one evaluator, or nothing to score.
  std::int64_t count(Evaluation one);
  // Whether it has been tried, by anybody.
  bool has(Evaluation one, std::int64_t number);
  void make(Evaluation one, std::int64_t number);

  // How the first part that failed did.
  std::optional<ChildOutcome> failure(Evaluation one);
  // What makes a child put them together; nothing where not all are there.
  std::vector<std::string> words(Evaluation one);
  // Only once what they make is written: who is still at it, having lost its claim, must not find them gone before.
  void remove(Evaluation one);

 private:
  std::filesystem::path file_of(Evaluation one, std::int64_t number);
  std::string weights_of(std::int64_t step);

  std::string config_digest_;
  std::int64_t sharers_;
  EvaluationFolder folder_;
  EvaluationChild const& child_;
  std::map<std::int64_t, std::pair<std::filesystem::file_time_type, std::string>> weights_;  // digests, as of then
};

}  // namespace bsft
