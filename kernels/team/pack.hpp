// W floats of one thread: what the device (and an emulator of it) computes on.
//
// Loops over the lanes unroll into registers.  16 bytes of storage make a pack: W = 4 for float, 8 for Bf16.
#pragma once

#include "kernels/team/math.hpp"

namespace bsft::kernel {

template <class T>
inline constexpr int lanes_of = 16 / int(sizeof(T));

template <int W>
struct PackMask {
  bool v[W];
};

template <int W>
struct Pack {
  static constexpr int width = W;
  float v[W];

  Pack() = default;
  BSFT_KERNEL Pack(float x) { BSFT_UNROLL for (int l = 0; l < W; ++l) v[l] = x; }

#define BSFT_LANEWISE(op)                                              \
  BSFT_KERNEL friend Pack operator op(Pack a, Pack b) {                \
    BSFT_UNROLL for (int l = 0; l < W; ++l) a.v[l] = a.v[l] op b.v[l]; \
    return a;                                                          \
  }
  BSFT_LANEWISE(+)
  BSFT_LANEWISE(-)
  BSFT_LANEWISE(*)
  BSFT_LANEWISE(/)
#undef BSFT_LANEWISE
#define BSFT_COMPARE(op)                                               \
  BSFT_KERNEL friend PackMask<W> operator op(Pack a, Pack b) {         \
    PackMask<W> m;                                                     \
    BSFT_UNROLL for (int l = 0; l < W; ++l) m.v[l] = a.v[l] op b.v[l]; \
    return m;                                                          \
  }
  BSFT_COMPARE(>)
  BSFT_COMPARE(==)
#undef BSFT_COMPARE

      BSFT_KERNEL friend Pack exp(Pack a) {
    BSFT_UNROLL for (int l = 0; l < W; ++l) a.v[l] = exp(a.v[l]);
    return a;
  }
  BSFT_KERNEL friend Pack sqrt(Pack a) {
    BSFT_UNROLL for (int l = 0; l < W; ++l) a.v[l] = sqrt(a.v[l]);
    return a;
  }
  BSFT_KERNEL friend Pack max(Pack a, Pack b) {
    BSFT_UNROLL for (int l = 0; l < W; ++l) a.v[l] = max(a.v[l], b.v[l]);
    return a;
  }
  BSFT_KERNEL friend Pack select(PackMask<W> m, Pack a, Pack b) {
    BSFT_UNROLL for (int l = 0; l < W; ++l) a.v[l] = m.v[l] ? a.v[l] : b.v[l];
    return a;
  }
  BSFT_KERNEL friend float total(Pack a) {
    BSFT_UNROLL for (int h = W / 2; h > 0; h /= 2) BSFT_UNROLL for (int l = 0; l < h; ++l) a.v[l] += a.v[l + h];
    return a.v[0];
  }
  BSFT_KERNEL friend float top(Pack a) {
    BSFT_UNROLL for (int h = W / 2; h > 0; h /= 2) BSFT_UNROLL for (int l = 0; l < h; ++l) a.v[l] =
        max(a.v[l], a.v[l + h]);
    return a.v[0];
  }
};

// [-x1, x0, -x3, x2, ...]: each pair a quarter turn on.
template <int W>
BSFT_KERNEL Pack<W> turned(Pack<W> x) {
  Pack<W> y;
  BSFT_UNROLL for (int l = 0; l < W; l += 2) y.v[l] = -x.v[l + 1], y.v[l + 1] = x.v[l];
  return y;
}

// As storage of T would hold it.
template <class T, int W>
BSFT_KERNEL Pack<W> rounded(Pack<W> x) {
  BSFT_UNROLL for (int l = 0; l < W; ++l) x.v[l] = widen(narrowed<T>(x.v[l]));
  return x;
}

// fp64 sums, a lane each.
template <int W>
struct ExactPack {
  double v[W];
  BSFT_KERNEL ExactPack() { BSFT_UNROLL for (int l = 0; l < W; ++l) v[l] = 0; }
  BSFT_KERNEL void add_product(Pack<W> a, Pack<W> b) {
    BSFT_UNROLL for (int l = 0; l < W; ++l) v[l] += double(a.v[l]) * double(b.v[l]);
  }
  BSFT_KERNEL double sum() const {
    double all = 0;
    BSFT_UNROLL for (int l = 0; l < W; ++l) all += v[l];
    return all;
  }
};

}  // namespace bsft::kernel
