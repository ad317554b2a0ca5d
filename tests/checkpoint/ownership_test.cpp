// Who may write into a run's folder: claims, fencing, and races of several jobs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/host.hpp"
#include "data/base/safetensors.hpp"
#include "tests/base/scratch.hpp"
#include "tests/checkpoint/small_run.hpp"

namespace bsft {
namespace {

using namespace testing;

// As another host would have left it.
void left_by(fs::path const& run, std::string const& host, std::string const& job) {
  Owner const owner = take_over(run);
  char name[16];
  std::snprintf(name, sizeof name, "%08d", static_cast<int>(owner.number));
  write_atomically(run / ".owners" / name, "{\"host\": \"" + host + "\", \"boot\": \"" + host +
                                               "\", \"pid\": 1, \"job\": \"" + job +
                                               "\", \"nonce\": \"\", \"released\": false}\n");
}

TEST(RunDirectory, IsOneJobsAndIsNotOverwritten) {
  Scratch const scratch("ownership");
  fs::path const run = scratch / "run";
  {
    RunDirectory const mine(run, Existing::refuse);
    EXPECT_EQ(mine.owner(), 1);
    EXPECT_THROW(RunDirectory(run, Existing::resume), Invalid);
  }
  EXPECT_EQ(RunDirectory(run, Existing::refuse).owner(), 2) << "a lock that nobody holds is free";
  write_atomically(run / "metrics.jsonl", "");
  try {
    RunDirectory const other(run, Existing::refuse);
    FAIL() << "a run was overwritten";
  } catch (Invalid const& error) {
    EXPECT_EQ(error.code(), Exit::locked);
  }
  EXPECT_EQ(RunDirectory(run, Existing::resume).owner(), 3) << "a refused one does not count";
  EXPECT_EQ(fs::status(run).permissions(), fs::perms::owner_all);
}

TEST(RunDirectory, AnOwnerOnAnotherHostMustBeKnownToHaveEnded) {
  Scratch const scratch("ownership");
  fs::path const run = scratch / "run";
  fs::create_directories(run);
  ::unsetenv("SLURM_JOB_ID");
  left_by(run, "node7", "4711");
  auto const says = message_of<Invalid>([&] { RunDirectory(run, Existing::resume); });
  EXPECT_NE(says.find("process 1 on node7, Slurm job 4711"), std::string::npos) << says;
  EXPECT_NE(says.find("--force-unlock"), std::string::npos) << says;
  auto const slurm = [](bool ended) { return [ended](std::string const& job) { return ended && job == "4711"; }; };
  EXPECT_THROW(RunDirectory(run, Existing::resume, Unlock::when_ended, slurm(false)), Invalid);
  EXPECT_EQ(RunDirectory(run, Existing::resume, Unlock::when_ended, slurm(true)).owner(), 2);
  left_by(run, "node7", "");
  EXPECT_THROW(RunDirectory(run, Existing::resume, Unlock::when_ended, slurm(true)), Invalid);
  EXPECT_EQ(RunDirectory(run, Existing::resume, Unlock::forced).owner(), 4);
  left_by(run, "node7", "99");  // this job, started again
  ::setenv("SLURM_JOB_ID", "99", 1);
  EXPECT_EQ(RunDirectory(run, Existing::resume).owner(), 6);
  ::unsetenv("SLURM_JOB_ID");
  left_by(run, this_host().id, "");  // this machine: the lock would be held
  EXPECT_EQ(RunDirectory(run, Existing::resume).owner(), 8);
}

// A lock that outlives who took it, as on a lock server that lags: here a child of the owner's keeps it.
TEST(RunDirectory, ALockThatLagsBehindItsOwnersEndIsWaitedFor) {
  Scratch const scratch("ownership");
  fs::path const run = scratch / "run";
  { RunDirectory const ended(run, Existing::resume); }
  auto const keep_lock = [&](int milliseconds) {
    pid_t const child = ::fork();
    if (child == 0) {
      int const file = ::open((run / ".lock").c_str(), O_RDWR);
      ::flock(file, LOCK_EX);
      ::usleep(static_cast<useconds_t>(milliseconds) * 1000);
      ::_exit(0);
    }
    while (true) {  // until the child has it
      int const file = ::open((run / ".lock").c_str(), O_RDWR | O_CLOEXEC);
      bool const held = ::flock(file, LOCK_EX | LOCK_NB) != 0;
      ::close(file);
      if (held) return child;
      ::usleep(1000);
    }
  };
  pid_t child = keep_lock(60'000);
  auto const says = message_of<Invalid>([&] { RunDirectory(run, Existing::resume, Unlock::when_ended, {}, 1.5); });
  EXPECT_NE(says.find("is still locked (its last owner has ended"), std::string::npos) << says;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  child = keep_lock(2'500);
  EXPECT_EQ(RunDirectory(run, Existing::resume).owner(), 2);
  ::waitpid(child, nullptr, 0);
  left_by(run, "node7", "");  // of whom nobody knows: not waited for
  child = keep_lock(60'000);
  auto const refused = message_of<Invalid>([&] { RunDirectory(run, Existing::resume); });
  EXPECT_NE(refused.find("is in use"), std::string::npos) << refused;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(RunDirectory, CountsOnFromTheCheckpointsWhereOwnersAreLost) {
  Scratch const scratch("ownership");
  fs::path const run = scratch / "run";
  for (std::int64_t const step : {1, 2, 3}) save(run, step);
  fs::remove_all(run / ".owners");
  EXPECT_EQ(RunDirectory(run, Existing::resume).owner(), 4);
}

TEST(Fencing, OneWhoLostTheFolderPublishesNothing) {
  Scratch const scratch("ownership");
  fs::path const run = scratch / "run";
  SmallRun job(run);
  ASSERT_EQ(job.save(SmallState(1)).code, Exit::done);
  take_over(run);
  SaveOutcome const outcome = job.save(SmallState(2));
  EXPECT_EQ(outcome.code, Exit::locked);
  EXPECT_NE(outcome.error.find("owner 2, this job is owner 1"), std::string::npos) << outcome.error;
  EXPECT_EQ(published_steps(run), std::vector<std::int64_t>{1});
}

enum class Locks { none, brief, held };

// A job of a race: takes the folder, by its lock or as if there were none, and saves steps 1 to 3, all of whose files
// say which job it was; perhaps it is killed on its way, or keeps the folder for longer than others try.
void race(fs::path const& run, int job, Locks locks, std::uint64_t seed) {
  ::usleep(static_cast<useconds_t>(mix(seed, 1, job) % 3000));
  std::uint64_t const killed_at = mix(seed, 2, job) % 40;
  std::unique_ptr<RunDirectory> claim;
  std::int64_t owner = 0;
  if (locks != Locks::none) {
    claim = std::make_unique<RunDirectory>(run, Existing::resume);
    owner = claim->owner();
  } else {
    owner = take_over(run).number;
  }
  sweep_unfinished(run);
  CheckpointWriter const writer(run, owner);
  for (std::int64_t step = 1; step <= 3; ++step) {
    Manifest manifest;
    manifest.step = step;
    manifest.config_digest = "job " + std::to_string(job);
    std::string const content(20'000, static_cast<char>('a' + job));
    for (std::uint64_t file = 0; file < 3; ++file) {
      manifest.files.merge(writer.write(step, {{"file" + std::to_string(file), "", {content}}}));
      if (killed_at == static_cast<std::uint64_t>(step) * 3 + file) ::raise(SIGKILL);
    }
    writer.commit(manifest);
    remove_old(run, {2, 0});
  }
  if (locks == Locks::held) ::usleep(1'300'000);
}

TEST(Races, OfTwoToFourJobsMixNothing) {
  std::uint64_t const seed = 20'250'521;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  int published = 0, refused = 0, killed = 0;
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    Scratch const scratch("races");
    fs::path const run = scratch / "run";
    fs::create_directories(run);
    auto const jobs = static_cast<int>(2 + mix(seed, trial, 3) % 3);
    Locks const locks = trial % 2 == 1 ? Locks::none : trial % 40 == 0 ? Locks::held : Locks::brief;
    std::vector<pid_t> children;
    for (int job = 0; job < jobs; ++job) {
      children.push_back(::fork());
      ASSERT_GE(children.back(), 0);
      if (children.back() != 0) continue;
      int code = 0;
      try {
        race(run, job, locks, mix(seed, trial));
      } catch (Error const& error) {
        code = static_cast<int>(error.code());
      }
      ::_exit(code);
    }
    for (pid_t const child : children) {
      int status = 0;
      ::waitpid(child, &status, 0);
      killed += WIFSIGNALED(status) ? 1 : 0;
      if (!WIFEXITED(status) || WEXITSTATUS(status) == 0) continue;
      ++refused;
      EXPECT_EQ(WEXITSTATUS(status), 73);
    }
    for (std::int64_t const step : published_steps(run)) {
      FoundCheckpoint const found = open_checkpoint(checkpoint_of(run, step));  // throws where it is not whole
      ++published;
      char const job = static_cast<char>('a' + found.manifest.config_digest.back() - '0');
      for (auto const& [name, entry] : found.manifest.files)
        EXPECT_EQ(read_file(found.folder / name).find_first_not_of(job), std::string::npos) << "trial " << trial;
      EXPECT_EQ(found.manifest.files.size(), 3U);
    }
  }
  std::printf("200 races: %d checkpoints whole and of one job, %d jobs refused, %d killed\n", published, refused,
              killed);
  EXPECT_GT(published, 200);
  EXPECT_GT(refused, 5);
  EXPECT_GT(killed, 20);
}

}  // namespace
}  // namespace bsft
