// AdamW over the decoder's flat buffer, with clipping by the global norm folded in.
//
//   norm = sqrt(sum g^2);  c = min(1, max_grad_norm / (norm + 1e-6));  g <- c g;  AdamW as torch.optim.AdamW
// One call of op::adamw a range: weights decay, norms, biases and behaviour rows do not.
// It holds moments for `parts` of the buffer alone (all of it, or with ZeRO a rank's share): block_squares() and
// update() read the gradient there and change the weights there.  What block_squares() gives, added over ranks and then
// in order, has the same bits however the buffer is shared out. `updates` counts the updates done (batches without
// supervised tokens are skipped), which is the step of the bias correction. Errors: none of its own; a non-finite norm
// is returned, not applied. Source: torch.optim.AdamW and torch.nn.utils.clip_grad_norm_; tests/optim compares with
// both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/comm/buckets.hpp"
#include "trainer/config/config.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

struct Moments {
  at::Tensor first, second;  // [P] fp32, in the parameters' coordinates
};

class Optimizer {
 public:
  // `decoder` must outlive it.  parts: ascending, apart, at multiples of op::norm_block, perhaps none; without: all.
  Optimizer(Decoder const& decoder, OptimizerConfig settings, std::optional<std::vector<Part>> parts = std::nullopt);

  // Sums of squares of the flat gradient's blocks, [blocks] fp64 on the host, before clipping; 0 for blocks of others.
  at::Tensor block_squares() const;
  // One update from the flat gradient.  Requires a finite norm.
  void update(double learning_rate, double norm);

  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }
  // Its own, part after part.
  Moments const& moments() const { return moments_; }
  bool holds_all() const { return whole_; }
  // All of them, on rank 0 of a group whose ranks' parts cover the buffer; undefined on the others.  Collective.
  Moments gather(Communicator& group, Buckets const& buckets) const;
  // into [n] fp32 on the host becomes the moments of the parameters from `offset` on, where they are its own.
  void give(at::Tensor Moments::*which, std::int64_t offset, at::Tensor const& into) const;
  // values [n] fp32 on the host are moments of the parameters from `offset` on; others' are passed over.
  void take(at::Tensor Moments::*which, std::int64_t offset, at::Tensor const& values);

 private:
  Decoder const& decoder_;
  OptimizerConfig settings_;
  bool whole_;
  std::vector<Part> parts_;
  std::vector<ParameterRange> ranges_;  // neighbours with the same decay joined
  Moments moments_;
  std::int64_t updates_ = 0;
};

double clip_factor(double norm, double max_norm);  // max_norm <= 0: never clips

}  // namespace bsft
