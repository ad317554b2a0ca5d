// Batch scripts as text and as bash takes them, the site's values, and what of the environment is told or kept.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "data/base/error.hpp"
#include "launch/run_environment.hpp"
#include "launch/slurm/client.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> const nasty = {
    "a b", "it's", "\"quoted\"", "$(touch bad)", "`touch bad`", "\\",  "-- --help #x", "*",
    "~",   "\t",   "",           "a\nb",         "';exit 3;'",  "!x ü"};

// What bash has as its words after the lines of a script up to the body.
std::string words_by_bash(std::string const& script, std::string const& first) {
  std::string const prelude = script.substr(0, script.find("cd \"$BSFT_DIR\""));
  slurm::Answer const answer = slurm::ask({"bash", "-c", first + prelude + "printf '<%s>' \"$@\""}, 20);
  EXPECT_EQ(answer.exit_code, 0) << answer.error;
  return answer.out;
}

std::string shown(std::vector<std::string> const& words) {
  std::string text;
  for (std::string const& word : words) text += "<" + word + ">";
  return text;
}

slurm::BatchJob command(std::vector<std::vector<std::string>> words) {
  slurm::BatchJob job;
  job.body = slurm::Body::command;
  job.name = "a b";
  job.folder = "/x/100% 'y'";
  job.words = std::move(words);
  return job;
}

TEST(BatchJob, WordsArriveAsTheyAre) {
  EXPECT_EQ(words_by_bash(slurm::script_of(command({nasty}), {}), ""), shown(nasty));
}

TEST(BatchJob, EveryTaskOfAnArrayHasItsOwnWords) {
  slurm::Site site;
  site.array_parallelism = 2;
  slurm::BatchJob job = command({{"sweep", "first"}, nasty, {"last"}});
  job.after = "afterany:4711";
  std::string const script = slurm::script_of(job, site);
  EXPECT_NE(script.find("\n#SBATCH --array=0-2%2\n"), std::string::npos) << script;
  EXPECT_NE(script.find("\n#SBATCH --dependency=afterany:4711\n"), std::string::npos);
  EXPECT_NE(script.find("\n#SBATCH --job-name=a_b\n"), std::string::npos);
  EXPECT_NE(script.find("\n#SBATCH --output='/x/100%% \\'y\\'/a_b-%A_%a.out'\n"), std::string::npos);
  EXPECT_EQ(words_by_bash(script, "SLURM_ARRAY_TASK_ID=0\n"), "<sweep><first>");
  EXPECT_EQ(words_by_bash(script, "SLURM_ARRAY_TASK_ID=1\n"), shown(nasty));
  EXPECT_EQ(words_by_bash(script, "SLURM_ARRAY_TASK_ID=2\n"), "<last>");
  EXPECT_NE(slurm::ask({"bash", "-c", script}, 20).exit_code, 0) << "an array's script by hand";
}

TEST(BatchJob, OneTaskIsNoArray) {
  std::string const script = slurm::script_of(command({{"sweep"}}), {});
  EXPECT_EQ(script.find("array"), std::string::npos);
  EXPECT_EQ(script.find("dependency"), std::string::npos);
  EXPECT_EQ(script.find("signal"), std::string::npos);
}

TEST(BatchJob, TheBodyIsTheFileOfSlurm) {
  std::pair<slurm::Body, char const*> const bodies[] = {{slurm::Body::train, "slurm/train.sbatch"},
                                                        {slurm::Body::sweep, "slurm/sweep.sbatch"}};
  for (auto const& [kind, name] : bodies) {
    slurm::BatchJob job = command({{"c.yaml"}});
    job.body = kind;
    std::string const script = slurm::script_of(job, {});
    std::ifstream file(name);
    std::string const whole((std::istreambuf_iterator<char>(file)), {});
    std::string const body = whole.substr(whole.find("\nset -u\n") + 1);
    ASSERT_GT(body.size(), 1000U);
    EXPECT_EQ(script.substr(script.find("\nset -u\n") + 1), body) << name;
    EXPECT_LT(script.rfind("#SBATCH"), script.find("set -u"));
  }
}

