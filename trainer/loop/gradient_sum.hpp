// Sum a gradient over lanes and ranks, bucket by bucket, while the last lane's backward still runs.
//
//   lanes but the last   add(): summed in lane_sum.hpp's tree
//   the last             ready_from(begin), as its backward comes down from the end of the flat gradient: every bucket
//                        that is final now joins the lanes before it and sets out;
//                        finish() sends the rest and waits
// Afterwards every rank holds the sum (Shared::whole), or its parts_of the buckets do and the rest is left over
// (Shared::parts, half the traffic).  Where what is left over is given back (Shared::parts_alone, ZeRO-2), at most
// `under_way` buckets are whole while they travel; the lanes before the last are whole all the same. What the sum's
// bits are does not depend on the buckets. flat [n] fp32 must outlive it; clear() makes it zero.  Collective: all ranks
// call the same. Source: PyTorch's DDP (arXiv 2006.15704); tests/loop/gradient_sum_test.cpp.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "trainer/comm/buckets.hpp"
#include "trainer/loop/lane_sum.hpp"
#include "trainer/model/pages.hpp"

namespace bsft {

enum class Shared { whole, parts, parts_alone };
constexpr std::size_t under_way = 2;

class GradientSum {
 public:
  GradientSum(Communicator& group, Pages const& flat, std::size_t lanes, Buckets buckets, Shared shared);
  void clear();
  void add();
  void ready_from(std::int64_t begin);
  void finish();

 private:
  void send();
  void arrive(std::size_t buckets);

  Communicator& group_;
  Pages const& pages_;
  at::Tensor flat_;
  LaneSum lanes_;
  Buckets buckets_;
  Shared shared_;
  std::size_t sent_ = 0, arrived_ = 0;
  std::vector<Pending> pending_;
};

}  // namespace bsft
