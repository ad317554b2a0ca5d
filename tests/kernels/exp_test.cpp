// The exponential of the CPU bodies against std::exp in fp64, and bf16 rounding against libtorch.
#include <cstring>

#include "kernels/team/math.hpp"
#include "tests/kernels/cases.hpp"

namespace bsft::test {
namespace {

double ulps(float got, double want) {
  float const nearest = float(want);
  int exponent = 0;
  std::frexp(nearest, &exponent);
  return std::fabs(double(got) - want) / std::ldexp(1.0, std::max(exponent, -125) - 24);
}

TEST(Exp, stays_within_two_ulp) {
  double worst = 0;
  float where = 0;
  // Every 37th float of the range.
  for (float const sign : {1.0f, -1.0f}) {
    std::uint32_t bits = 0;
    for (;; bits += 37) {
      float x;
      std::memcpy(&x, &bits, 4);
      x *= sign;
      if (x > 88.72f || x < -87.33f) break;
      double const error = ulps(kernel::exp(x), std::exp(double(x)));
      if (error > worst) worst = error, where = x;
    }
  }
  RecordProperty("worst_ulp", std::to_string(worst));
  EXPECT_LE(worst, 2.0) << "at " << where;
  EXPECT_GT(worst, 0.3);  // the measure measures
}

TEST(Exp, ends_as_it_must) {
  EXPECT_EQ(kernel::exp(0.0f), 1.0f);
  EXPECT_EQ(kernel::exp(-INFINITY), 0.0f);
  EXPECT_EQ(kernel::exp(-88.0f), 0.0f);
  EXPECT_EQ(kernel::exp(-3e38f), 0.0f);
  EXPECT_EQ(kernel::exp(89.0f), INFINITY);
  EXPECT_EQ(kernel::exp(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(kernel::exp(NAN)));
  EXPECT_TRUE(std::isfinite(kernel::exp(88.72f)));
}

TEST(Bf16, rounds_as_libtorch) {
  std::uint32_t state = 1;
  for (int i = 0; i < 200000; ++i) {
    state = state * 1664525u + 1013904223u;
    float x;
    std::memcpy(&x, &state, 4);
    kernel::Bf16 got;
    kernel::narrow(x, got);
    c10::BFloat16 const want(x);
    if (std::isnan(x))
      EXPECT_TRUE(std::isnan(kernel::widen(got)));
    else
      ASSERT_EQ(got.bits, want.x) << x;
  }
}

}  // namespace
}  // namespace bsft::test
