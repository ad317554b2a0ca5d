#include "kernels/op/reference.hpp"

#include <cmath>
#include <tuple>

#include "kernels/op/torch.hpp"

namespace bsft::op::reference {
namespace {

// For each id its place in behavior_ids (0 where there is none) and whether it has one.
std::pair<at::Tensor, at::Tensor> locate(at::Tensor const& ids, at::Tensor const& behavior_ids) {
  if (behavior_ids.numel() == 0) return {at::zeros_like(ids), at::zeros_like(ids, at::kBool)};
  auto const equal = ids.unsqueeze(1) == behavior_ids.to(ids.device()).unsqueeze(0);
  return {equal.to(at::kInt).argmax(1), equal.any(1)};
}

// Logits of the V base columns, the behaviour ids' own masked out, then of the K behaviour columns, fp32.
at::Tensor joined(at::Tensor const& base_logits, at::Tensor const& behavior_logits, at::Tensor const& behavior_ids) {
  auto const inside = behavior_ids.masked_select(behavior_ids < base_logits.size(1)).to(base_logits.device());
  auto const base = base_logits.to(at::kFloat).index_fill(1, inside, -INFINITY);
  return at::cat({base, behavior_logits.to(at::kFloat)}, 1);
}

// A leaf of the same data whose gradient accumulates where the caller wants it.
at::Tensor accumulating(at::Tensor const& table, at::Tensor const& into) {
  if (!into.defined() || !table.requires_grad()) return table;
  auto const leaf = table.detach().to(into.scalar_type()).requires_grad_();
  leaf.mutable_grad() = into;
  return leaf.to(table.scalar_type());
}

}  // namespace

at::Tensor behavior_embedding(at::Tensor const& ids, at::Tensor const& base, at::Tensor const& rows,
                              at::Tensor const& behavior_ids, at::Tensor const& base_gradient, Dials const& dials) {
  auto const [slot, special] = locate(ids, behavior_ids);
  auto const plain = accumulating(base, base_gradient).index_select(0, ids.masked_fill(special, 0));
  if (rows.size(0) == 0) return plain;
  auto own = rows.index_select(0, slot);
  if (dials.toward.defined()) {
    auto const other = rows.index_select(0, dials.toward.clamp_min(0));
    auto const share = dials.share.unsqueeze(1);
    auto const turned = (own.to(at::kFloat) * (1 - share) + other.to(at::kFloat) * share).to(own.scalar_type());
    own = at::where((dials.toward >= 0).unsqueeze(1), turned, own);
  }
  return at::where(special.unsqueeze(1), own, plain);
}

RowLoss masked_cross_entropy(at::Tensor const& base_logits, at::Tensor const& behavior_logits,
                             at::Tensor const& behavior_ids, at::Tensor const& targets, at::Tensor const& weights) {
  auto const [slot, special] = locate(targets, behavior_ids);
  auto const column = at::where(special, slot + base_logits.size(1), targets);
  RowLoss out;
  {
    at::NoGradGuard const guard;
    auto const logits = joined(base_logits, behavior_logits, behavior_ids);
    auto const log_p = at::log_softmax(logits, 1);
    out.loss = -log_p.gather(1, column.unsqueeze(1)).squeeze(1);
    auto const top = std::get<0>(logits.max(1, true));
    auto const places = at::arange(logits.size(1), logits.options().dtype(at::kLong)).expand_as(logits);
    auto const first = at::where(logits == top, places, logits.size(1)).amin(1);
    out.correct = first == column;
    out.entropy = -at::where(log_p == -INFINITY, at::zeros_like(log_p), log_p.exp() * log_p).sum(1);
  }
  // Rows of weight 0 stay out of the graph: exactly no gradient, whatever their logits hold.
  auto const active = weights.nonzero().squeeze(1);
  auto const logits =
      joined(base_logits.index_select(0, active), behavior_logits.index_select(0, active), behavior_ids);
  auto const log_p = at::log_softmax(logits, 1).gather(1, column.index_select(0, active).unsqueeze(1)).squeeze(1);
  out.total = -(weights.index_select(0, active) * log_p).sum();
  return out;
}

RowLoss masked_linear_cross_entropy(at::Tensor const& hidden, at::Tensor const& head, at::Tensor const& behavior_head,
                                    at::Tensor const& behavior_ids, at::Tensor const& targets,
                                    at::Tensor const& weights, HeadGradients const& into) {
  return masked_cross_entropy(at::linear(hidden, accumulating(head, into.head)),
                              at::linear(hidden, accumulating(behavior_head, into.behavior_head)), behavior_ids,
                              targets, weights);
}

at::Tensor rms_norm(at::Tensor const& x, at::Tensor const& weight, double eps) {
  auto const wide = x.to(at::kFloat);
  auto const normal = wide * at::rsqrt(wide.square().mean(1, true) + eps);
  return (normal * weight.to(at::kFloat)).to(x.scalar_type());
}

Normed passing_rms_norm(at::Tensor const& x, at::Tensor const& residual, at::Tensor const& weight, double eps) {
  auto const sum = residual.defined() ? x + residual : x;
  return {sum, rms_norm(sum, weight, eps)};
}

at::Tensor cast_scale(at::Tensor const& x, at::Tensor const& factor) {
  return (x.to(at::kFloat) * factor).to(x.scalar_type() == at::kFloat ? at::kBFloat16 : at::kFloat);
}

at::Tensor rope(at::Tensor const& x, at::Tensor const& cosine, at::Tensor const& sine, RopeLayout layout) {
  if (layout == RopeLayout::interleaved) {
    auto const pair = x.to(at::kFloat).unflatten(2, {-1, 2}).unbind(3);
    auto const c = cosine.unsqueeze(1), s = sine.unsqueeze(1);
    return at::stack({pair[0] * c - pair[1] * s, pair[1] * c + pair[0] * s}, 3).flatten(2).to(x.scalar_type());
  }
  auto const half = x.to(at::kFloat).chunk(2, 2);
  auto const c = cosine.unsqueeze(1), s = sine.unsqueeze(1);
  return at::cat({half[0] * c - half[1] * s, half[1] * c + half[0] * s}, 2).to(x.scalar_type());
}

at::Tensor swiglu(at::Tensor const& gate, at::Tensor const& up) {
  return (at::silu(gate.to(at::kFloat)) * up.to(at::kFloat)).to(gate.scalar_type());
}

void adamw(at::Tensor const& parameter, at::Tensor const& gradient, at::Tensor const& moment1,
           at::Tensor const& moment2, AdamW const& s) {
  at::NoGradGuard const guard;
  auto const g = gradient * s.gradient_scale;
  auto p = parameter, m = moment1, v = moment2;
  p.mul_(1 - s.learning_rate * s.weight_decay);
  m.lerp_(g, 1 - s.beta1);
  v.mul_(s.beta2).addcmul_(g, g, 1 - s.beta2);
  double const correction1 = 1 - std::pow(s.beta1, double(s.step)), correction2 = 1 - std::pow(s.beta2, double(s.step));
  auto const denominator = (v.sqrt() / std::sqrt(correction2)).add_(s.epsilon);
  p.addcdiv_(m, denominator, -s.learning_rate / correction1);
}

at::Tensor block_squares(at::Tensor const& x) {
  std::vector<at::Tensor> sums;
  for (at::Tensor const& block : x.split(norm_block)) sums.push_back(block.to(at::kDouble).square().sum());
  return at::stack(sums).cpu();
}

}  // namespace bsft::op::reference
