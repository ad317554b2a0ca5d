// Every call of a save that touches a file fails in every way, one at a time: what is loaded afterwards is the old step
// or the new one, to the bit, and training could go on.
//
// A trial is a child process that takes the folder, which holds step 1, saves step 2 with the fault in one call, and,
// where it is still alive, saves step 3.  file_faults.c, preloaded, makes the fault.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <map>

#include "data/base/error.hpp"
#include "tests/base/scratch.hpp"
#include "tests/checkpoint/small_run.hpp"

namespace bsft {
namespace {

using namespace testing;

struct Faults {
  void (*arm)(long, int);
  void (*disarm)();
  long (*count)();
};
Faults faults() {
  auto const find = [](char const* name) { return ::dlsym(RTLD_DEFAULT, name); };
  return {reinterpret_cast<void (*)(long, int)>(find("file_faults_arm")),
          reinterpret_cast<void (*)()>(find("file_faults_disarm")),
          reinterpret_cast<long (*)()>(find("file_faults_count"))};
}

char const* const kinds[] = {"none", "kill before", "kill after",        "ENOSPC",
                             "EIO",  "half write",  "half, then ENOSPC", "ENOSPC from here on"};
constexpr int kill_after = 2, kind_count = 8;
constexpr int published = 0, not_published = 10, not_claimed = 11, cannot_go_on = 12;

// In a child.  Where `calls` is given, the number of calls is written into it.
int trial(fs::path const& run, SmallState const& second, SmallState const& third, long at, int kind, long* calls) {
  int code = published;
  Faults const fault = faults();
  fault.arm(at, kind);
  std::optional<SmallRun> job;
  try {
    job.emplace(run, Retention{1, 0});
  } catch (Error const&) {
    fault.disarm();
    code = not_claimed;
    job.emplace(run, Retention{1, 0});
  }
  if (code == published && job->save(second).code != Exit::done) code = not_published;
  if (calls != nullptr) *calls = fault.count();
  fault.disarm();
  if (kind == 0) return code;
  return job->save(third).code == Exit::done ? code : cannot_go_on;
}

TEST(SaveFaults, EveryCallInEveryWayLeavesTheOldStepOrTheNew) {
  ASSERT_NE(faults().arm, nullptr) << "start it with LD_PRELOAD=…/libfile_faults.so";
  SmallState const first(1), second(2), third(3);
  Scratch const scratch("save_faults");
  save(scratch / "template", 1);
  fs::path const run = scratch / "run", counted = scratch / "count";
  auto const fresh = [&] {
    fs::remove_all(run);
    fs::copy(scratch / "template", run, fs::copy_options::recursive);
  };
  auto const child = [&](long at, int kind) {
    fresh();
    pid_t const id = ::fork();
    if (id == 0) {
      long calls = 0;
      int const code = trial(run, second, third, at, kind, &calls);
      if (kind == 0) write_atomically(counted, std::to_string(calls));
      ::_exit(code);
    }
    int status = 0;
    ::waitpid(id, &status, 0);
    return status;
  };
  ASSERT_EQ(child(-1, 0), 0);
  long const calls = std::stol(read_file(counted));
  ASSERT_GT(calls, 60);
  std::map<std::string, std::map<std::string, int>> seen;
  int trials = 0, good = 0;
  for (int kind = 1; kind < kind_count; ++kind) {
    for (long at = 0; at < calls; ++at) {
      int const status = child(at, kind);
      std::string const where =
          std::string(kinds[kind]) + " at call " + std::to_string(at) + " of " + std::to_string(calls);
      ++trials;
      bool const killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
      ASSERT_EQ(killed, kind <= kill_after) << where << ", status " << status;
      int const code = killed ? -1 : WEXITSTATUS(status);
      EXPECT_TRUE(killed || code == published || code == not_published || code == not_claimed) << where << ": " << code;
      std::vector<std::string> warnings;
      auto const found = find(run, &warnings);
      ASSERT_TRUE(found.has_value()) << where;
      EXPECT_TRUE(warnings.empty()) << where << ": " << warnings.front();
      bool right = warnings.empty();
      if (killed) {
        right = right && (holds(run, first) || holds(run, second));
        EXPECT_TRUE(right) << where << ": neither the old step nor the new one";
        save(run, 3);  // the next job goes on
      }
      right = right && holds(run, third);
      EXPECT_TRUE(right) << where << ": could not go on";
      for (auto const& entry : fs::directory_iterator(checkpoints_of(run)))
        EXPECT_TRUE(!killed || !entry.path().filename().string().starts_with(".tmp-")) << where << entry.path();
      good += right ? 1 : 0;
      ++seen[kinds[kind]][killed ? "killed" : code == published ? "published" : "not published, said so"];
    }
  }
  std::printf("%d of %d trials load exactly the old or the new step (%ld calls, %d kinds)\n", good, trials, calls,
              kind_count - 1);
  for (auto const& [kind, outcomes] : seen)
    for (auto const& [outcome, count] : outcomes) std::printf("  %s: %d %s\n", kind.c_str(), count, outcome.c_str());
  EXPECT_EQ(good, trials);
}

}  // namespace
}  // namespace bsft
