// A small program stands in for `bsft evaluate`: it notes how it was called and answers from the checkpoint's folder
// (a file `score`, `fail`, `crash`, `hang`, …).
#include "trainer/evaluate/checkpoint_scorer.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/checkpoint/layout.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr char const* stand_in = R"sh(#!/bin/sh
run="$(dirname "$0")"
echo "$@" >> "$run/calls"
env > "$run/environment"
while [ $# -gt 0 ]; do
  case "$1" in --model) model="$2";; --out) out="$2";; --split) split="$2";; esac
  shift
done
ls "$run/checkpoints/.leases" > "$run/leases-seen"
[ -f "$model/crash" ] && kill -9 $$
[ -f "$model/once" ] && { rm "$model/once"; kill -9 $$; }
[ -f "$model/hang" ] && { trap '' TERM; while :; do sleep 1; done; }
[ -f "$model/slow" ] && { touch "$run/slow-started"; exec sleep 60; }
[ -f "$model/fail" ] && { echo "starting"; echo "bsft: error: the model is bad (why) fix it" >&2; exit 65; }
score="$(cat "$model/score")"
s="{\"macro_f1_tasks\": $score, \"macro_f1_pooled\": $score, \"accuracy\": $score, \"support\": 10}"
echo "{\"split\": \"$split\", \"headline\": \"self\", \"suites\": {\"full\": {\"overall\": $s, \"groups\": {\"g\": $s}, \"tasks\": {\"t\": $s}}}, \"conditions\": {}, \"steer\": {\"full\": {}}, \"data_digest\": \"d\", \"model_digest\": \"m$score\"}" > "$out"
if [ -f "$model/pair" ]; then
  touch "$run/wrote-$$"
  until [ -e "$run/end" ]; do sleep 0.01; done
fi
)sh";

class CheckpointScorerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bsft-scorer-XXXXXX";
    run_ = ::mkdtemp(name);
    std::ofstream(program()) << stand_in;
    fs::permissions(program(), fs::perms::owner_all);
    config_.data.file = "some.h5";
    add(0, "score", "0.25");
  }
  void TearDown() override { fs::remove_all(run_); }

  fs::path program() const { return run_ / "stand-in"; }
  void add(std::int64_t step, std::string const& what, std::string const& content) {
    fs::create_directories(checkpoint_of(run_, step));
    std::ofstream(checkpoint_of(run_, step) / what) << content;
    std::ofstream(checkpoint_of(run_, step) / "model.safetensors") << what << content;
  }
  std::string text(char const* name) const { return read_file(run_ / name); }
  std::vector<Json> lines() const {
    std::vector<Json> result;
    std::ifstream file(run_ / "evaluations.jsonl");
    for (std::string line; std::getline(file, line);) result.push_back(Json::parse(line));
    return result;
  }

  fs::path run_;
  Config config_;
};

TEST_F(CheckpointScorerTest, ScoresUnderALeaseAndMovesBest) {
  add(10, "score", "0.5");
  add(20, "score", "0.75");
  add(30, "score", "0.5625");
  CheckpointScorer scorer(config_, run_, program());
  scorer.score(10);
  EXPECT_EQ(text("leases-seen"), "step-00000010\n");
  EXPECT_FALSE(fs::exists(lease_of(run_, 10)));
  EXPECT_NE(text("BEST").find("step-00000010"), std::string::npos);
  scorer.score(20);
  scorer.score(30);
  EXPECT_NE(text("BEST").find("step-00000020"), std::string::npos);
  auto const written = lines();
  ASSERT_EQ(written.size(), 3U);
  EXPECT_EQ(written[1]["status"], "scored");
  EXPECT_EQ(written[1]["metric"], 0.75);
  EXPECT_EQ(written[1]["suites"]["full"]["tasks"]["t"], 0.75);
}

TEST_F(CheckpointScorerTest, AFailingChildIsALineAndNothingElse) {
  add(10, "fail", "");
  add(20, "crash", "");
  add(30, "score", "0.5");
  CheckpointScorer scorer(config_, run_, program());
  scorer.score(10);
  scorer.score(20);
  scorer.score(30);
  scorer.score(40);  // never written, or removed by retention
  auto const written = lines();
  ASSERT_EQ(written.size(), 4U);
  EXPECT_EQ(written[0]["status"], "failed");
  EXPECT_EQ(written[0]["exit_code"], 65);
  EXPECT_EQ(written[0]["error"], "bsft: error: the model is bad (why) fix it");
  EXPECT_EQ(written[1]["exit_code"], 128 + 9);
  EXPECT_EQ(written[2]["status"], "scored");
  EXPECT_EQ(written[3]["status"], "skipped");
  EXPECT_NE(text("BEST").find("step-00000030"), std::string::npos);
}

