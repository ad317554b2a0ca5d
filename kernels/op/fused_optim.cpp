#include <cmath>

#include "kernels/op/fused.hpp"
#include "kernels/op/storage.hpp"
#include "kernels/run/run.hpp"

namespace bsft::op::fused {

void adamw(at::Tensor const& parameter, at::Tensor const& gradient, at::Tensor const& moment1,
           at::Tensor const& moment2, AdamW const& s) {
  auto const place = run::place_of(parameter);
  double const correction1 = 1 - std::pow(s.beta1, double(s.step)), correction2 = 1 - std::pow(s.beta2, double(s.step));
  run::launch(kernel::AdamWStep{pointer<float>(parameter), pointer<float>(gradient), pointer<float>(moment1),
                                pointer<float>(moment2), parameter.numel(), float(s.gradient_scale),
                                float(1 - s.learning_rate * s.weight_decay), float(1 - s.beta1), float(s.beta2),
                                float(1 - s.beta2), float(1 / std::sqrt(correction2)), float(s.epsilon),
                                float(s.learning_rate / correction1)},
              run::elements(parameter.numel(), place), place);
}

static_assert(norm_block == kernel::SquaredNorm::block_elements);

at::Tensor block_squares(at::Tensor const& x) {
  auto const place = run::place_of(x);
  auto const blocks = kernel::SquaredNorm::blocks(x.numel());
  auto const partial = at::empty({blocks}, x.options().dtype(at::kDouble));
  run::launch(kernel::SquaredNorm{pointer<float>(x), pointer<double>(partial), x.numel()},
              run::units(blocks, kernel::SquaredNorm::block_elements), place);
  return partial.cpu();
}

}  // namespace bsft::op::fused
