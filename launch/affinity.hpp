// Compare the CPUs that the ranks may use with the threads that they will run.
//
// A rank's own mask (sched_getaffinity) decides: mpirun -np 2 binds each rank to one core, srun gives one CPU a task
// where nothing else is asked, so threads take turns on it and nobody says so.  judge_threads looks at all ranks:
//   a rank with fewer CPUs than threads                       warning, with the launcher's option to type
//   ranks that share CPUs, with more threads than CPUs there  warning where the host has idle CPUs, else a note
// threads 0 (train.threads_per_rank: 0): each rank takes its part of its CPUs, threads_of().
// Pure functions of a layout, but for cpus_here(), which throws Failed(unavailable) with the system's words.
// Any thread.
#pragma once

#include <string>
#include <vector>

#include "data/base/host.hpp"
#include "launch/world.hpp"

namespace bsft {

struct RankCpus {
  int rank = 0;
  Host host;
  int online = 1, cores = 1;  // of the host: CPUs, and cores, of which each may be several CPUs
  std::vector<int> cpus;      // this rank's, ascending
};

RankCpus cpus_here(int rank);
std::string to_line(RankCpus const& cpus);
RankCpus cpus_from(std::string const& line);
std::vector<RankCpus> cpus_from(std::vector<std::string> const& lines);
// "0-3,8", as taskset and Slurm write it; from_list is its inverse.
std::string cpu_list(std::vector<int> const& cpus);
std::vector<int> from_list(std::string const& list);

struct ThreadFinding {
  bool warning = true;
  std::string found, advice;
};
std::vector<ThreadFinding> judge_threads(std::vector<RankCpus> const& ranks, int threads, Launcher launcher);
// What a rank runs: `threads`, or for 0 its CPUs over the ranks that share them, at least 1.
int threads_of(std::vector<RankCpus> const& ranks, int rank, int threads);

}  // namespace bsft
