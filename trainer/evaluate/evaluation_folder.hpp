// What of a run is to be scored, and what came out, as files that several processes share, also of other hosts.
//
//   RUN/evaluations.jsonl              a row a checkpoint, by step
//   RUN/BEST                           the checkpoint with the highest metric; of equal ones the first
//   RUN/checkpoints/.leases/step-…     it waits to be scored, or somebody works with it: retention keeps off
//   RUN/.evaluations/rows/step-….json  its row, before it is in evaluations.jsonl
//   RUN/.evaluations/phase.json        what the job that trains says: {"owner", "phase", "last_step", "exit_code", …}
//   RUN/.evaluations/….part-K-N        a part of an evaluation that is shared (evaluation_parts.hpp)
//   RUN/.evaluations/NAME.claim-…      who is at it (claims.hpp)
// A row: {"step", "checkpoint", "split", "status", …}, status scored | same (as the weights of another step) | failed |
// skipped.  add() keeps one row a step: one of other weights replaces, of the same weights the better status stays.
// evaluations.jsonl is made anew from the rows, and looked at again afterwards: whoever wrote last has seen all rows.
// phase: open (more may come), complete (no more than last_step), abandoned (the job ends now), closed (all is done).
// Rows hold no times and no hosts, so that scoring something twice gives the same bytes.
// Errors: Failed(io).  tests/evaluate/evaluation_worker_test.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/base/json.hpp"

namespace bsft {

struct EvaluationPhase {
  std::int64_t owner = 0;  // of the run folder (ownership.hpp)
  std::string phase = "open";
  std::int64_t last_step = 0;
  int exit_code = 0;    // closed: the evaluation's
  std::string message;  // of that, where it is not done
};

class EvaluationFolder {
 public:
  explicit EvaluationFolder(std::filesystem::path run_dir);

  std::filesystem::path const& run_dir() const { return run_dir_; }
  std::filesystem::path work() const { return run_dir_ / ".evaluations"; }
  // Makes the folders that it needs.
  void prepare() const;
  // All that is not needed once the evaluation is complete.
  void tidy() const;

  std::map<std::int64_t, Json> rows() const;
  void add(OrderedJson const& row) const;
  static OrderedJson row_of(std::int64_t step, std::string const& split, std::string const& status);

  // Asks for a checkpoint to be scored; anew: its weights are not those of its row.
  void lease(std::int64_t step, bool anew = false) const;
  void release(std::int64_t step) const;
  // Leased and published, and without a row, ascending.
  std::vector<std::int64_t> waiting() const;

  void enter(EvaluationPhase const& phase) const;
  EvaluationPhase phase() const;

 private:
  struct Row {
    std::string text;
    Json json;
  };
  std::map<std::int64_t, Row> read_rows() const;
  std::string listing() const;
  void write_rows() const;
  void name_best(std::map<std::int64_t, Row> const& rows) const;

  std::filesystem::path run_dir_;
};

// The row that scored these weights on this split, or null.
Json const* same_weights(std::map<std::int64_t, Json> const& rows, std::string const& split, std::string const& digest);

// Whether the last `patience` rows that have a metric, or more, are not better than one before them.  0: never.
bool patience_ran_out(std::map<std::int64_t, Json> const& rows, std::int64_t patience);

}  // namespace bsft
