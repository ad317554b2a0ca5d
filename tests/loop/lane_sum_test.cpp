#include "trainer/loop/lane_sum.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/loop/lane_numbers.hpp"

namespace bsft {
namespace {

constexpr std::int64_t n = 257;
at::Tensor lane(std::uint64_t number) { return testing::lane(number, n); }
at::Tensor tree(std::uint64_t begin, std::uint64_t end) { return testing::lane_tree(begin, end, n); }

at::Tensor summed(std::uint64_t begin, std::uint64_t end) {
  LaneSum sum(end - begin);
  at::Tensor x;
  for (std::uint64_t l = begin; l < end; ++l) {
    x = lane(l);
    sum.add(x);
  }
  return x;
}

bool same_bits(at::Tensor const& a, at::Tensor const& b) {
  return std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0;
}

TEST(LaneSum, IsTheBinaryTree) {
  for (std::uint64_t lanes : {1, 2, 4, 8, 16}) EXPECT_TRUE(same_bits(summed(0, lanes), tree(0, lanes))) << lanes;
}

TEST(LaneSum, BlocksOfLanesJoinToTheSameBits) {
  at::Tensor const whole = summed(0, 8);
  EXPECT_TRUE(same_bits(summed(0, 4).add_(summed(4, 8)), whole));
  at::Tensor const quarters = (summed(0, 2).add_(summed(2, 4))).add_(summed(4, 6).add_(summed(6, 8)));
  EXPECT_TRUE(same_bits(quarters, whole));
  at::Tensor in_a_row = lane(0);
  for (std::uint64_t l = 1; l < 8; ++l) in_a_row.add_(lane(l));
  EXPECT_FALSE(same_bits(in_a_row, whole)) << "the values do not show the order of a sum";
}

TEST(LaneSum, OtherCountsSumEveryLaneOnce) {
  for (std::uint64_t lanes : {3, 5, 6, 7, 11}) {
    at::Tensor want = at::zeros({257}, at::kDouble);
    for (std::uint64_t l = 0; l < lanes; ++l) want.add_(lane(l).to(at::kDouble));
    EXPECT_TRUE(at::allclose(summed(0, lanes).to(at::kDouble), want, 1e-5, 1e-2)) << lanes;
  }
}

TEST(LaneSum, StartsAgainAfterTheLastLane) {
  LaneSum sum(4);
  for (int round = 0; round < 3; ++round) {
    at::Tensor x;
    for (std::uint64_t l = 0; l < 4; ++l) {
      x = lane(l);
      sum.add(x);
    }
    EXPECT_TRUE(same_bits(x, tree(0, 4)));
  }
}

}  // namespace
}  // namespace bsft
