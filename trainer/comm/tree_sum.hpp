// Sum what ranks hold in the fixed binary tree over ranks, ((0+1)+(2+3))+…
//
//   out[i] = tree over r of terms[r][i]        terms [W] of n each, fp32 or fp64
// `out` may be one of the terms; the others stay as they are.  By the calling thread alone, as the others compute; a
// stretch at a time, which stays in the first cache.
// Source: reliability.md D1 (b); tests/comm/contract_test.cpp compares bit for bit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bsft {

// How many of `count` neighbours the left half of the tree has: the largest power of two below, an aligned subtree.
inline int left_of(int count) {
  int left = 1;
  while (2 * left < count) left *= 2;
  return left;
}

template <class Real>
class TreeSum {
 public:
  explicit TreeSum(std::vector<Real const*> terms)
      : terms_(std::move(terms)), scratch_(terms_.size() * static_cast<std::size_t>(stretch)) {}

  void into(Real* out, std::int64_t n) {
    int const size = static_cast<int>(terms_.size());
    for (begin_ = 0; begin_ < n; begin_ += stretch) {
      count_ = std::min(stretch, n - begin_);
      if (size == 1)
        std::copy_n(terms_[0] + begin_, count_, out + begin_);
      else
        halves(0, size, 0, out + begin_);
    }
  }

 private:
  static constexpr std::int64_t stretch = 1024;

  // The stretch of ranks [begin, end), at least two; scratch from `free` on is unused.
  void halves(int begin, int end, int free, Real* to) {
    int const middle = begin + left_of(end - begin);
    Real const* const a = subtree(begin, middle, free);
    Real const* const b = subtree(middle, end, free + 1);
    for (std::int64_t i = 0; i < count_; ++i) to[i] = a[i] + b[i];
  }

  Real const* subtree(int begin, int end, int free) {
    if (end - begin == 1) return terms_[static_cast<std::size_t>(begin)] + begin_;
    Real* const to = scratch_.data() + free * stretch;
    halves(begin, end, free, to);
    return to;
  }

  std::vector<Real const*> terms_;
  std::vector<Real> scratch_;
  std::int64_t begin_ = 0, count_ = 0;
};

}  // namespace bsft
