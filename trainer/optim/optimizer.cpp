#include "trainer/optim/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "data/base/error.hpp"

namespace bsft {

double clip_factor(double norm, double max_norm) {
  if (max_norm <= 0) return 1;
  return std::min(1.0, max_norm / (norm + 1e-6));
}

Optimizer::Optimizer(Decoder const& decoder, OptimizerConfig settings)
    : decoder_(decoder),
      settings_(settings),
      moment1_(at::zeros_like(decoder.flat())),
      moment2_(at::zeros_like(decoder.flat())) {
  for (ParameterRange const& range : decoder.ranges()) {
    if (!ranges_.empty() && ranges_.back().decays == range.decays && ranges_.back().end == range.begin) {
      ranges_.back().end = range.end;
    } else {
      ranges_.push_back(range);
    }
  }
}

double Optimizer::gradient_norm() const { return std::sqrt(op::squared_norm(decoder_.flat_gradient())); }

void Optimizer::update(double learning_rate, double norm) {
  ensure(std::isfinite(norm), "an update has a finite gradient");
  at::NoGradGuard no_grad;
  ++updates_;
  op::AdamW settings{learning_rate,
                     settings_.beta1,
                     settings_.beta2,
                     settings_.epsilon,
                     0,
                     updates_,
                     clip_factor(norm, settings_.max_grad_norm)};
  for (ParameterRange const& range : ranges_) {
    settings.weight_decay = range.decays ? settings_.weight_decay : 0;
    auto const part = [&](at::Tensor const& flat) { return flat.slice(0, range.begin, range.end); };
    op::adamw(part(decoder_.flat()), part(decoder_.flat_gradient()), part(moment1_), part(moment2_), settings);
  }
}

}  // namespace bsft
