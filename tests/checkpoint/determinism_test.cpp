#include "trainer/checkpoint/determinism.hpp"

#include <gtest/gtest.h>

namespace bsft {
namespace {

constexpr std::int64_t bucket = 1 << 20;

TEST(Determinism, IsWhatTheReductionAndThePlaceAllow) {
  EXPECT_EQ(determinism_of(Reduction::exact, false, 4, bucket).level, Level::D1);
  EXPECT_EQ(determinism_of(Reduction::fast, false, 4, bucket).level, Level::D0);
  EXPECT_EQ(determinism_of(Reduction::exact, true, 4, bucket).level, Level::D3);
  EXPECT_NE(determinism_of(Reduction::exact, false, 4, bucket).conditions.find("libtorch"), std::string::npos);
}

TEST(Determinism, HoldsOverAResumeOnlyUnderTheSameConditions) {
  auto const exact = [](int ranks) { return determinism_of(Reduction::exact, false, ranks, bucket); };
  auto const fast = [](int ranks) { return determinism_of(Reduction::fast, false, ranks, bucket); };
  EXPECT_EQ(resumed(exact(4), exact(8)).level, Level::D1);
  EXPECT_EQ(resumed(fast(4), fast(4)).level, Level::D0);
  EXPECT_EQ(resumed(fast(4), fast(2)).level, Level::D2);
  EXPECT_EQ(resumed(fast(4), determinism_of(Reduction::fast, false, 4, 2 * bucket)).level, Level::D2);
  EXPECT_EQ(resumed({Level::D1, "another machine"}, exact(4)).level, Level::D2);
  EXPECT_EQ(resumed({Level::D2, exact(4).conditions}, exact(4)).level, Level::D2) << "what was lost stays lost";
  EXPECT_EQ(resumed(exact(4), determinism_of(Reduction::exact, true, 4, bucket)).level, Level::D3);
}

}  // namespace
}  // namespace bsft
