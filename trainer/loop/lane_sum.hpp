// Sum lane by lane in a fixed binary tree, ((0+1)+(2+3))+…, with one extra buffer a level.
//
// add(x) takes the next lane's tensor; like a binary counter, it adds the sum that waits at its level and carries, and
// keeps a copy only where nothing waits.  After the last lane x itself holds the sum (a rank with one lane copies
// nothing) and the counter is empty again.  Where the number of lanes is no power of two, what still waits is added
// last. The last lane may also come in parts, in any order: add_last(x, begin, end) for each, then start_again().
// An aligned block of lanes gives the same bits as the same lanes spread over ranks and summed by an exact
// all_reduce. x [n] any floating dtype, changed in place; the same shape every time. Source: reliability.md D1 (b);
// tests/loop/lane_sum_test.cpp.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bsft {

class LaneSum {
 public:
  explicit LaneSum(std::size_t lanes);  // of this rank, at least 1
  void add(at::Tensor x);
  void add_last(at::Tensor const& x, std::int64_t begin, std::int64_t end) const;
  void start_again();

 private:
  struct Level {
    at::Tensor sum;
    bool waits = false;
  };
  std::size_t lanes_, added_ = 0;
  std::vector<Level> levels_;
};

}  // namespace bsft
