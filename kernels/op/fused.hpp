// The ops of op.hpp on the bodies of kernels/body: what Path::fused runs.
//
// Arguments were checked by op.cpp.  Forward and backward each run one or two kernels; backward works once.
// Tensors that are not contiguous are copied, except that rope and swiglu take any stride between rows.
#pragma once

#include "kernels/op/op.hpp"

namespace bsft::op::fused {

at::Tensor behavior_embedding(at::Tensor const& ids, at::Tensor const& base, at::Tensor const& rows,
                              at::Tensor const& behavior_ids, at::Tensor const& base_gradient, Dials const& dials);
RowLoss masked_cross_entropy(at::Tensor const& base_logits, at::Tensor const& behavior_logits,
                             at::Tensor const& behavior_ids, at::Tensor const& targets, at::Tensor const& weights);
RowLoss masked_linear_cross_entropy(at::Tensor const& hidden, at::Tensor const& head, at::Tensor const& behavior_head,
                                    at::Tensor const& behavior_ids, at::Tensor const& targets,
                                    at::Tensor const& weights, HeadGradients const& into, std::int64_t chunk_rows);
at::Tensor rms_norm(at::Tensor const& x, at::Tensor const& weight, double eps);
Normed passing_rms_norm(at::Tensor const& x, at::Tensor const& residual, at::Tensor const& weight, double eps);
at::Tensor rope(at::Tensor const& x, at::Tensor const& cosine, at::Tensor const& sine, RopeLayout layout);
at::Tensor cast_scale(at::Tensor const& x, at::Tensor const& factor);
at::Tensor swiglu(at::Tensor const& gate, at::Tensor const& up);
void adamw(at::Tensor const& parameter, at::Tensor const& gradient, at::Tensor const& moment1,
           at::Tensor const& moment2, AdamW const& settings);
at::Tensor block_squares(at::Tensor const& x);

}  // namespace bsft::op::fused
