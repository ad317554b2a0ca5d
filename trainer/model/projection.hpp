// Matrix products with weights whose gradients are added where they lie.
//
//   project       y_i = x W_iᵀ (+ b_i)      x [T,in], W_i [out_i,in], b_i [out_i] or undefined
//   project_onto  y = residual + x Wᵀ
// Autograd sees only x and residual: the backward adds W's gradient straight into W.grad() (a view into the decoder's
// flat gradient), so no weight-sized temporary is made or added.  A weight that needs no gradient costs nothing.
// Requires: a weight that requires its gradient is a leaf whose grad() is defined.
// Source: at::linear; tests/model/test_golden.py compares its gradients with torch autograd.
#pragma once

#include <ATen/ATen.h>

#include <vector>

namespace bsft {

struct Projection {
  at::Tensor weight, bias;
};

std::vector<at::Tensor> project(at::Tensor const& x, std::vector<Projection> const& projections);
at::Tensor project_onto(at::Tensor const& residual, at::Tensor const& x, at::Tensor const& weight);

}  // namespace bsft
