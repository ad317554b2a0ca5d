// Multiply by one factor that lies on the device: in place, or into the other storage.
//
//   Rescale    x *= factor[0], untouched where it is 1 (the gradient that reaches the loss)
//   CastScale  y = x factor[0], rounded to nearest even; x fp32 and y bf16, or the other way round
// x, y [n].  tests/kernels/elementwise_test.cpp
#pragma once

#include "kernels/team/math.hpp"

namespace bsft::kernel {

template <class T>
struct Rescale {
  static constexpr int threads = 256;
  using Shared = None;
  T* x;
  float const* factor;
  std::int64_t n;

  bool aligned() const { return rows_of_packs(0, x); }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    float const f = team.read(factor);
    if (f == 1.0f) return;
    team.template grid_tiles<T>(n, [&](auto at) { at.store(x, at.load(x) * Value(f)); });
  }
};

template <class T>
struct CastScale {
  static constexpr int threads = 256;
  using Shared = None;
  using From = Other<T>;
  static constexpr std::int64_t stretch = 16384;
  From const* x;
  T* y;
  float const* factor;
  std::int64_t n;

  bool aligned() const { return rows_of_packs(0, x, y); }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<float>;
    Value const f(team.read(factor));
    for (std::int64_t begin = team.block() * stretch; begin < n; begin += team.blocks() * stretch) {
      std::int64_t const end = n - begin < stretch ? n : begin + stretch;
      team.template stream<float>(x, begin, end, 0, [&](auto at, Value a) { at.store(y, a * f); });
    }
  }
};

}  // namespace bsft::kernel
