// One AdamW update of a contiguous range, the clip factor folded in.
//
//   g *= scale;  p *= 1 - lr wd;  m += (1 - b1)(g - m);  v = b2 v + (1 - b2) g g
//   p -= lr / (1 - b1^step) m / (sqrt(v) / sqrt(1 - b2^step) + eps)
// All [n] fp32, in place; the factors come from the host in fp64 and are rounded once.
// Source: Loshchilov and Hutter 2019; torch.optim.AdamW, in its order.  tests/kernels/optimizer_test.cpp
#pragma once

#include "kernels/team/math.hpp"

namespace bsft::kernel {

struct AdamWStep {
  static constexpr int threads = 256;
  using Shared = None;
  float* p;
  float const* g;
  float* m;
  float* v;
  std::int64_t n;
  float scale, keep, beta1_rest, beta2, beta2_rest;  // keep = 1 - lr wd
  float inverse_root2, epsilon, step_size;           // 1 / sqrt(1 - b2^step), eps, lr / (1 - b1^step)

  bool aligned() const { return rows_of_packs(0, p, g, m, v); }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<float>;
    team.template grid_tiles<float>(n, [&](auto at) {
      Value const gradient = at.load(g) * Value(scale), old = at.load(p), m0 = at.load(m), v0 = at.load(v);
      Value const m1 = m0 + Value(beta1_rest) * (gradient - m0);
      Value const v1 = v0 * Value(beta2) + Value(beta2_rest) * gradient * gradient;
      Value const denominator = sqrt(v1) * Value(inverse_root2) + Value(epsilon);
      at.store(m, m1);
      at.store(v, v1);
      at.store(p, old * Value(keep) - Value(step_size) * m1 / denominator);
    });
  }
};

}  // namespace bsft::kernel
