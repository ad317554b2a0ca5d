// The ops of op.hpp in plain libtorch: the oracle of the kernels' tests, and a whole path of the trainer.
//
// Nothing here is written for speed.  Arguments were checked by op.cpp.  Gradients are libtorch's own.
#pragma once

#include "kernels/op/op.hpp"

namespace bsft::op::reference {

at::Tensor behavior_embedding(at::Tensor const& ids, at::Tensor const& base, at::Tensor const& rows,
                              at::Tensor const& behavior_ids, at::Tensor const& base_gradient, Dials const& dials);
RowLoss masked_cross_entropy(at::Tensor const& base_logits, at::Tensor const& behavior_logits,
                             at::Tensor const& behavior_ids, at::Tensor const& targets, at::Tensor const& weights);
RowLoss masked_linear_cross_entropy(at::Tensor const& hidden, at::Tensor const& head, at::Tensor const& behavior_head,
                                    at::Tensor const& behavior_ids, at::Tensor const& targets,
                                    at::Tensor const& weights, HeadGradients const& into);
at::Tensor rms_norm(at::Tensor const& x, at::Tensor const& weight, double eps);
Normed passing_rms_norm(at::Tensor const& x, at::Tensor const& residual, at::Tensor const& weight, double eps);
at::Tensor rope(at::Tensor const& x, at::Tensor const& cosine, at::Tensor const& sine, RopeLayout layout);
at::Tensor cast_scale(at::Tensor const& x, at::Tensor const& factor);
at::Tensor swiglu(at::Tensor const& gate, at::Tensor const& up);
void adamw(at::Tensor const& parameter, at::Tensor const& gradient, at::Tensor const& moment1,
           at::Tensor const& moment2, AdamW const& settings);
at::Tensor block_squares(at::Tensor const& x);

}  // namespace bsft::op::reference
