// Lanes whose sum shows its order in its bits.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>

#include "data/base/digest.hpp"

namespace bsft::testing {

// Large and small magnitudes.
inline at::Tensor lane(std::uint64_t number, std::int64_t n) {
  at::Tensor x = at::empty({n}, at::kFloat);
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint64_t const bits = mix(5, number, static_cast<std::uint64_t>(i));
    x.data_ptr<float>()[i] = std::ldexp(static_cast<float>(bits >> 40) / 1e7F - 0.8F, static_cast<int>(bits % 30) - 15);
  }
  return x;
}

// Lanes [begin, end) in the tree ((0+1)+(2+3))+…
inline at::Tensor lane_tree(std::uint64_t begin, std::uint64_t end, std::int64_t n) {
  if (end - begin == 1) return lane(begin, n);
  std::uint64_t const middle = begin + (end - begin) / 2;
  return lane_tree(begin, middle, n).add_(lane_tree(middle, end, n));
}

}  // namespace bsft::testing
