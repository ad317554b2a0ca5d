// A sweep as Slurm jobs: an array with a task for each run that is not done, and a job behind it for the report.
//
// The site's values are those of slurm/site.yaml (site.hpp); the sweep file's `slurm` comes over them, but for modules,
// setup, sbatch_args and srun_args, which run programs: a sweep file may be a stranger's.  A task is `bsft sweep run
// SWEEP.yaml --only ID`, so what is done meanwhile is not done again, and an array submitted once more runs only what
// is left.  Where Slurm's MaxArraySize is less than the runs, arrays follow one another. Before anything is submitted
// every configuration is looked at as bsft submit does (readiness.hpp), those alike once. Errors: Findings(config) of
// the `slurm` section; those of readiness_of and client.hpp.
#pragma once

#include <vector>

#include "launch/slurm/batch_job.hpp"
#include "launch/sweep/run_state.hpp"

namespace bsft {

struct SweepSubmission {
  std::vector<slurm::BatchJob> arrays;  // one after another
  slurm::BatchJob report;
  slurm::Site site;
  std::size_t runs = 0;  // in the arrays
};

// most_tasks: of an array.
SweepSubmission submission_of(SweepRuns const& sweep, std::vector<RunState> const& states, slurm::Site site,
                              std::size_t most_tasks);
// Of this cluster; Slurm's own default where it does not answer.
std::size_t most_array_tasks();
// The ids of the arrays, and last of the report's.
std::vector<std::string> submit_sweep(SweepSubmission submission);

}  // namespace bsft
