// Rotary position embedding, halves layout.
//
//   y = [a c - b s, b c + a s], x = [a, b];  the backward is the same with -s.
// x [T,H,E] with any stride between tokens, y [T,H,E] contiguous; c, s [T,E/2] fp32.
// Source: Su et al. 2021; transformers' apply_rotary_pos_emb.  tests/kernels/elementwise_test.cpp
#pragma once

#include "kernels/team/math.hpp"

namespace bsft::kernel {

template <class T>
struct Rope {
  static constexpr int threads = 256;
  using Shared = None;
  T const* x;
  float const* cosine;
  float const* sine;
  T* y;
  std::int64_t tokens, heads, half, stride;  // stride: elements between tokens of x
  float direction;                           // 1, or -1 in the backward

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    team.template grid_tiles<T>(tokens * heads, half, [&](std::int64_t row, auto at) {
      std::int64_t const token = row / heads, head = row - token * heads;
      T const* const from = x + token * stride + head * 2 * half;
      T* const to = y + row * 2 * half;
      Value const a = at.load(from), b = at.load(from + half);
      Value const c = at.load(cosine + token * half), s = at.load(sine + token * half) * Value(direction);
      at.store(to, a * c - b * s);
      at.store(to + half, b * c + a * s);
    });
  }
};

}  // namespace bsft::kernel
