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
  static constexpr int threads = 256, resident = 3;
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
        turn_all(at, token, at.load_twice(cosine + token * half),
                 at.load_twice(sine + token * half) * Value(direction));
      });
    else
      team.template grid_tiles<T>(tokens, half, [&](std::int64_t token, auto at) {
        turn_all(at, token, at.load(cosine + token * half), at.load(sine + token * half) * Value(direction));
      });
  }

 private:
  template <class At, class Value>
  BSFT_KERNEL void turn_all(At at, std::int64_t token, Value c, Value s) const {
    T const* from = x + token * stride;
    T* to = y + token * heads * 2 * half;
    std::int64_t head = 0;
    BSFT_ROLLED for (; head + 2 <= heads; head += 2, from += 4 * half, to += 4 * half) turn<2>(at, from, to, c, s);
    if (head < heads) turn<1>(at, from, to, c, s);
  }

  // n heads: all loads before the stores that they could not pass.
  template <int n, class At, class Value>
  BSFT_KERNEL void turn(At at, T const* from, T* to, Value c, Value s) const {
    Value a[n], b[n];
    BSFT_UNROLL for (int k = 0; k < n; ++k) {
      a[k] = at.load(from + k * 2 * half);
      b[k] = interleaved ? turned(a[k]) : at.load(from + half + k * 2 * half);
    }
    BSFT_UNROLL for (int k = 0; k < n; ++k) {
      T* const head = to + k * 2 * half;
      if (interleaved) {
        at.store(head, a[k] * c + b[k] * s);
      } else {
        at.store(head, a[k] * c - b[k] * s);
        at.store(head + half, b[k] * c + a[k] * s);
      }
    }
  }
};

}  // namespace bsft::kernel
