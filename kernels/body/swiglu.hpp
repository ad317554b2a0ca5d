// silu(gate) * up, and its backward, which recomputes the sigmoid.
//
//   y = g s u, s = 1 / (1 + exp(-g));  dg = dy u s (1 + g (1 - s));  du = dy g s
// gate, up [T,F] with any stride between rows; y, dy, dg, du [T,F] contiguous.
// Source: Shazeer 2020; transformers' LlamaMLP.  tests/kernels/elementwise_test.cpp
#pragma once

#include "kernels/team/math.hpp"

namespace bsft::kernel {

template <class T>
struct SwigluForward {
  static constexpr int threads = 256;
  using Shared = None;
  T const* gate;
  T const* up;
  T* y;
  std::int64_t rows, cols, gate_stride, up_stride;

  bool aligned() const {
    constexpr std::int64_t e = sizeof(T);
    return rows_of_packs(cols * e, gate, up, y) && (gate_stride * e | up_stride * e) % 16 == 0;
  }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    team.template grid_tiles<T>(rows, cols, [&](std::int64_t row, auto at) {
      Value const g = at.load(gate + row * gate_stride), u = at.load(up + row * up_stride);
      at.store(y + row * cols, g / (Value(1.0f) + exp(Value(0.0f) - g)) * u);
    });
  }
};

template <class T>
struct SwigluBackward {
  static constexpr int threads = 256;
  using Shared = None;
  T const* dy;
  T const* gate;
  T const* up;
  T* dgate;
  T* dup;
  std::int64_t rows, cols, gate_stride, up_stride;

  bool aligned() const {
    constexpr std::int64_t e = sizeof(T);
    return rows_of_packs(cols * e, dy, gate, up, dgate, dup) && (gate_stride * e | up_stride * e) % 16 == 0;
  }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    team.template grid_tiles<T>(rows, cols, [&](std::int64_t row, auto at) {
      Value const d = at.load(dy + row * cols);
      Value const g = at.load(gate + row * gate_stride), u = at.load(up + row * up_stride);
      Value const s = Value(1.0f) / (Value(1.0f) + exp(Value(0.0f) - g));
      Value const silu = g * s;
      at.store(dgate + row * cols, d * u * (s + silu - silu * s));
      at.store(dup + row * cols, d * silu);
    });
  }
};

}  // namespace bsft::kernel