TEST_F(CheckpointScorerTest, AProgramThatIsNotThereIsALineToo) {
  add(10, "score", "0.5");
  CheckpointScorer scorer(config_, run_, run_ / "no-such-program");
  scorer.score(10);
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_EQ(lines()[0]["status"], "failed");
  EXPECT_THROW(scorer.finish(10), Error);
}

TEST_F(CheckpointScorerTest, AChildThatWasKilledHasOneMoreTry) {
  add(10, "score", "0.5");
  std::ofstream(checkpoint_of(run_, 10) / "once") << "";
  add(20, "crash", "");
  CheckpointScorer scorer(config_, run_, program());
  scorer.score(10);
  scorer.score(20);
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_EQ(lines()[0]["status"], "scored");
  EXPECT_EQ(lines()[1]["status"], "failed");
  EXPECT_EQ(lines()[1]["exit_code"], 128 + 9);
  std::string const calls = text("calls");
  EXPECT_EQ(std::count(calls.begin(), calls.end(), '\n'), 4) << "two tries each";
}

TEST_F(CheckpointScorerTest, AChildThatHangsIsEndedAndIsALine) {
  add(10, "hang", "");
  add(20, "score", "0.5");
  config_.evaluate.timeout = 1;
  CheckpointScorer scorer(config_, run_, program());
  scorer.score(10);
  scorer.score(20);
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_EQ(lines()[0]["status"], "failed");
  EXPECT_EQ(lines()[0]["error"], "not done within evaluate.timeout, 1 s");
  EXPECT_EQ(lines()[1]["status"], "scored");
  std::string const calls = text("calls");
  EXPECT_EQ(std::count(calls.begin(), calls.end(), '\n'), 2) << "what hangs has no second try";
}

TEST_F(CheckpointScorerTest, NeverTheSameWeightsTwiceAlsoAfterARestart) {
  add(10, "score", "0.5");
  add(20, "score", "0.5");
  CheckpointScorer(config_, run_, program()).score(10);
  CheckpointScorer restarted(config_, run_, program());
  restarted.score(10);
  restarted.score(20);
  auto const written = lines();
  ASSERT_EQ(written.size(), 2U) << "a row a checkpoint";
  EXPECT_EQ(written[0]["status"], "scored");
  EXPECT_EQ(written[1]["status"], "same");
  EXPECT_EQ(written[1]["as"], "step-00000010");
  EXPECT_EQ(written[1]["metric"], 0.5);
  EXPECT_EQ(text("BEST"), "step-00000010\n");
  std::string const calls = text("calls");
  EXPECT_EQ(std::count(calls.begin(), calls.end(), '\n'), 1);
}

TEST_F(CheckpointScorerTest, OtherWeightsOfTheSameStepReplaceItsRow) {
  add(10, "score", "0.5");
  CheckpointScorer scorer(config_, run_, program());
  scorer.score(10);
  add(10, "score", "0.75");
  scorer.score(10);
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_EQ(lines()[0]["metric"], 0.75);
}

TEST(IsScored, TheFirstTheLastAndEachNthOfTheSchedule) {
  Config config;
  config.checkpoint.every = 4;
  config.evaluate.every = 2;
  std::vector<std::int64_t> scored;
  for (std::int64_t step = 0; step <= 17; ++step)
    if (is_scored(config, step, step == 17)) scored.push_back(step);
  EXPECT_EQ(scored, (std::vector<std::int64_t>{0, 8, 16, 17}));
  config.evaluate.every = 1;
  EXPECT_TRUE(is_scored(config, 4, false));
  EXPECT_FALSE(is_scored(config, 7, false)) << "saved because the run was asked to stop";
  config.checkpoint.every = 0;
  EXPECT_TRUE(is_scored(config, 0, false));
  EXPECT_FALSE(is_scored(config, 7, false));
}

TEST_F(CheckpointScorerTest, WhatIsGivenUpIsLeftForALaterAttempt) {
  for (std::int64_t const step : {10, 20, 30}) add(step, "score", "0." + std::to_string(step));
  add(20, "slow", "yes");
  for (std::int64_t const step : {10, 20, 30}) {
    fs::create_directories(lease_of(run_, step).parent_path());
    std::ofstream(lease_of(run_, step)) << "";
  }
  EvaluationFolder const folder(run_);
  EXPECT_EQ(folder.waiting(), (std::vector<std::int64_t>{10, 20, 30}));  // 0 has no lease
  {
    CheckpointScorer scorer(config_, run_, program(), [this] { return fs::exists(run_ / "slow-started"); });
    scorer.score(10);
    scorer.score(20);  // its child is ended
    std::ofstream(lease_of(run_, 30)) << "";
    scorer.score(30);  // not begun
    try {
      scorer.finish(30);
      FAIL() << "an evaluation that was given up is not complete";
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), Exit::start_again);
    }
  }
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_EQ(lines()[0]["step"], 10);
  EXPECT_FALSE(fs::exists(run_ / "results.json"));
  EXPECT_EQ(folder.waiting(), (std::vector<std::int64_t>{20, 30}));
}

