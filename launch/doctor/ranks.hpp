// What each rank is and sees, told to rank 0, and what to make of it.
//
// The judgements are pure functions of the facts of all ranks, in rank order.  facts_here() never throws: what fails is
// a word of the facts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "launch/affinity.hpp"
#include "launch/doctor/diagnosis.hpp"
#include "launch/world.hpp"
#include "trainer/comm/gpus.hpp"

namespace bsft::doctor {

struct RankFacts {
  int rank = 0;
  RankCpus cpus;            // with the host
  std::string program;      // version and digest of the file
  std::string instruction;  // set of the kernels
  std::vector<Gpu> gpus;
  std::string gpu_error;
  std::int64_t data_bytes = -1;  // size of the data file, -1: not there
};

RankFacts facts_here(int rank, std::string const& data);
std::string to_text(RankFacts const& facts);
RankFacts facts_from(std::string const& text);

// What the launcher says, beside what MPI has.
struct World {
  Environment environment;
  int ranks = 1;
  std::string mpi_library, thread_level;  // empty: MPI was not started
};
std::vector<Finding> judge_world(World const& world, std::vector<RankFacts> const& facts);
// `listing`: what srun --mpi=list printed, empty: there is no srun.
Finding judge_plugins(std::string const& listing);
Finding judge_programs(std::vector<RankFacts> const& facts);
// trainers: the first ranks of the job.  needed: parallel.backend is nccl.
std::vector<Finding> judge_gpus(std::vector<RankFacts> const& facts, int trainers, bool needed);
std::vector<Finding> judge_cpus(std::vector<RankFacts> const& facts, int threads, Launcher launcher);

}  // namespace bsft::doctor
