// What of the environment is kept with a run: RUN/environment.jsonl, a line an attempt, and what may be kept.
//
//   {"started": "2026-11-27T02:00:00Z", "host": of rank 0, "variables": {"SLURM_JOB_NODELIST": "n[1-2]", …}}
// Kept are SLURM_*, OMPI_*, NCCL_*, UCX_*, OMP_*, CUDA_* and LOADEDMODULES (the modules), but none whose name has KEY,
// TOKEN, SECRET, PASS or JWT in it.  Pure but for note_environment.  Errors: Failed(io).  One rank.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace bsft {

bool is_kept_with_run(std::string const& variable);
void note_environment(std::filesystem::path const& run_dir);

}  // namespace bsft
