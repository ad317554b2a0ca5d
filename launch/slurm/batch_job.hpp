// A batch script: slurm/train.sbatch or slurm/sweep.sbatch with this site's values and the words of one job, or of
// every task of an array.
//
//   #SBATCH lines        of Site and BatchJob
//   setup, modules       of the site
//   BSFT=, BSFT_DIR=, …  this program; the folder in which the job starts: the one in which it was submitted
//   set -- 'WORD' …      `words`; in an array a case of SLURM_ARRAY_TASK_ID
//   the body             of slurm/train.sbatch or sweep.sbatch, as it stands there
// Ask for an array by more than one list in `words`: task i is called with words[i], at most Site::array_parallelism at
// a time.  Each task is a job of its own: it restarts, saves and goes back to the queue by itself.
//
//   BatchJob runs{.body = Body::sweep, .name = "paper_table", .folder = "runs/paper_table"};
//   for (SweepRun const& run : left) runs.words.push_back({file, "--only", run.id});
//   BatchJob report{.body = Body::command, .name = "paper_table-report", .folder = "runs/paper_table",
//                   .words = {{"sweep", "report", file}}, .after = "afterany:" + submit(runs, site)};
//   submit(report, alone(site));                        // client.hpp
// Every word is quoted for bash in one place (shell_quoted), every value of an #SBATCH line in one (option_quoted): a
// name or a path is never program text, whatever is in it.  Pure functions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "launch/slurm/site.hpp"

namespace bsft::slurm {

enum class Body {
  train,   // CONFIG.yaml [options of bsft train]
  sweep,   // SWEEP.yaml [options of bsft sweep run]
  command  // COMMAND [words]: bsft as it is, once
};

struct BatchJob {
  Body body = Body::train;
  std::string name;                             // letters, digits, . _ -; others become _
  std::filesystem::path folder;                 // of NAME.sbatch and the logs NAME-JOB.out or NAME-JOB_TASK.out
  std::vector<std::vector<std::string>> words;  // at least one list
  std::int64_t signal_seconds = 0;              // 0: no signal; else the site's, where it gives one
  std::int64_t evaluators = 0;                  // > 0: so many more ranks, on a node of their own (heterogeneous job)
  std::string after;                            // as sbatch --dependency, "afterany:4711"; empty: at once
};

// Errors: Invalid(usage) where the folder's name has a character that no log file of Slurm's can have, and where the
// time limit comes before the signal, as the job would save and come back for ever.
std::string script_of(BatchJob const& job, Site const& site);
// What `name` becomes; the file of the script; that of the log, where %j, %A and %a stand for the job's ids.
std::string name_of(BatchJob const& job);
std::filesystem::path script_file(BatchJob const& job);
std::filesystem::path log_file(BatchJob const& job);
// One task on one node, without GPUs.
Site alone(Site site);
// 'it'\''s'
std::string shell_quoted(std::string const& word);
// As sbatch reads its lines: in quotes, which keep no backslash without another before it.
std::string option_quoted(std::string const& value);

}  // namespace bsft::slurm
