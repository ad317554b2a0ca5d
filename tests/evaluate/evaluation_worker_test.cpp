// Who works on a run's evaluation: claims, the rows that several share, and histories of kills and resumes.
#include "trainer/evaluate/evaluation_worker.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "data/base/file.hpp"
#include "trainer/checkpoint/layout.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

// Scores are read from the checkpoint; some are slow, so that kills find it at work.
constexpr char const* stand_in = R"sh(#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    --model) model="$2";; --out) out="$2";; --split) split="$2";; --part) part=" $2";; --scored-out) scored="$2";;
    --scored) all="$all $(cat "$2")";;
  esac
  shift
done
echo "$model $split$part$all" >> "$(dirname "$0")/calls"
[ -f "$model/slow" ] && sleep 0.1
[ -n "$scored" ] && { [ -f "$model/fail" ] && exit 65; echo "${part# }" > "$scored.new"; exec mv "$scored.new" "$scored"; }
score="$(cat "$model/score")"
s="{\"macro_f1_tasks\": $score, \"macro_f1_pooled\": $score, \"accuracy\": $score, \"support\": 10}"
echo "{\"split\": \"$split\", \"headline\": \"self\", \"suites\": {\"full\": {\"overall\": $s, \"groups\": {}, \"tasks\": {}}}, \"steer\": {}, \"data_digest\": \"d\", \"model_digest\": \"m$score\"}" > "$out"
)sh";

class EvaluationWorkerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bsft-worker-XXXXXX";
    run_ = ::mkdtemp(name);
    std::ofstream(program()) << stand_in;
    fs::permissions(program(), fs::perms::owner_all);
    config_.data.file = "some.h5";
    config_.checkpoint.every = 10;
    config_.parallel.hang_seconds = 1;
  }
  void TearDown() override { fs::remove_all(run_); }

  fs::path program() const { return run_ / "stand-in"; }
  fs::path work() const { return run_ / ".evaluations"; }
  void publish(std::int64_t step, bool slow = false) {
    fs::path const folder = checkpoint_of(run_, step), hidden = folder.string() + ".new";
    fs::create_directories(hidden);
    std::ofstream(hidden / "score") << "0." << step;
    std::ofstream(hidden / "model.safetensors") << "weights " << step;
    if (slow) std::ofstream(hidden / "slow") << "";
    fs::rename(hidden, folder);
  }
  std::vector<Json> lines() const { return read_json_lines(run_ / "evaluations.jsonl"); }
  std::map<std::int64_t, std::string> statuses() const {
    std::map<std::int64_t, std::string> found;
    for (Json const& line : lines()) {
      EXPECT_TRUE(found.emplace(line["step"], line["status"]).second) << "twice: " << line;
    }
    return found;
  }
  EvaluationWorker worker() { return {config_, run_, {}, {}, program()}; }
  template <class F>
  static pid_t process(F f) {
    pid_t const child = ::fork();
    if (child == 0) {
      f();
      ::_exit(0);
    }
    return child;
  }
  static void end(pid_t child, int signal) {
    ::kill(child, signal);
    int status = 0;
    ::waitpid(child, &status, 0);
  }

  fs::path run_;
  Config config_;
};

TEST_F(EvaluationWorkerTest, AClaimIsHeldUntilItsProcessEnds) {
  fs::create_directories(work());
  Claims mine(work(), 60), same(work(), 60);
  EXPECT_TRUE(mine.take("a"));
  EXPECT_TRUE(mine.take("a")) << "it is ours";
  EXPECT_FALSE(same.take("a"));
  EXPECT_TRUE(same.is_held("a"));
  EXPECT_TRUE(same.any_held("a"));
  EXPECT_FALSE(same.any_held("b"));
  mine.drop("a");
  EXPECT_FALSE(same.is_held("a"));
  EXPECT_TRUE(same.take("a"));

  pid_t const child = process([&] {
    Claims theirs(work(), 60);
    theirs.take("b");
    for (;;) ::pause();
  });
  while (!mine.is_held("b")) std::this_thread::yield();
  EXPECT_FALSE(mine.take("b"));
  end(child, SIGKILL);
  EXPECT_FALSE(mine.is_held("b"));
  EXPECT_TRUE(mine.take("b")) << "its process has ended";
}

