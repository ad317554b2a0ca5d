#include "trainer/loop/stragglers.hpp"

#include <gtest/gtest.h>

#include <random>

namespace bsft {
namespace {

constexpr int ranks = 8;

// Seconds of 20 steps of 50 ms, whose lengths differ from rank to rank by a fifth.
class Steps {
 public:
  explicit Steps(unsigned seed) : random_(seed) {}
  std::vector<double> operator()(int slow = -1, double factor = 1) {
    std::normal_distribution<double> step(0.05, 0.01);
    std::vector<double> seconds(ranks, 0);
    for (int r = 0; r < ranks; ++r) {
      for (int s = 0; s < 20; ++s) seconds[static_cast<std::size_t>(r)] += std::max(0.0, step(random_));
      if (r == slow) seconds[static_cast<std::size_t>(r)] *= factor;
    }
    return seconds;
  }

 private:
  std::mt19937 random_;
};

TEST(Stragglers, OneOfEightThatIsHalfAsSlowAgainIsFoundInThreeWindows) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    Steps steps(seed);
    Stragglers watch(ranks, 1);
    for (int quiet = 0; quiet < 10; ++quiet) EXPECT_TRUE(watch.add(steps()).empty());
    int windows = 0;
    std::vector<Straggler> found;
    while (found.empty() && windows < 5) found = watch.add(steps(5, 1.5)), ++windows;
    ASSERT_EQ(found.size(), 1U) << "seed " << seed;
    EXPECT_EQ(windows, Stragglers::windows_in_a_row);
    EXPECT_EQ(found[0].rank, 5);
    EXPECT_NEAR(found[0].score, 1 / 1.5, 0.12);
    EXPECT_GT(found[0].seconds, 3);
  }
}

TEST(Stragglers, NobodyIsAccusedInAThousandWindowsOfEqualRanks) {
  Steps steps(7);
  Stragglers watch(ranks, 1);
  int accused = 0;
  for (int window = 0; window < 1000; ++window) accused += static_cast<int>(watch.add(steps()).size());
  EXPECT_LE(accused, 1);
}

TEST(Stragglers, AreNamedOnceUntilTheyHaveCaughtUp) {
  Steps steps(3);
  Stragglers watch(ranks, 1);
  auto const found_in = [&](int windows, int slow, double factor) {
    std::size_t found = 0;
    for (int w = 0; w < windows; ++w) found += watch.add(steps(slow, factor)).size();
    return found;
  };
  EXPECT_EQ(found_in(20, 2, 3), 1U);
  EXPECT_EQ(found_in(2, -1, 1), 0U);
  EXPECT_EQ(found_in(20, 2, 3), 1U);
}

TEST(Stragglers, ShortStepsAddUpToAWindow) {
  Stragglers watch(2, 10);
  std::size_t found = 0;
  int steps = 0;
  while (found == 0) found = watch.add({0.125, 0.25}).size(), ++steps;
  EXPECT_EQ(steps, 120) << "three windows of ten seconds of the slowest";
}

}  // namespace
}  // namespace bsft
