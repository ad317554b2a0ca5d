#include "trainer/evaluate/metrics.hpp"

#include <gtest/gtest.h>

namespace bsft {
namespace {

TEST(Metrics, HandComputedTable) {
  // truth A A B C, predictions A B B (invalid); D is declared only.
  Confusion table(4);
  table.add(0, 0);
  table.add(0, 1);
  table.add(1, 1);
  table.add(2, -1);
  // F1: A 2/(2+1), B 2/(1+2), C 0/(1+0); D left out.
  EXPECT_DOUBLE_EQ(*table.macro_f1(), (2.0 / 3 + 2.0 / 3 + 0) / 3);
  EXPECT_DOUBLE_EQ(*table.accuracy(), 0.5);
  EXPECT_EQ(table.invalid(), 1);
}

TEST(Metrics, NothingJudgedIsNoScore) {
  EXPECT_FALSE(Confusion(3).macro_f1());
  LabelSets const sets({{"a", "b"}, {"c", "d"}});
  Scoreboard const board = score_items(std::vector<Judged>{{0, 0, 0, 0, 7}}, sets, 2, {});
  EXPECT_TRUE(board.overall && board.tasks[0] && board.groups[0]);
  EXPECT_FALSE(board.tasks[1] || board.groups[1]);
}

TEST(Metrics, SameLabelInTwoTasksIsOnePooledClass) {
  LabelSets const sets({{"yes", "no"}, {"no", "maybe"}});
  EXPECT_EQ(sets.pooled_classes, 3U);
  EXPECT_EQ(sets.pooled[0][1], sets.pooled[1][0]);
  // task 0: yes, right.  task 1: no for maybe.
  Scoreboard const board = score_items(std::vector<Judged>{{0, 0, 0, 0, 1}, {1, 0, 1, 0, 2}}, sets, 1, {});
  EXPECT_DOUBLE_EQ(board.overall->macro_f1_tasks, (1.0 + 0.0) / 2);
  EXPECT_DOUBLE_EQ(board.overall->macro_f1_pooled, (1.0 + 0 + 0) / 3);
}

TEST(Metrics, IntervalIsPercentilesOfWholeCases) {
  auto const interval = interval95({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(interval->low, 1 + 0.025 * 3);
  EXPECT_DOUBLE_EQ(interval->high, 1 + 0.975 * 3);
  // One case only: every draw is that case, whatever its members.
  LabelSets const sets({std::vector<std::string>{"a", "b"}});
  std::vector<Judged> const items{{0, 0, 0, 0, 5}, {0, 0, 1, 0, 5}, {0, 0, 1, 1, 5}};
  Scoreboard const board = score_items(items, sets, 1, {});
  EXPECT_DOUBLE_EQ(board.overall->ci95->low, board.overall->macro_f1_tasks);
  EXPECT_DOUBLE_EQ(board.overall->ci95->high, board.overall->macro_f1_tasks);
  // The same items as three cases vary.
  std::vector<Judged> apart = items;
  for (std::size_t i = 0; i < apart.size(); ++i) apart[i].cluster = static_cast<std::int64_t>(i);
  Scoreboard const varied = score_items(apart, sets, 1, {});
  EXPECT_LT(varied.overall->ci95->low, varied.overall->ci95->high);
}

}  // namespace
}  // namespace bsft