TEST_F(EvaluationWorkerTest, AStoppedProcessLosesItsClaimAndACopyOfItGivesBackNothing) {
  fs::create_directories(work());
  Claims mine(work(), 2);
  pid_t const child = process([&] {
    Claims theirs(work(), 2);
    theirs.take("c");
    for (;;) ::pause();
  });
  while (!mine.is_held("c")) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::seconds(3));
  EXPECT_FALSE(mine.take("c")) << "it is touched once a second";
  ::kill(child, SIGSTOP);
  auto const start = std::chrono::steady_clock::now();
  while (!mine.take("c")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_GT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500));
  ::kill(child, SIGCONT);
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_TRUE(mine.take("c")) << "still ours";
  EXPECT_TRUE(mine.is_held("c"));
  end(child, SIGKILL);
}

TEST_F(EvaluationWorkerTest, ManyTakeOneGets) {
  fs::create_directories(work());
  fs::path const tries = run_ / "tries";
  for (int round = 0; round < 8; ++round) {
    fs::remove(tries);
    std::string const name = "piece-" + std::to_string(round);
    std::vector<pid_t> children;
    for (int i = 0; i < 6; ++i) {
      children.push_back(process([&] {
        Claims claims(work(), 60);
        append_line(tries, claims.take(name) ? "1" : "0");
        for (;;) ::pause();
      }));
    }
    while (!fs::exists(tries) || read_file(tries).size() < 12) ::usleep(1'000);
    std::string const outcome = read_file(tries);
    EXPECT_EQ(std::count(outcome.begin(), outcome.end(), '1'), 1);
    for (pid_t const child : children) end(child, SIGKILL);
  }
}

TEST_F(EvaluationWorkerTest, ManyAddRowsAndNoneIsLostOrDoubled) {
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    children.push_back(process([&] {
      EvaluationFolder const folder(run_);
      for (int step = 0; step < 30; ++step) {
        if (step % 3 == i % 3) folder.add(EvaluationFolder::row_of(step, "dev", "failed"));
      }
    }));
  }
  for (pid_t const child : children) ::waitpid(child, nullptr, 0);
  EXPECT_EQ(statuses().size(), 30U);
  std::int64_t before = -1;
  for (Json const& line : lines()) EXPECT_LT(std::exchange(before, line["step"].get<std::int64_t>()), line["step"]);
}

TEST_F(EvaluationWorkerTest, TheBetterStatusStays) {
  EvaluationFolder const folder(run_);
  publish(10);
  auto row = [](std::string const& status, std::string const& digest, double metric) {
    OrderedJson json = EvaluationFolder::row_of(10, "dev", status);
    json["model_digest"] = digest;
    json["metric"] = metric;
    return json;
  };
  folder.add(row("failed", "a", 0));
  folder.add(row("scored", "a", 0.5));
  folder.add(row("failed", "a", 0));
  folder.add(EvaluationFolder::row_of(10, "dev", "skipped"));
  EXPECT_EQ(statuses(), (std::map<std::int64_t, std::string>{{10, "scored"}}));
  EXPECT_EQ(read_file(run_ / "BEST"), "step-00000010\n");
  folder.add(row("failed", "b", 0));
  EXPECT_EQ(statuses().at(10), "failed") << "of other weights";
  std::ofstream(run_ / "evaluations.jsonl", std::ios::app) << "{\"step\": 20, \"stat";
  folder.add(EvaluationFolder::row_of(30, "dev", "skipped"));
  EXPECT_EQ(statuses().size(), 2U) << "a torn line is passed over";
}

TEST_F(EvaluationWorkerTest, LatestGivesUpWhatIsOlderAndSaysSo) {
  config_.evaluate.policy = "latest";
  EvaluationFolder const folder(run_);
  for (std::int64_t const step : {0, 10, 20, 30}) {
    publish(step);
    folder.lease(step);
  }
  EvaluationWorker one = worker();
  EXPECT_TRUE(one.work());
  EXPECT_EQ(statuses(), (std::map<std::int64_t, std::string>{{10, "skipped"}, {20, "skipped"}, {30, "scored"}}));
  EXPECT_FALSE(fs::exists(lease_of(run_, 10)));
  while (one.work()) {
  }
  EXPECT_EQ(statuses().at(0), "scored");
}

