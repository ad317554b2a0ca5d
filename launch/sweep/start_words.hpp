// How a run of a sweep is started: the words of `bsft launch`, and the CPUs that are its own.
//
// One rank by hand is a plain process.  Where there are more, or tasks of a Slurm job, the ways are as in
// slurm/train.sbatch: srun, by the PMI that this MPI library speaks and srun lists, then mpirun; BSFT_MPI names one of
// pmix, pmi2 and mpirun.  A step of srun has its share of the job by itself (--exact); several runs of mpirun at a time
// take equal parts of this process's CPUs, where mpirun would bind all of them to the same ones.
// Errors: Invalid(usage) where the ranks are more than the job's tasks, or mpirun would have to share several hosts
// out.
#pragma once

#include <sched.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bsft {

struct Shares {
  std::int64_t ranks = 1, together = 1;
  std::vector<std::string> ways;  // "" (a plain process), pmix, pmi2, mpirun: the next one where a way is none
  std::vector<cpu_set_t> cpus;    // one a run that goes on at a time; empty: all of them
  std::vector<std::string> srun_args;
};

// ranks 0: the tasks of the job are split among `together` runs; one by hand.
Shares shares_of(std::int64_t ranks, std::int64_t together, std::vector<std::string> const& srun_args);
// "launch -- mpirun -np 3 …/bsft train --config FILE --resume auto", behind the program's name, by the first way.
std::vector<std::string> start_words(Shares const& shares, std::string const& config);

// Who is started in its life has these CPUs alone.
class OnCpus {
 public:
  explicit OnCpus(cpu_set_t const& cpus);
  ~OnCpus();
  OnCpus(OnCpus const&) = delete;
  OnCpus& operator=(OnCpus const&) = delete;

 private:
  cpu_set_t before_;
};

}  // namespace bsft
