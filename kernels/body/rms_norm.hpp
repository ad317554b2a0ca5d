// RMSNorm with an optional residual, and its backward.
//
//   h = x + residual;  r = 1 / sqrt(mean(h^2) + eps);  y = h r w
//   dh = r (g - h r^2 mean(g h)) + dpassed, g = dy w;  dw = sum over rows of dy h r
// x, residual, h, y, dy, dpassed, dh [T,D]; w, dw [D]; r [T] fp32.  h is rounded to its storage before it is squared.
// One block a row forward; backward a block takes rows_a_group rows, sums its share of dw in registers and writes it to
// partial [groups,D], which ColumnSum adds in order.  Rows of up to 512 packs (2,048 fp32, 4,096
// bf16) and the weight stay in registers; longer ones are loaded again.
// Source: Zhang and Sennrich 2019; transformers' LlamaRMSNorm.  tests/kernels/norm_test.cpp
#pragma once

#include "kernels/team/math.hpp"

namespace bsft::kernel {

template <class T>
struct RmsNormForward {
  static constexpr int threads = 128;
  struct Shared {
    float partial[warp];
  };
  T const* x;
  T const* residual;  // or null: h = x, and h is not written
  T const* w;
  T* h;
  T* y;
  float* r;
  std::int64_t rows, cols;
  float eps;

  bool aligned() const { return rows_of_packs(cols * std::int64_t(sizeof(T)), x, residual, w, h, y); }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    auto const weight = team.template row<T, 4>(w, cols);
    for (std::int64_t row = team.block(); row < rows; row += team.blocks()) {
      std::int64_t const first = row * cols;
      auto const own = team.template row<T, 4>(x + first, cols);
      auto const added = team.template row<T, 4>(residual + first, residual ? cols : 0);
      auto const sum = [&](Value a, Value b) { return residual ? rounded<T>(a + b) : a; };
      Value squares(0.0f);
      own.each(added, [&](auto at, Value a, Value b) {
        Value const c = sum(a, b);
        if (residual) at.store(h + first, c);
        squares = squares + c * c;
      });
      float const all = reduce(team, total(squares), 0.0f, Add{}, team.shared().partial);
      float const scale = 1.0f / sqrt(all / float(cols) + eps);
      own.each(added, weight,
               [&](auto at, Value a, Value b, Value c) { at.store(y + first, sum(a, b) * Value(scale) * c); });
      if (team.rank() == 0) team.write(r + row, scale);
    }
  }
};

template <class T>
struct RmsNormBackward {
  static constexpr int threads = 256;
  static constexpr std::int64_t rows_a_group = 32;
  struct Shared {
    float partial[warp];
  };
  T const* dy;
  T const* dpassed;  // or null
  T const* h;
  T const* w;
  float const* r;
  T* dh;
  float* partial;  // [groups,D], or null where w needs no gradient
  std::int64_t rows, cols;

  static std::int64_t groups(std::int64_t rows) { return (rows + rows_a_group - 1) / rows_a_group; }
  bool aligned() const { return rows_of_packs(cols * std::int64_t(sizeof(T)), dy, dpassed, h, w, dh, partial); }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    auto const weight = team.template row<T, 2>(w, cols);
    for (std::int64_t group = team.block(); group * rows_a_group < rows; group += team.blocks()) {
      std::int64_t const begin = group * rows_a_group;
      std::int64_t const end = begin + rows_a_group < rows ? begin + rows_a_group : rows;
      auto share = team.template sums<T, 2>(partial + group * cols, partial ? cols : 0);
      for (std::int64_t row = begin; row < end; ++row) {
        std::int64_t const first = row * cols;
        auto const upper = team.template row<T, 2>(dy + first, cols);
        auto const lower = team.template row<T, 2>(h + first, cols);
        Value products(0.0f);
        upper.each(lower, weight, [&](auto, Value g, Value a, Value b) { products = products + g * b * a; });
        float const sum = reduce(team, total(products), 0.0f, Add{}, team.shared().partial);
        float const scale = team.read(r + row);
        Value const pull(scale * scale * scale * (sum / float(cols)));
        upper.each(lower, weight, [&](auto at, Value g, Value a, Value b) {
          Value const own = g * b * Value(scale) - a * pull;
          at.store(dh + first, dpassed ? own + at.load(dpassed + first) : own);
          if (partial) share.add(at, g * a * Value(scale));
        });
      }
      share.flush();
    }
  }
};

// out[c] = sum over rows of x[r,c], in order.  A block takes a slice of columns.
template <class T>
struct ColumnSum {
  static constexpr int threads = 128;
  using Shared = None;
  static constexpr std::int64_t slice = 512;
  float const* x;
  T* out;
  std::int64_t rows, cols;

  bool aligned() const { return rows_of_packs(cols * std::int64_t(sizeof(T)), x, out); }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<float>;
    for (std::int64_t first = team.block() * slice; first < cols; first += team.blocks() * slice) {
      team.template tiles<float>(first, first + slice < cols ? first + slice : cols, [&](auto at) {
        Value sum(0.0f);
        for (std::int64_t row = 0; row < rows; ++row) sum = sum + at.load(x + row * cols);
        at.store(out, sum);
      });
    }
  }
};

}  // namespace bsft::kernel