TEST_F(EvaluationWorkerTest, SeveralShareACheckpointAndPutItTogetherOnce) {
  config_.parallel.evaluator_ranks = 3;
  EvaluationFolder const folder(run_);
  publish(10);
  folder.lease(10);
  EvaluationWorker one = worker(), other = worker();
  for (EvaluationWorker* const each : {&one, &other, &one}) EXPECT_TRUE(each->work());
  EXPECT_TRUE(statuses().empty());
  EXPECT_TRUE(other.work());
  EXPECT_FALSE(one.work());
  EXPECT_EQ(statuses(), (std::map<std::int64_t, std::string>{{10, "scored"}}));
  std::string const of = checkpoint_of(run_, 10).string() + " dev";
  EXPECT_EQ(read_file(run_ / "calls"), of + " 1/3\n" + of + " 2/3\n" + of + " 3/3\n" + of + " 1/3 2/3 3/3\n");
  for (auto const& entry : fs::directory_iterator(work()))
    EXPECT_EQ(entry.path().filename().string().find(".dev."), std::string::npos) << "left: " << entry.path();
}

TEST_F(EvaluationWorkerTest, APartThatFailsIsTheCheckpointsRow) {
  config_.parallel.evaluator_ranks = 2;
  EvaluationFolder const folder(run_);
  publish(10);
  std::ofstream(checkpoint_of(run_, 10) / "fail") << "";
  folder.lease(10);
  EvaluationWorker one = worker();
  while (one.work()) {
  }
  EXPECT_EQ(statuses(), (std::map<std::int64_t, std::string>{{10, "failed"}}));
  EXPECT_EQ(lines()[0]["exit_code"], 65);
  fs::remove(checkpoint_of(run_, 10) / "fail");
  reconcile(config_, run_, 10, Retry::yes);
  while (one.work()) {
  }
  EXPECT_EQ(statuses(), (std::map<std::int64_t, std::string>{{10, "scored"}})) << "asked for again, it is scored anew";
}

TEST_F(EvaluationWorkerTest, LatestFinishesWhatIsBegun) {
  config_.parallel.evaluator_ranks = 2;
  config_.evaluate.policy = "latest";
  EvaluationFolder const folder(run_);
  EvaluationWorker one = worker();
  for (std::int64_t const step : {10, 20, 30}) {
    publish(step);
    folder.lease(step);
    if (step == 20) continue;
    EXPECT_TRUE(one.work());  // a part of 10, and another when 20 is old and 30 is new
  }
  while (one.work()) {
  }
  EXPECT_EQ(statuses(), (std::map<std::int64_t, std::string>{{10, "scored"}, {20, "skipped"}, {30, "scored"}}));
}

TEST_F(EvaluationWorkerTest, WhatFailedIsAskedForAgainOnce) {
  EvaluationFolder const folder(run_);
  for (std::int64_t const step : {0, 10, 15}) publish(step);
  folder.add(EvaluationFolder::row_of(0, "dev", "failed"));
  folder.add(EvaluationFolder::row_of(10, "dev", "failed"));
  reconcile(config_, run_, -1);
  EXPECT_TRUE(folder.waiting().empty()) << "a job does not try again what failed";
  EXPECT_EQ(statuses().at(15), "skipped");
  reconcile(config_, run_, -1, Retry::yes);
  EXPECT_EQ(folder.waiting(), (std::vector<std::int64_t>{0, 10}));
  EvaluationWorker one = worker();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(one.work());  // two rows and the table of step 0
  EXPECT_FALSE(one.work());
  EXPECT_EQ(statuses(), (std::map<std::int64_t, std::string>{{0, "scored"}, {10, "scored"}, {15, "skipped"}}));
}

