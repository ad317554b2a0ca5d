// Rotary position embedding in both layouts.
//
//   halves       y = [a c - b s, b c + a s], x = [a, b]        (transformers' Llama and Qwen2)
//   interleaved  the same for a = x[0::2], b = x[1::2]         (Su et al., the original Llama)
// The backward is the same with -s.
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
  bool interleaved;

  bool aligned() const {
    constexpr std::int64_t e = sizeof(T);
    return rows_of_packs(half * e, x, cosine, sine, y) && stride * e % 16 == 0;
  }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    if (interleaved)
      team.template grid_tiles<T>(tokens, 2 * half, [&](std::int64_t token, auto at) {
        Value const c = at.load_twice(cosine + token * half), s = at.load_twice(sine + token * half) * Value(direction);
        for (std::int64_t head = 0; head < heads; ++head) {
          Value const a = at.load(x + token * stride + head * 2 * half);
          at.store(y + (token * heads + head) * 2 * half, a * c + turned(a) * s);
        }
      });
    else
      team.template grid_tiles<T>(tokens, half, [&](std::int64_t token, auto at) {
        Value const c = at.load(cosine + token * half), s = at.load(sine + token * half) * Value(direction);
        for (std::int64_t head = 0; head < heads; ++head) {
          T const* const from = x + token * stride + head * 2 * half;
          T* const to = y + (token * heads + head) * 2 * half;
          Value const a = at.load(from), b = at.load(from + half);
          at.store(to, a * c - b * s);
          at.store(to + half, b * c + a * s);
        }
      });
  }
};

}  // namespace bsft::kernel
