#include "kernels/op/fused_loss.hpp"

#include "kernels/op/fused.hpp"
#include "kernels/op/storage.hpp"
#include "kernels/op/torch.hpp"
#include "kernels/run/run.hpp"

namespace bsft::op::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// The final gradient is written over the logits in forward, where the weights are known and the row is in cache.
struct CrossEntropyFunction : torch::autograd::Function<CrossEntropyFunction> {
  static variable_list forward(AutogradContext* context, Variable base, Variable behavior, at::Tensor behavior_ids,
                               at::Tensor targets, at::Tensor weights, bool gradient) {
    auto const behavior_gradient = gradient ? at::empty_like(behavior) : at::Tensor();
    LossRows const rows(targets, weights);
    cross_entropy_rows(base, behavior, behavior_gradient, behavior_list(behavior_ids), rows);
    auto const total = weighted_sum(rows);
    // Not save_for_backward: the version counter must not mind that the logits became their gradient.
    if (gradient) {
      context->saved_data["base"] = base.detach();
      context->saved_data["behavior"] = behavior_gradient;
    }
    context->mark_non_differentiable({rows.loss, rows.entropy, rows.correct});
    return {total, rows.loss, rows.correct, rows.entropy};
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

LossRows::LossRows(at::Tensor targets_, at::Tensor weights_)
    : targets(std::move(targets_)),
      weights(std::move(weights_)),
      loss(at::empty_like(weights)),
      entropy(at::empty_like(weights)),
      correct(at::empty_like(weights, at::kBool)) {}

LossRows LossRows::part(std::int64_t begin, std::int64_t count) const {
  LossRows some = *this;
  for (auto* const tensor : {&some.targets, &some.weights, &some.loss, &some.entropy, &some.correct})
    *tensor = tensor->narrow(0, begin, count);
  return some;
}

void cross_entropy_rows(at::Tensor const& base, at::Tensor const& behavior, at::Tensor const& behavior_gradient,
                        kernel::BehaviorIds const& ids, LossRows const& rows) {
  auto const count = base.size(0), vocabulary = base.size(1);
  bool const gradient = behavior_gradient.defined();
  auto const place = run::place_of(base);
  with_storage(base.scalar_type(), [&](auto type) {
    using T = decltype(type);
    run::launch(
        kernel::CrossEntropy<T>{pointer<T>(base), pointer<T>(behavior),
                                gradient ? pointer<T>(behavior_gradient) : nullptr, pointer<std::int64_t>(rows.targets),
                                pointer<float>(rows.weights), pointer<float>(rows.loss), pointer<float>(rows.entropy),
                                pointer<bool>(rows.correct), count, vocabulary, gradient, ids,
                                kept_columns(ids, vocabulary)},
        run::units(count, vocabulary), place);
  });
}

at::Tensor weighted_sum(LossRows const& rows) {
  auto const total = at::empty({}, rows.loss.options());
  run::launch(kernel::WeightedSum{pointer<float>(rows.weights), pointer<float>(rows.loss), pointer<float>(total),
                                  rows.loss.numel()},
              run::Grid{1, 1}, run::place_of(total));
  return total;
}

void rescale(at::Tensor const& x, at::Tensor const& factor) {
  auto const place = run::place_of(x);
  with_storage(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    run::launch(kernel::Rescale<T>{pointer<T>(x), pointer<float>(factor), x.numel()}, run::elements(x.numel(), place),
                place);
  });
}

RowLoss masked_cross_entropy(at::Tensor const& base_logits, at::Tensor const& behavior_logits,
                             at::Tensor const& behavior_ids, at::Tensor const& targets, at::Tensor const& weights) {
  bool const gradient = at::GradMode::is_enabled() && (base_logits.requires_grad() || behavior_logits.requires_grad());
  // A leaf is somebody's data, a view somebody else's: their logits are copied.  A product's are ours to overwrite.
  bool const ours =
      base_logits.is_contiguous() && !(base_logits.requires_grad() && base_logits.is_leaf()) && !base_logits.is_view();
  auto const base = ours || !gradient ? base_logits.contiguous() : base_logits.clone(at::MemoryFormat::Contiguous);
  auto const out = CrossEntropyFunction::apply(base, behavior_logits.contiguous(), behavior_ids, targets.contiguous(),
                                               weights.contiguous(), gradient);
  return {out[0], out[1], out[2], out[3], {}};
}

}  // namespace bsft::op::fused
