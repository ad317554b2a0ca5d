// Verdicts on a clock of the test: who is silent, stuck, slow, or calls another collective, and who is not accused.
#include "trainer/comm/judge.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace bsft {
namespace {

// Ranks that beat each second, as long as they are asked to.
class Ranks {
 public:
  explicit Ranks(int count, WatchLimits limits = {}, int self = 0)
      : limits_(limits),
        ranks_(static_cast<std::size_t>(count)),
        judge_(count, self, all(count), Judge::Causes::all, limits, 0) {
    for (int r = 0; r < count; ++r) {
      Snapshot& one = at(r);
      one.rank = r;
      one.pid = 100 + r;
      one.role = Role::trainer;
      one.activity = Activity::backward;
      one.step = 9;
      one.median_step_seconds = 1;
      one.host = {"node"};
      call(r, Verb::all_reduce, 64, true);
      judge_.heard(r, one, 0);
    }
  }
  static std::vector<int> all(int count) {
    std::vector<int> ranks(static_cast<std::size_t>(count));
    std::iota(ranks.begin(), ranks.end(), 0);
    return ranks;
  }
  Snapshot& at(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }
  void call(int rank, Verb verb, std::int64_t bytes, bool done) {
    Snapshot& one = at(rank);
    std::copy_backward(one.last.begin(), one.last.end() - 1, one.last.end());
    one.last[0] = {++one.carried_out, bytes, one.step, 0, verb, done};
    ++one.progress;
  }
  // Beats and looks until a verdict or the time; silent ranks do not beat, moving ones change.
  std::optional<Verdict> until(double end, std::vector<int> const& silent = {}, std::vector<int> const& moving = {}) {
    while (now < end) {
      now += 1;
      for (int const r : moving) ++at(r).progress;
      for (Snapshot const& one : ranks_) {
        if (std::find(silent.begin(), silent.end(), one.rank) == silent.end()) judge_.heard(one.rank, one, now);
      }
      if (auto verdict = judge_.look(now)) return verdict;
    }
    return std::nullopt;
  }
  Judge& judge() { return judge_; }

  double now = 0;

 private:
  WatchLimits limits_;
  std::vector<Snapshot> ranks_;
  Judge judge_;
};

TEST(Judge, RanksThatMoveAreLeftAlone) {
  Ranks ranks(4);
  EXPECT_FALSE(ranks.until(1000, {}, {0, 1, 2, 3}));
}

TEST(Judge, ASilentRankIsNamedAtTheLimit) {
  Ranks ranks(4);
  ASSERT_FALSE(ranks.until(10, {}, {0, 1, 2, 3}));
  ASSERT_FALSE(ranks.until(39, {2}));
  auto const verdict = ranks.until(41, {2});
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->ends_the_job);
  EXPECT_EQ(verdict->rank, 2);
  EXPECT_EQ(verdict->line,
            "trainer rank 2 on node (pid 102) has not been heard for 30 s (backward of step 9; last collective #1 "
            "all_reduce of 64 bytes, done) it is stopped or its host is gone: start again with --resume auto");
}

TEST(Judge, SilenceHasNoLongerLimitAtTheStart) {
  Ranks ranks(2, {10, 600, 1});
  ranks.at(1).activity = Activity::starting;
  ranks.at(1).median_step_seconds = 0;
  ASSERT_FALSE(ranks.until(9, {1}));
  EXPECT_TRUE(ranks.until(11, {1}));
}

TEST(Judge, WhoWasSuspendedBlamesNobodyForThatTime) {
  Ranks ranks(3);
  ASSERT_FALSE(ranks.until(10, {}, {0, 1, 2}));
  ranks.now = 500;  // the judge's next look is at 501: all were stopped
  ASSERT_FALSE(ranks.until(501, {0, 1, 2}));
  ASSERT_FALSE(ranks.until(520, {2}, {0, 1})) << "19 s after the job went on";
  EXPECT_TRUE(ranks.until(532, {2}, {0, 1})) << "but then the limit is as ever";
}

TEST(Judge, TheCulpritIsBehindAndNotInACollective) {
  Ranks ranks(4);
  for (int const r : {0, 1, 2}) ranks.call(r, Verb::reduce_scatter, 4096, false);
  ranks.at(3).activity = Activity::data;
  ASSERT_FALSE(ranks.until(29));
  auto const verdict = ranks.until(32);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->rank, 3);
  EXPECT_NE(verdict->line.find("trainer rank 3 on node (pid 103) has not moved on for 30 s (data of step 9;"),
            std::string::npos)
      << verdict->line;

  Ranks equal(3);  // as many collectives, and only one has left the last
  for (int const r : {0, 2}) equal.at(r).last[0].done = false;
  auto const second = equal.until(40);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->rank, 1);
}

