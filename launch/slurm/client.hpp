// Slurm's own programs, called by argv, and what they answer.
//
// They do not see the job or the ranks that this process may be part of (SLURM_*, PMIX_*, PMI_*, OMPI_COMM_WORLD_*,
// BSFT_*), or a job submitted from inside another would take that one's numbers for its own; SLURM_CONF and SLURM_JWT
// stay, and so does what the user says to sbatch (SBATCH_*), but where the script says it.
// Errors: Unavailable where there is no sbatch on PATH, or Slurm does not answer; Invalid(usage) with Slurm's own words
// where it refuses the job; Failed(io) where the script cannot be written.  Any thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "launch/slurm/batch_job.hpp"

namespace bsft::slurm {

struct Answer {
  int exit_code = 0;  // 127: no such program; 128 + the signal's number; 124: not in time
  std::string out, error;
};
// For so many seconds at most; `input` is what it reads.
Answer ask(std::vector<std::string> const& words, int seconds, std::string const& input = {});

// Has Slurm test the script (sbatch --test-only), writes it to FOLDER/NAME.sbatch, submits it and returns the job's id.
std::string submit(BatchJob const& job, Site const& site);

// Whether Slurm says that a job has ended: it knows the job no more, or does not list it as waiting or running.  False
// where there is no Slurm, or no answer in 5 s.  `job` is digits alone.
bool job_ended(std::string const& job);

// What srun --mpi=list says; empty where there is no srun.
std::string mpi_plugins();

}  // namespace bsft::slurm