TEST(BatchJob, AloneHasNoGpu) {
  slurm::Site site;
  site.nodes = 4;
  site.gpus_per_node = 8;
  EXPECT_EQ(site.tasks_of_node(), 8);
  std::string const script = slurm::script_of(command({{"x"}}), slurm::alone(site));
  EXPECT_NE(script.find("--nodes=1\n#SBATCH --ntasks-per-node=1\n"), std::string::npos) << script;
  EXPECT_EQ(script.find("gpus"), std::string::npos);
}

TEST(Site, TimeAsSlurmReadsIt) {
  std::pair<char const*, std::int64_t> const limits[] = {
      {"90", 5400},      {"1:30", 90}, {"02:00:00", 7200}, {"1-0", 86400}, {"1-2:03", 93780}, {"1-2:03:04", 93784},
      {"UNLIMITED", -1}, {"", -1},     {"1:2:3:4", -1},    {"-5", -1},     {"1-", -1},        {"x-1", -1}};
  for (auto const& [time, seconds] : limits) {
    slurm::Site site;
    site.time = time;
    EXPECT_EQ(site.limit_seconds().value_or(-1), seconds) << time;
  }
}

TEST(BatchJob, TheSignalComesBeforeTheEnd) {
  slurm::BatchJob job = command({{"x"}});
  job.signal_seconds = 60;
  slurm::Site site;
  site.time = "1";
  EXPECT_THROW(slurm::script_of(job, site), Invalid);
  site.signal_seconds = 59;
  EXPECT_NE(slurm::script_of(job, site).find("--signal=B:USR1@59\n"), std::string::npos);
  job.signal_seconds = 0;  // no signal at all
  EXPECT_EQ(slurm::script_of(job, site).find("signal"), std::string::npos);
}

TEST(Site, TheFileOfTheTreeHoldsTheDefaults) {
  slurm::BatchJob const job = command({{"x"}, {"y"}});
  EXPECT_EQ(slurm::script_of(job, slurm::read_site("slurm/site.yaml")), slurm::script_of(job, {}));
}

TEST(Ask, AnswersAndEnds) {
  EXPECT_EQ(slurm::ask({"no-such-program"}, 5).exit_code, 127);
  EXPECT_EQ(slurm::ask({"sleep", "20"}, 1).exit_code, 124);
  slurm::Answer const answer = slurm::ask({"bash", "-c", "cat; echo two >&2; exit 3"}, 20, "one");
  EXPECT_EQ(answer.exit_code, 3);
  EXPECT_EQ(answer.out, "one");
  EXPECT_EQ(answer.error, "two\n");
  std::string const much(std::size_t{500} << 10, 'x');  // more than a pipe holds
  EXPECT_EQ(slurm::ask({"cat"}, 20, much).out, much);
}

TEST(Ask, JobsThatHaveEnded) {
  fs::path const folder = fs::temp_directory_path() / ("bsft_squeue_" + std::to_string(::rand()));
  fs::create_directories(folder);
  std::string const before = std::getenv("PATH");
  ::setenv("PATH", (folder.string() + ":" + before).c_str(), 1);
  auto const says = [&](std::string const& line) {
    std::ofstream(folder / "squeue") << "#!/bin/bash\n" << line << "\n";
    fs::permissions(folder / "squeue", fs::perms::owner_all);
    return slurm::job_ended("7");
  };
  EXPECT_FALSE(says("echo RUNNING"));
  EXPECT_TRUE(says("echo"));
  EXPECT_TRUE(says("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"));
  EXPECT_FALSE(says("echo 'Unable to contact slurm controller' >&2; exit 1"));
  EXPECT_FALSE(slurm::job_ended("7; true"));
  EXPECT_FALSE(slurm::job_ended(""));
  ::setenv("PATH", before.c_str(), 1);
  fs::remove_all(folder);
}

TEST(RunEnvironment, KeepsNoSecret) {
  for (char const* name : {"SLURM_JOB_NODELIST", "OMPI_MCA_btl", "NCCL_DEBUG", "LOADEDMODULES", "CUDA_VISIBLE_DEVICES"})
    EXPECT_TRUE(is_kept_with_run(name)) << name;
  for (char const* name : {"HF_TOKEN", "SLURM_JWT", "NCCL_SECRET", "SLURM_api_key", "OMPI_PASSWORD", "HOME", "slurm_x"})
    EXPECT_FALSE(is_kept_with_run(name)) << name;
}

}  // namespace
}  // namespace bsft
