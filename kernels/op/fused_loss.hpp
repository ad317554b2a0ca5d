// What the two fused losses share: the cross-entropy body over rows of logits, and what comes of it.
#pragma once

#include "kernels/op/behavior_ids.hpp"

namespace bsft::op::fused {

// Rows of a loss, contiguous: what is asked of each and what is reported.
struct LossRows {
  at::Tensor targets, weights;        // [R] int64, fp32
  at::Tensor loss, entropy, correct;  // [R] fp32, fp32, bool; made here, filled by cross_entropy_rows

  LossRows(at::Tensor targets, at::Tensor weights);
  LossRows part(std::int64_t begin, std::int64_t count) const;  // views
};

// base [R,V] becomes its gradient, behavior_gradient [R,K] the other logits'; where it is undefined neither is written.
void cross_entropy_rows(at::Tensor const& base, at::Tensor const& behavior, at::Tensor const& behavior_gradient,
                        kernel::BehaviorIds const& ids, LossRows const& rows);

// Scalar fp32: sum of weights[r] loss[r], in one order.
at::Tensor weighted_sum(LossRows const& rows);

// x *= factor [] fp32, which stays on its device.
void rescale(at::Tensor const& x, at::Tensor const& factor);

}  // namespace bsft::op::fused
