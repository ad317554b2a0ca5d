#include "kernels/op/behavior_ids.hpp"
#include "kernels/op/fused.hpp"
#include "kernels/op/storage.hpp"
#include "kernels/run/run.hpp"
#include "trainer/model/torch.hpp"

namespace bsft::op::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// x *= factor, which stays on its device.
void rescale(at::Tensor const& x, at::Tensor const& factor) {
  auto const place = run::place_of(x);
  with_storage(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    run::launch(kernel::Rescale<T>{pointer<T>(x), pointer<float>(factor), x.numel()}, run::elements(x.numel(), place),
                place);
  });
}

// The final gradient is written over the logits in forward, where the weights are known and the row is in cache.
struct CrossEntropyFunction : torch::autograd::Function<CrossEntropyFunction> {
  static variable_list forward(AutogradContext* context, Variable base, Variable behavior, at::Tensor behavior_ids,
                               at::Tensor targets, at::Tensor weights, bool gradient) {
    auto const list = behavior_list(behavior_ids);
    auto const rows = base.size(0), vocabulary = base.size(1);
    auto const fp32 = base.options().dtype(at::kFloat);
    auto loss = at::empty({rows}, fp32), entropy = at::empty({rows}, fp32), total = at::empty({}, fp32);
    auto correct = at::empty({rows}, fp32.dtype(at::kBool));
    auto behavior_gradient = gradient ? at::empty_like(behavior) : at::Tensor();
    auto const place = run::place_of(base);
    with_storage(base.scalar_type(), [&](auto type) {
      using T = decltype(type);
      run::launch(kernel::CrossEntropy<T>{pointer<T>(base), pointer<T>(behavior),
                                          gradient ? pointer<T>(behavior_gradient) : nullptr,
                                          pointer<std::int64_t>(targets), pointer<float>(weights), pointer<float>(loss),
                                          pointer<float>(entropy), pointer<bool>(correct), rows, vocabulary, gradient,
                                          list, kept_columns(list, vocabulary)},
                  run::units(rows, vocabulary), place);
    });
    run::launch(kernel::WeightedSum{pointer<float>(weights), pointer<float>(loss), pointer<float>(total), rows},
                run::Grid{1, 1}, place);
    // Not save_for_backward: the version counter must not mind that the logits became their gradient.
    if (gradient) {
      context->saved_data["base"] = base.detach();
      context->saved_data["behavior"] = behavior_gradient;
    }
    context->mark_non_differentiable({loss, entropy, correct});
    return {total, loss, correct, entropy};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto const base = context->saved_data["base"].toTensor(), behavior = context->saved_data["behavior"].toTensor();
    auto const factor = gradients[0].to(at::kFloat).contiguous();
    rescale(base, factor);
    rescale(behavior, factor);
    context->saved_data.clear();
    return {base, behavior, {}, {}, {}, {}};
  }
};

}  // namespace

RowLoss masked_cross_entropy(at::Tensor const& base_logits, at::Tensor const& behavior_logits,
                             at::Tensor const& behavior_ids, at::Tensor const& targets, at::Tensor const& weights) {
  bool const gradient = at::GradMode::is_enabled() && (base_logits.requires_grad() || behavior_logits.requires_grad());
  // A leaf is somebody's data, a view somebody else's: their logits are copied.  A product's are ours to overwrite.
  bool const ours =
      base_logits.is_contiguous() && !(base_logits.requires_grad() && base_logits.is_leaf()) && !base_logits.is_view();
  auto const base = ours || !gradient ? base_logits.contiguous() : base_logits.clone(at::MemoryFormat::Contiguous);
  auto const out = CrossEntropyFunction::apply(base, behavior_logits.contiguous(), behavior_ids, targets.contiguous(),
                                               weights.contiguous(), gradient);
  return {out[0], out[1], out[2], out[3]};
}

}  // namespace bsft::op::fused
