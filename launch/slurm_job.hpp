// Whether Slurm says that a job has ended: it knows the job no more, or does not list it as waiting or running.
//
// Asks squeue, for 5 s at most.  False where there is no Slurm, or no answer.  `job` is digits alone.
#pragma once

#include <string>

namespace bsft {

bool slurm_job_ended(std::string const& job);

}  // namespace bsft