TEST_F(EvaluationWorkerTest, PatienceRunsOutByTheRowsAlone) {
  auto rows = [](std::vector<double> const& metrics) {
    std::map<std::int64_t, Json> result;
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      result[static_cast<std::int64_t>(i)] = {{"status", metrics[i] < 0 ? "failed" : "scored"}, {"metric", metrics[i]}};
    }
    return result;
  };
  EXPECT_FALSE(patience_ran_out(rows({}), 1));
  EXPECT_FALSE(patience_ran_out(rows({0.5, 0.25}), 0));
  EXPECT_TRUE(patience_ran_out(rows({0.5, 0.25}), 1));
  EXPECT_TRUE(patience_ran_out(rows({0.5, 0.5}), 1)) << "as good is not better";
  EXPECT_FALSE(patience_ran_out(rows({0.5, 0.25, 0.75}), 1));
  EXPECT_FALSE(patience_ran_out(rows({0.5, 0.25, 0.375}), 3));
  EXPECT_TRUE(patience_ran_out(rows({0.5, 0.25, 0.375, 0.125}), 3));
  EXPECT_FALSE(patience_ran_out(rows({0.5, -1, -1}), 1)) << "what failed says nothing";
}

// A job publishes 12 checkpoints, some not due; workers come, are killed and stopped, a job resumes: in the end each
// checkpoint has one row, results.json is that of an undisturbed run, and nothing was scored that had a row.
TEST_F(EvaluationWorkerTest, EachCheckpointHasOneRowWhateverHappens) {
  std::string whole;
  std::random_device device;
  char const* const given = std::getenv("BSFT_SEED");
  unsigned const seed = given != nullptr ? static_cast<unsigned>(std::stoul(given)) : device();
  SCOPED_TRACE("BSFT_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);
  config_.evaluate.every = 2;
  for (int round = 0; round < 8; ++round) {
    bool const calm = round % 4 == 0, shared = round >= 4;
    config_.parallel.evaluator_ranks = shared ? 2 : 1;
    for (auto const& entry : fs::directory_iterator(run_)) {
      if (entry.path() != program()) fs::remove_all(entry.path());
    }
    auto const start = [&] {
      return process([&] {
        EvaluationWorker one = worker();
        for (;;) {
          std::string const phase = one.phase().phase;
          if (phase == "closed") ::_exit(0);
          if (!one.work()) ::usleep(5'000);
        }
      });
    };
    EvaluationFolder const folder(run_);
    std::vector<pid_t> workers{start()};
    if (!calm) workers.push_back(start());
    for (std::int64_t step = 0; step <= 110; step += 10) {
      publish(step, !calm);
      bool const job_dies_here = !calm && random() % 4 == 0;
      if (job_dies_here)
        reconcile(config_, run_, 110);  // the next attempt's
      else if (is_scored(config_, step, step == 110))
        folder.lease(step);
      else
        skip(folder, config_, step, "not due");
      if (calm) continue;
      ::usleep(random() % 60'000);
      std::size_t const whom = random() % workers.size();
      if (random() % 2 == 0) {
        end(workers[whom], SIGKILL);
        workers[whom] = start();
      } else if (step == 50) {
        ::kill(workers[whom], SIGSTOP);  // comes back later
        ::usleep(1'500'000);
        ::kill(workers[whom], SIGCONT);
      }
    }
    EvaluationPhase phase;
    phase.phase = "complete";
    phase.last_step = 110;
    folder.enter(phase);
    for (int i = 0; i < 1500 && folder.phase().phase != "closed"; ++i) ::usleep(20'000);
    EXPECT_EQ(folder.phase().phase, "closed");
    EXPECT_EQ(folder.phase().message, "");
    for (pid_t const child : workers) end(child, SIGKILL);

    std::map<std::int64_t, std::string> expected;
    for (std::int64_t step = 0; step <= 110; step += 10)
      expected[step] = is_scored(config_, step, step == 110) ? "scored" : "skipped";
    EXPECT_EQ(statuses(), expected);
    OrderedJson table = OrderedJson::parse(read_file(run_ / "results.json"));
    table.erase("config_digest");  // of one evaluator rank, or of two
    std::string const results = table.dump(1);
    if (round == 0) whole = results;
    EXPECT_EQ(results, whole);
    std::string best;
    std::ifstream(run_ / "BEST") >> best;
    EXPECT_EQ(best, "step-00000080");  // 0.80
    if (!calm) continue;
    std::set<std::string> calls;
    std::ifstream file(run_ / "calls");
    for (std::string line; std::getline(file, line);) EXPECT_TRUE(calls.insert(line).second) << "twice: " << line;
    EXPECT_EQ(calls.size(), (expected.size() / 2 + 1 + 2) * (shared ? 3 : 1));  // 0, 20, … 100 and 110; two tables
  }
}

}  // namespace
}  // namespace bsft
