// Compare the MPI world that is there with the one that the launcher promised.
//
// srun without a PMIx that the MPI library understands, or the mpirun of another MPI, starts N jobs of one rank each,
// silently: each would train alone and write the same files.  The launcher's environment says how many it started:
// OMPI_COMM_WORLD_SIZE (Open MPI's mpirun), PMI_SIZE (MPICH, Cray, Intel), SLURM_STEP_NUM_TASKS (srun), SLURM_NTASKS
// (a batch script: a lone process there was probably meant to be started by srun); the first that is set decides,
// because mpirun inside a Slurm job leaves Slurm's own numbers, which count something else.  A PMIx launcher without
// such a number (prun) still says which rank this is: PMIX_NAMESPACE and PMIX_RANK.
//
// Pure functions of an environment given as a map, so that every launcher is tested without having it.
// check_world throws Unavailable (exit 69) with the command to type.  Any thread.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace bsft {

using Environment = std::map<std::string, std::string>;
// The variables of the launchers, and no others, as this process has them.
Environment this_environment();

enum class Launcher {
  hand,
  mpirun,
  mpiexec,
  srun,
  pmix
};  // mpirun: Open MPI's; mpiexec: by PMI; pmix: by nothing else
Launcher launcher_of(Environment const& environment);

struct PromisedWorld {
  int ranks = 1;
  std::string source;  // the variable that said so
};

// Empty where no launcher promised anything: a process started by hand.
std::optional<PromisedWorld> expected_world(Environment const& environment);
// This process's rank by the launcher's word, 0 where there is none.
int rank_of(Environment const& environment);
// Its number among the ranks of its host, empty where no launcher says so.
std::optional<int> local_rank_of(Environment const& environment);
// Whether something started this process that MPI should be asked about: a promised size, or PMIx.
bool is_launched(Environment const& environment);
// `ranks`: MPI_Comm_size of MPI_COMM_WORLD; `mpi_library`: the first words of MPI_Get_library_version, for the message.
void check_world(int ranks, Environment const& environment, std::string const& mpi_library);

}  // namespace bsft