TEST_F(CheckpointScorerTest, TheChildIsNoRank) {
  add(10, "score", "0.5");
  ::setenv("OMPI_COMM_WORLD_SIZE", "3", 1);
  ::setenv("PMIX_RANK", "2", 1);
  ::setenv("PMI_RANK", "2", 1);
  ::setenv("SLURM_PROCID", "2", 1);
  ::setenv("BSFT_KEPT", "yes", 1);
  CheckpointScorer(config_, run_, program()).score(10);
  for (char const* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    EXPECT_EQ(text("environment").find(name), std::string::npos) << name;
    ::unsetenv(name);
  }
  EXPECT_NE(text("environment").find("BSFT_KEPT=yes"), std::string::npos);
}

TEST_F(CheckpointScorerTest, ResultsAreTheSameBytesTwice) {
  add(10, "score", "0.5");
  config_.evaluate.suites = {"full", "hard"};
  CheckpointScorer(config_, run_, program()).finish(10);
  std::string const first = text("results.json");
  fs::remove_all(run_ / ".evaluations");
  CheckpointScorer(config_, run_, program()).finish(10);
  EXPECT_EQ(text("results.json"), first);
  Json const results = Json::parse(first);
  EXPECT_EQ(results["suites"]["full"]["overall"]["macro_f1_tasks"], 0.5);
  EXPECT_EQ(results["before"]["suites"]["full"]["overall"]["macro_f1_tasks"], 0.25);
  EXPECT_EQ(results["final"]["step"], 10);
  EXPECT_EQ(results["model_digest"], "m0.5");
  EXPECT_EQ(results["config_digest"], digest_of(config_));
  EXPECT_FALSE(results.contains("missing"));
  EXPECT_FALSE(fs::exists(lease_of(run_, 0)));
  std::string const calls = text("calls");
  EXPECT_NE(calls.find("--split test"), std::string::npos);
  EXPECT_NE(calls.find("--suite full --suite hard"), std::string::npos);
  EXPECT_EQ(calls.find("--max-records"), std::string::npos);
}

TEST_F(CheckpointScorerTest, ATableThatIsThereIsNotMadeAgain) {
  add(10, "score", "0.5");
  CheckpointScorer(config_, run_, program()).table(0);
  CheckpointScorer scorer(config_, run_, program());
  EXPECT_TRUE(scorer.has_table(0));
  EXPECT_FALSE(scorer.has_table(10));
  scorer.score(10);
  scorer.finish(10);
  std::string const calls = text("calls");
  EXPECT_EQ(std::count(calls.begin(), calls.end(), '\n'), 3);
  Json const results = Json::parse(text("results.json"));
  EXPECT_EQ(results["before"]["suites"]["full"]["overall"]["macro_f1_tasks"], 0.25);
  EXPECT_EQ(results["best"]["step"], 10);
  EXPECT_EQ(results["best"]["value"], 0.5);
  Config other = config_;
  other.evaluate.final_split = "train";
  EXPECT_FALSE(CheckpointScorer(other, run_, program()).has_table(0)) << "of another configuration";
}

// As a process that was stopped, lost its claim and comes back.
TEST_F(CheckpointScorerTest, TwoAtTheSameDoNotTouchEachOthersFiles) {
  add(10, "score", "0.5");
  add(10, "pair", "");
  std::vector<pid_t> children(2);
  for (pid_t& child : children) {
    child = ::fork();
    if (child != 0) continue;
    CheckpointScorer(config_, run_, program()).table(10);
    ::_exit(0);
  }
  auto const count = [](fs::path const& folder, std::string const& part) {
    auto const is = [&](auto const& entry) { return entry.path().filename().string().find(part) != std::string::npos; };
    return std::count_if(fs::directory_iterator(folder), fs::directory_iterator(), is);
  };
  while (count(run_, "wrote-") < 2) ::usleep(10'000);
  EXPECT_EQ(count(run_ / ".evaluations", ".out"), 2);
  std::ofstream(run_ / "end") << "";
  for (pid_t const child : children) ::waitpid(child, nullptr, 0);
  EXPECT_EQ(count(run_ / ".evaluations", ".out"), 0);
  EXPECT_TRUE(CheckpointScorer(config_, run_, program()).has_table(10));
}

TEST_F(CheckpointScorerTest, WhatIsMissingIsSaidAfterTheRestIsWritten) {
  add(10, "fail", "");
  CheckpointScorer scorer(config_, run_, program());
  try {
    scorer.finish(10);
    FAIL() << "an incomplete evaluation was not said";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), Exit::evaluation_incomplete);
    EXPECT_NE(std::string(error.what()).find("step-00000010"), std::string::npos);
  }
  Json const results = Json::parse(text("results.json"));
  EXPECT_EQ(results["before"]["suites"]["full"]["overall"]["macro_f1_tasks"], 0.25);
  ASSERT_EQ(results["missing"].size(), 1U);
}

}  // namespace
}  // namespace bsft
