// How a run of a sweep is started: the words of `bsft launch`, and the CPUs that are its own.
//
// One rank by hand is a plain process.  In a Slurm job it is a step of srun, where srun speaks PMIx, with its own share
// of the allocation (--exact); else mpirun's, and then several at a time take equal parts of this process's CPUs, which
// mpirun would bind to the same ones otherwise.
// Errors: Invalid(usage) where the ranks are more than the allocation's tasks, or mpirun would have to share several
// hosts out.
#pragma once

#include <sched.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bsft {

struct Shares {
  std::int64_t ranks = 1, together = 1;
  bool srun = false;
  std::vector<cpu_set_t> cpus;  // one a run that goes on at a time; empty: all of them
};

Shares shares_of(std::int64_t ranks, std::int64_t together);
// "launch -- mpirun -np 3 …/bsft train --config FILE --resume auto", behind the program's name.
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
