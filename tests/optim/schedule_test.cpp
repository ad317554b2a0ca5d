#include "trainer/optim/schedule.hpp"

#include <gtest/gtest.h>

#include "data/base/error.hpp"
#include "trainer/optim/optimizer.hpp"

namespace bsft {
namespace {

struct Case {
  char const* type;
  double warmup, min_ratio;
  std::int64_t step;
  double want;  // peak is 1
};

// 100 steps.  By hand: cosine at x = 1/3 is (1 + 1/2) / 2 = 3/4, at 1/2 is 1/2.
Case const cases[] = {
    {"cosine", 10, 0, 0, 1.0 / 11}, {"cosine", 10, 0, 9, 10.0 / 11}, {"cosine", 10, 0, 10, 1},
    {"cosine", 10, 0, 40, 0.75},    {"cosine", 10, 0, 55, 0.5},      {"cosine", 10, 0, 100, 0},
    {"cosine", 10, 0.1, 55, 0.55},  {"cosine", 10, 0.1, 100, 0.1},   {"cosine", 0.1, 0, 40, 0.75},
    {"cosine", 0, 0, 0, 1},         {"cosine", 0.03, 0, 2, 0.75},    {"linear", 20, 0, 60, 0.5},
    {"linear", 20, 0.2, 60, 0.6},   {"linear", 0, 0, 99, 0.01},      {"constant", 5, 0.5, 50, 1},
    {"constant", 5, 0.5, 99, 1},    {"cosine", 1, 0, 0, 0.5},
};

TEST(Schedule, Table) {
  OptimizerConfig optimizer;
  optimizer.learning_rate = 2e-3;
  for (Case const& c : cases) {
    SchedulerConfig const scheduler{c.type, c.warmup, c.min_ratio};
    EXPECT_NEAR(learning_rate(optimizer, scheduler, c.step, 100) / 2e-3, c.want, 1e-12)
        << c.type << " warmup " << c.warmup << " step " << c.step;
  }
}

TEST(Schedule, WarmupIsAShareOrSteps) {
  EXPECT_EQ(warmup_steps({"cosine", 0.03, 0}, 100), 3);
  EXPECT_EQ(warmup_steps({"cosine", 7, 0}, 100), 7);
  EXPECT_EQ(warmup_steps({"cosine", 0, 0}, 100), 0);
  EXPECT_EQ(warmup_steps({"cosine", 500, 0}, 100), 100);
}

TEST(Schedule, UnknownTypeIsRefused) { EXPECT_THROW(learning_rate({}, {"step", 0, 0}, 5, 10), Invalid); }

TEST(Clip, ShrinksLongGradientsOnly) {
  EXPECT_DOUBLE_EQ(clip_factor(0.5, 1), 1);
  EXPECT_NEAR(clip_factor(4, 1), 0.25, 1e-6);
  EXPECT_DOUBLE_EQ(clip_factor(4, 0), 1);
  EXPECT_DOUBLE_EQ(clip_factor(0, 1), 1);
}

}  // namespace
}  // namespace bsft
