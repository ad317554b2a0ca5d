// Sum a gradient over lanes and ranks, bucket by bucket, while the last lane's backward still runs.
//
//   lanes but the last   add(): summed in lane_sum.hpp's tree
//   the last             ready_from(begin) as its backward comes down from the end of the flat gradient: every bucket
//   that
//                        is now final joins the lanes before it and sets out;  finish() sends the rest and waits
// Buckets are cut in the order of use: from `late` down to 0, the first 1 MiB so that it sets out soon, the others
// `bucket_bytes`, and last [late, n), which is final only at the end.  They are a function of the sizes alone, so all
// ranks have the same; what the sum's bits are does not depend on them. flat [n] fp32 must outlive it.  Collective: all
// ranks call the same. Source: PyTorch's DDP (arXiv 2006.15704) for the buckets; tests/loop/gradient_sum_test.cpp.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "trainer/comm/communicator.hpp"
#include "trainer/loop/lane_sum.hpp"

namespace bsft {

std::vector<Part> buckets_of(std::int64_t n, std::int64_t late, std::int64_t bucket_bytes);

class GradientSum {
 public:
  GradientSum(Communicator& group, at::Tensor flat, std::size_t lanes, std::int64_t late, std::int64_t bucket_bytes);
  void add();
  void ready_from(std::int64_t begin);
  void finish();

 private:
  void send();

  Communicator& group_;
  at::Tensor flat_;
  LaneSum lanes_;
  std::int64_t late_;
  std::vector<Part> buckets_;
  std::size_t sent_ = 0;
  std::vector<Pending> pending_;
};

}  // namespace bsft