TEST(Judge, AllThatWaitInOneCollectiveAreNotOneRanksFault) {
  Ranks ranks(3);
  for (int const r : {0, 1, 2}) ranks.call(r, Verb::all_gather, 4096, false);
  auto const verdict = ranks.until(40);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->line.rfind("all 3 trainer ranks wait for each other since 30 s", 0), 0U) << verdict->line;
}

TEST(Judge, LimitsFollowTheStepAndTheActivity) {
  auto const named_at = [](Activity activity, double median) {
    Ranks ranks(2, {30, 600, 1});
    for (int const r : {0, 1}) {
      ranks.at(r).activity = activity;
      ranks.at(r).median_step_seconds = median;
    }
    return ranks.until(2000) ? ranks.now : -1;
  };
  EXPECT_NEAR(named_at(Activity::forward, 1), 31, 1);
  EXPECT_NEAR(named_at(Activity::forward, 20), 101, 1);
  EXPECT_NEAR(named_at(Activity::forward, 0), 601, 1);
  EXPECT_NEAR(named_at(Activity::starting, 20), 601, 1);
  EXPECT_NEAR(named_at(Activity::save, 20), 601, 1);
  EXPECT_EQ(named_at(Activity::evaluation, 20), -1);
  EXPECT_EQ(named_at(Activity::ending, 20), -1);
}

TEST(Judge, ASlowRankIsRemarkedOnce) {
  Ranks ranks(3);
  for (int const r : {0, 2}) ranks.call(r, Verb::all_reduce, 64, false);
  ASSERT_FALSE(ranks.until(59, {}, {1}));
  auto const verdict = ranks.until(63, {}, {1});
  ASSERT_TRUE(verdict);
  EXPECT_FALSE(verdict->ends_the_job);
  EXPECT_EQ(verdict->rank, 1);
  EXPECT_NE(verdict->line.find("trainer rank 1 on node (pid 101) is slow"), std::string::npos) << verdict->line;
  EXPECT_FALSE(ranks.until(300, {}, {1}));
}

TEST(Judge, AnotherCollectiveIsNamedAtOnce) {
  Ranks ranks(4);
  for (int const r : {0, 1, 3}) ranks.call(r, Verb::all_reduce, 4096, false);
  ranks.call(2, Verb::all_gather, 4096, false);
  auto const verdict = ranks.until(3);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(ranks.now, 1);
  EXPECT_EQ(verdict->rank, 2);
  EXPECT_EQ(
      verdict->line.rfind("trainer rank 2 on node (pid 102) called #2 all_gather of 4096 bytes where trainer rank ", 0),
      0U)
      << verdict->line;

  Ranks bytes(4);  // the first rank may be the odd one
  for (int const r : {1, 2, 3}) bytes.call(r, Verb::all_reduce, 4096, false);
  bytes.call(0, Verb::all_reduce, 8, false);
  bytes.call(0, Verb::all_reduce, 8, false);
  auto const second = bytes.until(3);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->rank, 0);
}

TEST(Judge, OtherCommunicatorsHaveSequencesOfTheirOwn) {
  Ranks ranks(2);
  ranks.call(0, Verb::all_gather, 64, true);
  ranks.at(0).last[0].communicator = 1;
  ranks.call(1, Verb::all_reduce, 8, true);
  EXPECT_FALSE(ranks.until(20));
}

TEST(Judge, WhoEndsIsAccusedOnlyIfOthersWait) {
  Ranks ranks(3);
  for (int const r : {1, 2}) ranks.at(r).activity = Activity::ending;
  EXPECT_TRUE(ranks.judge().all_ended() == false);
  ASSERT_FALSE(ranks.until(5));
  EXPECT_TRUE(ranks.judge().all_ended());
  ASSERT_FALSE(ranks.until(100, {1, 2}, {0}));
  ranks.call(0, Verb::all_reduce, 64, false);
  auto const verdict = ranks.until(140, {1, 2});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->rank, 1);
  EXPECT_NE(verdict->line.find(" ends while trainer rank 0 on node (pid 100) waits for it"), std::string::npos)
      << verdict->line;
}

TEST(Judge, ALoneTrainerIsWatchedToo) {
  Ranks ranks(1);
  ranks.at(0).activity = Activity::data;
  auto const verdict = ranks.until(40);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->line.rfind("trainer rank 0 on node (pid 100) has not moved on for 30 s", 0), 0U) << verdict->line;
}

TEST(Judge, TheSecondJudgeKnowsSilenceAlone) {
  Judge judge(3, 2, {0}, Judge::Causes::silence, {30, 600, 1}, 0);
  Snapshot first;
  first.median_step_seconds = 1;
  first.activity = Activity::data;
  for (int t = 0; t <= 100; ++t) {
    judge.heard(0, first, t);
    ASSERT_FALSE(judge.look(t)) << t;
  }
  for (int t = 101; t < 130; ++t) ASSERT_FALSE(judge.look(t)) << t;
  auto const verdict = judge.look(130);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->rank, 0);
}

}  // namespace
}  // namespace bsft
