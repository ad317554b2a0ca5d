#include "trainer/loop/skipped_steps.hpp"

#include <gtest/gtest.h>

namespace bsft {
namespace {

std::string after(std::vector<std::int64_t> const& steps) {
  SkippedSteps skipped;
  std::string many;
  for (std::int64_t const step : steps) {
    EXPECT_EQ(many, "") << "ended before step " << step;
    skipped.add(step);
    many = skipped.too_many();
  }
  EXPECT_EQ(skipped.total, static_cast<std::int64_t>(steps.size()));
  return many;
}

TEST(SkippedSteps, ThreeInARowAreTooMany) {
  EXPECT_EQ(after({1}), "");
  EXPECT_EQ(after({1, 2}), "");
  EXPECT_EQ(after({1, 2, 3}), "3 steps in a row");
  EXPECT_EQ(after({7, 9, 10, 12}), "");
  EXPECT_EQ(after({7, 9, 10, 11}), "3 steps in a row");
}

TEST(SkippedSteps, FiveOfAHundredAreTooMany) {
  EXPECT_EQ(after({1, 30, 60, 90, 100}), "5 of the last 100 steps");
  EXPECT_EQ(after({1, 30, 60, 90, 101}), "") << "the first is out of the window";
  EXPECT_EQ(after({1, 30, 60, 90, 101, 129}), "5 of the last 100 steps") << "30 is the first of the window";
  EXPECT_EQ(after({1, 30, 60, 90, 101, 130}), "");
}

TEST(SkippedSteps, AKillInBetweenDecidesTheSame) {
  SkippedSteps before;
  before.add(5);
  before.add(6);
  SkippedSteps resumed{before.total, before.recent};
  resumed.add(7);
  EXPECT_EQ(resumed.too_many(), "3 steps in a row");
  EXPECT_EQ(resumed.total, 3);
}

}  // namespace
}  // namespace bsft
