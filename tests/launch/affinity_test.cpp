// Threads against CPUs, for layouts that no machine of ours has.
#include "launch/affinity.hpp"

#include <gtest/gtest.h>
#include <sched.h>

namespace bsft {
namespace {

RankCpus on(std::string const& host, int rank, std::string const& cpus, int online, int cores) {
  return {rank, {host, "boot-of-" + host}, online, cores, from_list(cpus)};
}

std::string said(std::vector<RankCpus> const& ranks, int threads, Launcher launcher) {
  std::string text;
  for (ThreadFinding const& finding : judge_threads(ranks, threads, launcher))
    text += (finding.warning ? "warning: " : "note: ") + finding.found + ": " + finding.advice + "\n";
  return text;
}

TEST(Affinity, ListsThereAndBack) {
  for (char const* list : {"", "0", "0-1", "0-3,8", "1,3,5", "0-63,128-191"})
    EXPECT_EQ(cpu_list(from_list(list)), list);
  RankCpus const back = cpus_from(to_line(on("node7", 12, "4-7,12", 16, 8)));
  EXPECT_EQ(back.rank, 12);
  EXPECT_EQ(back.online, 16);
  EXPECT_EQ(back.cores, 8);
  EXPECT_EQ(cpu_list(back.cpus), "4-7,12");
  EXPECT_EQ(back.host.name, "node7");
  EXPECT_EQ(back.host.id, "boot-of-node7");
}

TEST(Affinity, ThisProcess) {
  RankCpus const here = cpus_here(3);
  EXPECT_EQ(here.rank, 3);
  cpu_set_t mask;
  ASSERT_EQ(::sched_getaffinity(0, sizeof mask, &mask), 0);
  EXPECT_EQ(static_cast<int>(here.cpus.size()), CPU_COUNT(&mask));
  EXPECT_LE(here.cores, here.online);
  EXPECT_FALSE(here.host.id.empty());
}

TEST(Affinity, SilentWhereThreadsFit) {
  EXPECT_EQ(said({on("a", 0, "0-1", 2, 2)}, 2, Launcher::hand), "");
  EXPECT_EQ(said({on("a", 0, "0", 2, 2), on("a", 1, "1", 2, 2)}, 1, Launcher::mpirun), "");
  EXPECT_EQ(said({on("a", 0, "0-3", 4, 4), on("a", 1, "0-3", 4, 4)}, 2, Launcher::mpirun), "");  // unbound, enough
  EXPECT_EQ(said({on("a", 0, "0-1", 2, 2), on("b", 1, "0-1", 2, 2)}, 2, Launcher::srun), "");    // two hosts
}

TEST(Affinity, BoundToOneCore) {
  std::vector<RankCpus> const ranks = {on("a", 0, "0", 8, 8), on("a", 1, "1", 8, 8)};
  EXPECT_EQ(said(ranks, 4, Launcher::mpirun),
            "warning: ranks 0, 1: 4 threads on 1 CPU (a lets rank 0 use 0): start it with mpirun --map-by slot:PE=4 "
            "--bind-to core\n");
  EXPECT_EQ(said(ranks, 4, Launcher::srun),
            "warning: ranks 0, 1: 4 threads on 1 CPU (a lets rank 0 use 0): start it with srun --cpus-per-task=4\n");
  EXPECT_NE(said(ranks, 4, Launcher::mpiexec).find("slot:PE=4 --bind-to core, or srun --cpus-per-task=4"),
            std::string::npos);
  EXPECT_NE(said(ranks, 4, Launcher::hand).find("without taskset"), std::string::npos);
}

TEST(Affinity, OneRankOfManyIsNamed) {
  EXPECT_EQ(said({on("a", 0, "0-1", 4, 4), on("a", 1, "2-3", 4, 4), on("b", 2, "0-1", 4, 4), on("b", 3, "2", 4, 4)}, 2,
                 Launcher::srun),
            "warning: rank 3: 2 threads on 1 CPU (b lets rank 3 use 2): start it with srun --cpus-per-task=2\n");
}

// slot:PE counts cores: where their second CPUs are needed, Open MPI must be told.
TEST(Affinity, HardwareThreads) {
  std::vector<RankCpus> const ranks = {on("a", 0, "0,4", 8, 4), on("a", 1, "1,5", 8, 4)};
  EXPECT_NE(said(ranks, 4, Launcher::mpirun).find("slot:PE=4 --bind-to core --use-hwthread-cpus"), std::string::npos);
  EXPECT_EQ(said(ranks, 2, Launcher::mpirun), "");
}

TEST(Affinity, MoreThreadsThanTheHostHas) {
  EXPECT_EQ(said({on("a", 0, "0", 2, 2), on("a", 1, "1", 2, 2)}, 2, Launcher::mpirun),
            "warning: ranks 0, 1: 2 threads on 1 CPU (a lets rank 0 use 0): set train.threads_per_rank: 1, which the "
            "host has CPUs for, and free the ranks: mpirun --bind-to none, or srun --cpu-bind=none\n");
}

TEST(Affinity, SharedCpus) {
  // Plain oversubscription of a small machine is a note.
  EXPECT_EQ(said({on("a", 0, "0-1", 2, 2), on("a", 1, "0-1", 2, 2), on("a", 2, "0-1", 2, 2)}, 1, Launcher::mpirun),
            "note: ranks 0, 1, 2 share 2 CPUs of a (0-1) for 3 threads: they take turns\n");
  // All ranks on the same two of eight CPUs: the rest is idle.
  EXPECT_EQ(said({on("a", 0, "0-1", 8, 8), on("a", 1, "0-1", 8, 8)}, 2, Launcher::srun),
            "warning: ranks 0, 1 share 2 CPUs of a (0-1) for 4 threads: start it with srun --cpus-per-task=2\n");
  // By way of a third: 0-1 and 2-3 meet in 1-2.
  EXPECT_EQ(said({on("a", 0, "0-1", 4, 4), on("a", 1, "2-3", 4, 4), on("a", 2, "1-2", 4, 4)}, 2, Launcher::mpirun),
            "note: ranks 0, 1, 2 share 4 CPUs of a (0-3) for 6 threads: they take turns; not with "
            "train.threads_per_rank: 1\n");
  EXPECT_EQ(said({on("a", 0, "0", 1, 1), on("a", 1, "0", 1, 1)}, 1, Launcher::mpirun),
            "note: ranks 0, 1 share 1 CPU of a (0) for 2 threads: they take turns\n");
  EXPECT_EQ(said({on("a", 0, "0-1", 2, 2), on("a", 1, "0-1", 2, 2), on("a", 2, "0-1", 2, 2)}, 2, Launcher::mpirun),
            "note: ranks 0, 1, 2 share 2 CPUs of a (0-1) for 6 threads: they take turns; less so with "
            "train.threads_per_rank: 1\n");
  std::vector<RankCpus> many;
  for (int rank = 0; rank < 8; ++rank) many.push_back(on("a", rank, "0-1", 2, 2));
  EXPECT_EQ(said(many, 1, Launcher::mpirun),
            "note: ranks 0, 1, 2, 3 and 4 more share 2 CPUs of a (0-1) for 8 threads: they take turns\n");
}

TEST(Affinity, ThreadsFromTheMask) {
  EXPECT_EQ(threads_of({on("a", 0, "0-7", 8, 8)}, 0, 0), 8);
  EXPECT_EQ(threads_of({on("a", 0, "0-7", 8, 8)}, 0, 3), 3);
  std::vector<RankCpus> const unbound = {on("a", 0, "0-7", 8, 8), on("a", 1, "0-7", 8, 8), on("a", 2, "0-7", 8, 8)};
  EXPECT_EQ(threads_of(unbound, 2, 0), 2);
  std::vector<RankCpus> const bound = {on("a", 0, "0-3", 8, 8), on("a", 1, "4-5", 8, 8), on("b", 2, "0-7", 8, 8)};
  EXPECT_EQ(threads_of(bound, 0, 0), 4);
  EXPECT_EQ(threads_of(bound, 1, 0), 2);
  EXPECT_EQ(threads_of(bound, 2, 0), 8);
  EXPECT_EQ(threads_of({on("a", 0, "0", 1, 1), on("a", 1, "0", 1, 1)}, 1, 0), 1);
  EXPECT_EQ(said(unbound, 0, Launcher::mpirun), "");
}

}  // namespace
}  // namespace bsft
