// RMSNorm and its backward.
//
//   r = 1 / sqrt(mean(x^2) + eps);  y = x r w
//   dx = r (g - x r^2 mean(g x)), g = dy w;  dw = sum over rows of dy x r
// x, y, dy, dx [T,D]; w, dw [D]; r [T] fp32.  One block a row forward; backward a block takes rows_a_group rows and
// writes its share of dw into partial [groups,D], which ColumnSum adds in order. Source: Zhang and Sennrich 2019;
// transformers' LlamaRMSNorm.  tests/kernels/norm_test.cpp
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
  T const* w;
  T* y;
  float* r;
  std::int64_t rows, cols;
  float eps;

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    for (std::int64_t row = team.block(); row < rows; row += team.blocks()) {
      T const* const xr = x + row * cols;
      T* const yr = y + row * cols;
      Value squares(0.0f);
      team.template tiles<T>(cols, [&](auto at) {
        Value const a = at.load(xr);
        squares = squares + a * a;
      });
      float const sum = reduce(team, total(squares), 0.0f, Add{}, team.shared().partial);
      float const scale = 1.0f / sqrt(sum / float(cols) + eps);
      team.template tiles<T>(cols, [&](auto at) { at.store(yr, at.load(xr) * Value(scale) * at.load(w)); });
      if (team.rank() == 0) r[row] = scale;
    }
  }
};

template <class T>
struct RmsNormBackward {
  static constexpr int threads = 128;
  static constexpr std::int64_t rows_a_group = 32;
  struct Shared {
    float partial[warp];
  };
  T const* dy;
  T const* x;
  T const* w;
  float const* r;
  T* dx;
  float* partial;  // [groups,D], or null where w needs no gradient
  std::int64_t rows, cols;

  static std::int64_t groups(std::int64_t rows) { return (rows + rows_a_group - 1) / rows_a_group; }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    for (std::int64_t first = team.block() * rows_a_group; first < rows; first += team.blocks() * rows_a_group) {
      std::int64_t const last = first + rows_a_group < rows ? first + rows_a_group : rows;
      float* const share = partial ? partial + first / rows_a_group * cols : nullptr;
      for (std::int64_t row = first; row < last; ++row) {
        T const* const dyr = dy + row * cols;
        T const* const xr = x + row * cols;
        T* const dxr = dx + row * cols;
        Value products(0.0f);
        team.template tiles<T>(cols, [&](auto at) { products = products + at.load(dyr) * at.load(w) * at.load(xr); });
        float const sum = reduce(team, total(products), 0.0f, Add{}, team.shared().partial);
        float const scale = r[row];
        Value const pull(scale * scale * scale * (sum / float(cols)));
        team.template tiles<T>(cols, [&](auto at) {
          Value const g = at.load(dyr), a = at.load(xr);
          at.store(dxr, g * at.load(w) * Value(scale) - a * pull);
          if (share) at.store(share, (row == first ? Value(0.0f) : at.load(share)) + g * a * Value(scale));
        });
      }
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

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<float>;
    for (std::int64_t first = team.block() * slice; first < cols; first += team.blocks() * slice) {
      std::int64_t const count = first + slice < cols ? slice : cols - first;
      team.template tiles<float>(count, [&](auto at) {
        Value sum(0.0f);
        for (std::int64_t row = 0; row < rows; ++row) sum = sum + at.load(x + row * cols + first);
        at.store(out + first, sum);
      });
    }
  }
};

}  // namespace bsft::kernel
