#include "launch/grace.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace bsft {
namespace {

Environment const by_mpirun = {{"OMPI_COMM_WORLD_SIZE", "2"}};
constexpr std::int64_t huge = std::int64_t{1} << 42, tiny = 1 << 16;

class GraceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("SLURM_JOB_ID");
    ::setenv("OMPI_MCA_odls_base_sigkill_timeout", "3", 1);
  }
  std::filesystem::path const folder = std::filesystem::temp_directory_path();
};

TEST_F(GraceTest, ASaveThatTakesTooLongIsSaidOnceBeforeTheFirstStep) {
  Grace grace(huge, folder, by_mpirun);
  std::string const line = grace.before_the_first_step();
  EXPECT_EQ(line.rfind("warning: a save takes about ", 0), 0u) << line;
  EXPECT_NE(line.find("mpirun kills 3.00 s after it passes on SIGTERM"), std::string::npos) << line;
  EXPECT_NE(line.find("mpirun --mca odls_base_sigkill_timeout "), std::string::npos) << line;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(grace.after_step(100), "");
}

TEST_F(GraceTest, AStepThatTakesTooLongIsSaidOnceItIsKnown) {
  Grace grace(tiny, folder, by_mpirun);
  EXPECT_EQ(grace.before_the_first_step(), "");
  for (int i = 1; i < 5; ++i) EXPECT_EQ(grace.after_step(100), "");
  EXPECT_NE(grace.after_step(100).find("after a step of 100 s"), std::string::npos);
  EXPECT_EQ(grace.after_step(100), "");
  Grace short_steps(tiny, folder, by_mpirun);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(short_steps.after_step(0.01), "");
}

TEST_F(GraceTest, NothingIsSaidWhereNobodyKills) {
  EXPECT_EQ(Grace(huge, folder, {}).before_the_first_step(), "");
  Environment supervised = by_mpirun;
  supervised["BSFT_LAUNCH"] = "7";
  EXPECT_EQ(Grace(huge, folder, supervised).before_the_first_step(), "");
  EXPECT_EQ(Grace(huge, folder / "not-there", by_mpirun).before_the_first_step(), "");
}

TEST_F(GraceTest, SlurmIsToldToAskEarly) {
  ::setenv("SLURM_JOB_ID", "7", 1);
  std::string const line = Grace(huge, folder, {{"SLURM_STEP_NUM_TASKS", "2"}}).before_the_first_step();
  EXPECT_NE(line.find("sbatch --signal=B:USR1@"), std::string::npos) << line;
  EXPECT_EQ(Grace(tiny, folder, {{"SLURM_STEP_NUM_TASKS", "2"}}).before_the_first_step(), "");
}

}  // namespace
}  // namespace bsft
