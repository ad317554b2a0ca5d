// AdamW over the decoder's flat buffer, with clipping by the global norm folded in.
//
//   norm = sqrt(sum g^2);  c = min(1, max_grad_norm / (norm + 1e-6));  g <- c g;  AdamW as torch.optim.AdamW
// One call of op::adamw a range: weights decay, norms, biases and behaviour rows do not.  All ranks hold the same
// gradient bits, so each computes the same norm (fixed order) and the same update. moments [P] fp32 are kept here, in
// the parameters' coordinates; `updates` counts the updates done (batches without supervised tokens are skipped), which
// is the step of the bias correction. Errors: none of its own; a non-finite norm is returned, not applied. Source:
// torch.optim.AdamW and torch.nn.utils.clip_grad_norm_; tests/optim compares with both.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/config/config.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

class Optimizer {
 public:
  // `decoder` must outlive it.
  Optimizer(Decoder const& decoder, OptimizerConfig settings);

  // Global norm of the flat gradient, before clipping.
  double gradient_norm() const;
  // One update from the flat gradient.  Requires a finite norm.
  void update(double learning_rate, double norm);

  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }
  at::Tensor const& moment1() const { return moment1_; }  // [P] fp32
  at::Tensor const& moment2() const { return moment2_; }

 private:
  Decoder const& decoder_;
  OptimizerConfig settings_;
  std::vector<ParameterRange> ranges_;  // neighbours with the same decay joined
  at::Tensor moment1_, moment2_;
  std::int64_t updates_ = 0;
};

double clip_factor(double norm, double max_norm);  // max_norm <= 0: never clips

}  // namespace bsft
