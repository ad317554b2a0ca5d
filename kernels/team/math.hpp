// Scalar arithmetic of the bodies, and the exponential that the CPU's vectors share.
//
// exp on the host: x = n ln 2 + r with |r| <= ln 2 / 2, then 1 + r + r^2 q(r) with a minimax q of degree 4 of our own
// fit (relative error of the fit 3.1e-9).  Stated bound 2 ulp on [-87.33, 88.72], tested against std::exp; below it is
// 0, above it is infinity, NaN stays.  No fused multiply-add, so every instruction set gives the same bits. On the
// device it is CUDA's expf (at most 1 ulp).
#pragma once

#include <cmath>
#include <cstring>

#include "kernels/team/team.hpp"

namespace bsft::kernel {

#if !defined(__CUDACC__)
// F: float or a vector of them; I: int32 or as many of them.
template <class F, class I>
BSFT_KERNEL F exp_by_polynomial(F const x) {
  constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it leaves the integer in the low bits
  constexpr float low = -87.33654f, high = 88.722839f;
  F const bounded = x < low ? F{} + low : (x > high ? F{} + high : x);
  F const shifted = bounded * 1.44269504f + round;
  F const n = shifted - round;
  F const r = (bounded - n * 0.693359375f) - n * -2.12194440e-4f;
  F q = F{} + 0.0013814540579915047f;
  q = q * r + 0.00836874544620514f;
  q = q * r + 0.04166838899254799f;
  q = q * r + 0.1666652113199234f;
  q = q * r + 0.4999999403953552f;
  F const p = (q * (r * r) + r) + 1.0f;
  F const y = __builtin_bit_cast(F, I(__builtin_bit_cast(I, p) + (__builtin_bit_cast(I, shifted) << 23)));
  F const tail = x > high ? F{} + __builtin_inff() : y;
  F const whole = x < low ? F{} : tail;
  return x == x ? whole : x;
}
#endif

BSFT_KERNEL float exp(float x) {
#if defined(__CUDACC__)
  return ::expf(x);
#else
  return exp_by_polynomial<float, std::int32_t>(x);
#endif
}

BSFT_KERNEL float log(float x) { return ::logf(x); }
BSFT_KERNEL float sqrt(float x) { return ::sqrtf(x); }
BSFT_KERNEL float max(float a, float b) { return a > b ? a : b; }
BSFT_KERNEL float select(bool yes, float a, float b) { return yes ? a : b; }

BSFT_KERNEL float widen(float x) { return x; }
BSFT_KERNEL float widen(Bf16 x) {
  std::uint32_t const bits = std::uint32_t(x.bits) << 16;
  float y;
  std::memcpy(&y, &bits, 4);
  return y;
}

BSFT_KERNEL void narrow(float x, float& y) { y = x; }
// To nearest, ties to even; NaN stays NaN.
BSFT_KERNEL void narrow(float x, Bf16& y) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, 4);
  std::uint32_t const rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  y.bits = x == x ? std::uint16_t(rounded) : std::uint16_t(0x7FC0);
}

template <class T>
BSFT_KERNEL T narrowed(float x) {
  T y;
  narrow(x, y);
  return y;
}

}  // namespace bsft::kernel
