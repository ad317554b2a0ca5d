#include "launch/world.hpp"

#include <charconv>
#include <cstdlib>

#include "data/base/error.hpp"

namespace bsft {
namespace {

char const* const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"};
char const* const ranks_by[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID"};
char const* const local_ranks_by[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"};

std::optional<int> count(Environment const& environment, std::string const& name) {
  auto const found = environment.find(name);
  if (found == environment.end()) return std::nullopt;
  std::string const& text = found->second;
  int value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

Environment this_environment() {
  Environment environment;
  auto const take = [&environment](char const* name) {
    if (char const* value = std::getenv(name)) environment[name] = value;
  };
  for (char const* name : sizes) take(name);
  for (char const* name : ranks_by) take(name);
  for (char const* name : local_ranks_by) take(name);
  take("PMIX_NAMESPACE");
  take("PMIX_VERSION");
  take("BSFT_LAUNCH");
  return environment;
}

Launcher launcher_of(Environment const& environment) {
  if (environment.count("OMPI_COMM_WORLD_SIZE") != 0) return Launcher::mpirun;
  if (environment.count("SLURM_STEP_NUM_TASKS") != 0) return Launcher::srun;
  if (environment.count("PMI_SIZE") != 0) return Launcher::mpiexec;
  return environment.count("PMIX_NAMESPACE") != 0 ? Launcher::pmix : Launcher::hand;
}

std::optional<PromisedWorld> expected_world(Environment const& environment) {
  for (char const* name : sizes)
    if (auto const value = count(environment, name); value && *value > 0) return PromisedWorld{*value, name};
  return std::nullopt;
}

int rank_of(Environment const& environment) {
  for (char const* name : ranks_by)
    if (auto const value = count(environment, name)) return *value;
  return 0;
}

std::optional<int> local_rank_of(Environment const& environment) {
  for (char const* name : local_ranks_by)
    if (auto const value = count(environment, name)) return value;
  return std::nullopt;
}

bool is_launched(Environment const& environment) {
  return expected_world(environment).has_value() || environment.count("PMIX_NAMESPACE") != 0;
}

void check_world(int ranks, Environment const& environment, std::string const& mpi_library) {
  auto const promised = expected_world(environment);
  int const rank = rank_of(environment);
  if (!promised && rank >= ranks && environment.count("PMIX_NAMESPACE") != 0) {
    throw Unavailable("MPI sees " + std::to_string(ranks) + (ranks == 1 ? " rank" : " ranks") +
                          " where the launcher started " + std::to_string(rank + 1) + " or more",
                      "PMIX_RANK=" + std::to_string(rank) + ", MPI library: " + mpi_library,
                      "start it with the mpirun or prun of that MPI library");
  }
  if (!promised || promised->ranks == ranks) return;
  std::string const n = std::to_string(promised->ranks);
  std::string const what =
      "MPI sees " + std::to_string(ranks) + (ranks == 1 ? " rank" : " ranks") + " where the launcher started " + n;
  std::string const why = promised->source + "=" + n + ", MPI library: " + mpi_library;
  std::string fix;
  if (promised->source == "SLURM_NTASKS")
    fix = "type srun --mpi=pmix bsft train …, or mpirun -np " + n + " bsft train …, or srun -n 1 for one rank";
  else if (promised->source == "SLURM_STEP_NUM_TASKS")
    fix = "type srun --mpi=pmix bsft train … (srun --mpi=list shows what this Slurm has), or mpirun -np " + n +
          " bsft train …";
  else
    fix = "type mpirun -np " + n + " bsft train … with the mpirun of that MPI library";
  throw Unavailable(what, why, fix);
}

}  // namespace bsft
