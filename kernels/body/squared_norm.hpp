// Sum of squares in fp64 over fixed blocks, and the fixed-order sum of weighted losses.
//
//   partial[b] = sum of x[i]^2 over block b;  the caller adds the partials in order.
// x [n] fp32.  Blocks are `block_elements` long whatever runs them, so the bits depend on n alone (and on the team).
// tests/kernels/optimizer_test.cpp
#pragma once

#include "kernels/team/math.hpp"

namespace bsft::kernel {

struct SquaredNorm {
  static constexpr int threads = 256;
  static constexpr std::int64_t block_elements = 32768;
  struct Shared {
    double partial[warp];
  };
  float const* x;
  double* partial;
  std::int64_t n;

  bool aligned() const { return rows_of_packs(0, x); }
  static std::int64_t blocks(std::int64_t n) { return (n + block_elements - 1) / block_elements; }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    for (std::int64_t b = team.block(); b * block_elements < n; b += team.blocks()) {
      std::int64_t const begin = b * block_elements;
      std::int64_t const end = n - begin < block_elements ? n : begin + block_elements;
      typename Team::template Exact<float> squares;
      team.template stream<float>(x, begin, end, 0, [&](auto, auto a) { squares.add_product(a, a); });
      double const sum = reduce(team, squares.sum(), 0.0, Add{}, team.shared().partial);
      if (team.rank() == 0) team.write(partial + b, sum);
    }
  }
};

// out[0] = sum of w[i] loss[i] over w[i] != 0, in one block.
struct WeightedSum {
  static constexpr int threads = 256;
  struct Shared {
    double partial[warp];
  };
  float const* w;
  float const* loss;
  float* out;
  std::int64_t n;

  bool aligned() const { return rows_of_packs(0, w, loss); }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<float>;
    if (team.block() != 0) return;
    typename Team::template Exact<float> sum;
    team.template stream<float>(w, 0, n, 0, [&](auto at, Value weight) {
      sum.add_product(weight, select(weight == Value(0.0f), Value(0.0f), at.load(loss)));
    });
    double const all = reduce(team, sum.sum(), 0.0, Add{}, team.shared().partial);
    if (team.rank() == 0) team.write(out, float(all));
  }
};

}  // namespace bsft::kernel
