// The launcher's promise against MPI's size, for the launchers that there are.
#include "launch/world.hpp"

#include <gtest/gtest.h>

#include "data/base/error.hpp"

namespace bsft {
namespace {

std::string refusal(int ranks, Environment const& environment) {
  try {
    check_world(ranks, environment, "Open MPI v4.1.4");
  } catch (Unavailable const& error) {
    EXPECT_EQ(static_cast<int>(error.code()), 69);
    return error.what();
  }
  return "";
}

TEST(World, NobodyPromisedAnything) {
  EXPECT_FALSE(expected_world({}).has_value());
  EXPECT_EQ(refusal(1, {}), "");
  EXPECT_EQ(refusal(1, {{"SLURM_JOB_ID", "5"}}), "");
}

TEST(World, LaunchersAgree) {
  EXPECT_EQ(refusal(3, {{"OMPI_COMM_WORLD_SIZE", "3"}}), "");
  EXPECT_EQ(refusal(4, {{"PMI_SIZE", "4"}}), "");
  EXPECT_EQ(refusal(8, {{"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_NTASKS", "16"}}), "");
  EXPECT_EQ(refusal(1, {{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_NTASKS", "8"}}), "");  // srun -n 1
}

// mpirun inside a Slurm job: its own number counts, Slurm's counts its daemons or the whole allocation.
TEST(World, MpirunInsideSlurm) {
  Environment const environment = {{"OMPI_COMM_WORLD_SIZE", "3"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_NTASKS", "8"}};
  EXPECT_EQ(expected_world(environment)->source, "OMPI_COMM_WORLD_SIZE");
  EXPECT_EQ(refusal(3, environment), "");
}

TEST(World, SilentOneRankJobs) {
  EXPECT_EQ(
      refusal(1, {{"SLURM_STEP_NUM_TASKS", "8"}}),
      "MPI sees 1 rank where the launcher started 8 (SLURM_STEP_NUM_TASKS=8, MPI library: Open MPI v4.1.4) "
      "type srun --mpi=pmix bsft train … (srun --mpi=list shows what this Slurm has), or mpirun -np 8 bsft train …");
  EXPECT_EQ(refusal(1, {{"PMI_SIZE", "4"}}),
            "MPI sees 1 rank where the launcher started 4 (PMI_SIZE=4, MPI library: Open MPI v4.1.4) "
            "type mpirun -np 4 bsft train … with the mpirun of that MPI library");
  EXPECT_EQ(refusal(1, {{"SLURM_NTASKS", "8"}}),
            "MPI sees 1 rank where the launcher started 8 (SLURM_NTASKS=8, MPI library: Open MPI v4.1.4) "
            "type srun --mpi=pmix bsft train …, or mpirun -np 8 bsft train …, or srun -n 1 for one rank");
  EXPECT_NE(refusal(2, {{"OMPI_COMM_WORLD_SIZE", "4"}}), "");
}

TEST(World, NonsenseIsNoPromise) {
  for (char const* text : {"", "x", "3x", "-1", "0", "99999999999999999999"})
    EXPECT_FALSE(expected_world({{"OMPI_COMM_WORLD_SIZE", text}}).has_value()) << text;
  EXPECT_EQ(expected_world({{"OMPI_COMM_WORLD_SIZE", "x"}, {"PMI_SIZE", "2"}})->ranks, 2);
}

// prun says who a process is, not how many there are.
TEST(World, PmixAlone) {
  Environment const first = {{"PMIX_NAMESPACE", "prterun-1"}, {"PMIX_RANK", "0"}};
  Environment const third = {{"PMIX_NAMESPACE", "prterun-1"}, {"PMIX_RANK", "2"}};
  EXPECT_TRUE(is_launched(first));
  EXPECT_FALSE(is_launched({{"PMIX_RANK", "0"}}));
  EXPECT_TRUE(is_launched({{"PMI_SIZE", "2"}}));
  EXPECT_EQ(refusal(1, first), "");
  EXPECT_EQ(refusal(3, third), "");
  EXPECT_EQ(refusal(1, third),
            "MPI sees 1 rank where the launcher started 3 or more (PMIX_RANK=2, MPI library: Open MPI v4.1.4) start it "
            "with the mpirun or prun of that MPI library");
}

TEST(World, WhoStartedIt) {
  EXPECT_EQ(launcher_of({}), Launcher::hand);
  EXPECT_EQ(launcher_of({{"SLURM_NTASKS", "4"}}), Launcher::hand);  // a batch script
  EXPECT_EQ(launcher_of({{"OMPI_COMM_WORLD_SIZE", "3"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"PMIX_NAMESPACE", "x"}}),
            Launcher::mpirun);
  EXPECT_EQ(launcher_of({{"SLURM_STEP_NUM_TASKS", "4"}, {"PMI_SIZE", "4"}, {"PMIX_NAMESPACE", "x"}}), Launcher::srun);
  EXPECT_EQ(launcher_of({{"PMI_SIZE", "4"}}), Launcher::mpiexec);
  EXPECT_EQ(launcher_of({{"PMIX_NAMESPACE", "x"}}), Launcher::pmix);
}

TEST(World, PlaceOnTheHost) {
  EXPECT_FALSE(local_rank_of({}).has_value());
  EXPECT_EQ(local_rank_of({{"OMPI_COMM_WORLD_LOCAL_RANK", "3"}, {"SLURM_LOCALID", "0"}}), 3);
  EXPECT_EQ(local_rank_of({{"MPI_LOCALRANKID", "2"}}), 2);
  EXPECT_EQ(local_rank_of({{"SLURM_LOCALID", "1"}}), 1);
}

TEST(World, RankByTheLaunchersWord) {
  EXPECT_EQ(rank_of({}), 0);
  EXPECT_EQ(rank_of({{"OMPI_COMM_WORLD_RANK", "2"}, {"SLURM_PROCID", "0"}}), 2);
  EXPECT_EQ(rank_of({{"PMI_RANK", "1"}}), 1);
  EXPECT_EQ(rank_of({{"PMIX_RANK", "4"}, {"SLURM_PROCID", "0"}}), 4);
  EXPECT_EQ(rank_of({{"SLURM_PROCID", "7"}}), 7);
}

}  // namespace
}  // namespace bsft
