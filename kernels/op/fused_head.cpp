#include <algorithm>

#include "kernels/op/fused.hpp"
#include "kernels/op/fused_loss.hpp"
#include "kernels/op/torch.hpp"

namespace bsft::op::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr std::int64_t logits_at_a_time = std::int64_t{1} << 24;
constexpr std::int64_t least_rows = 256;  // fewer leave a matrix product waiting for the head's bytes

struct Work {
  at::Tensor behavior_ids;
  LossRows rows;
  bool gradient;
  HeadGradients sums, into;  // sums: into, or what goes through autograd; undefined: frozen
  std::int64_t chunk;
};

void add_product(at::Tensor sum, at::Tensor const& d_y, at::Tensor const& x) {
  if (!sum.defined()) return;
  if (sum.scalar_type() == x.scalar_type())
    sum.addmm_(d_y.t(), x);
  else
    sum.add_(at::mm(d_y.t(), x));
}

struct LinearCrossEntropyFunction : torch::autograd::Function<LinearCrossEntropyFunction> {
  static variable_list forward(AutogradContext* context, Variable hidden, Variable head, Variable behavior_head,
                               Work const& work) {
    auto const ids = behavior_list(work.behavior_ids);
    auto const count = hidden.size(0), chunk = std::min(count, work.chunk);
    auto const logits = at::empty({chunk, head.size(0)}, hidden.options());
    auto const d_hidden = work.gradient && hidden.requires_grad() ? at::empty_like(hidden) : at::Tensor();
    for (std::int64_t begin = 0; begin < count; begin += chunk) {
      auto const rows = std::min(chunk, count - begin);
      auto const h = hidden.narrow(0, begin, rows);
      auto z = logits.narrow(0, 0, rows);
      at::mm_out(z, h, head.t());
      auto const b = at::mm(h, behavior_head.t());
      auto const d_b = work.gradient ? at::empty_like(b) : at::Tensor();
      cross_entropy_rows(z, b, d_b, ids, work.rows.part(begin, rows));
      if (!work.gradient) continue;
      add_product(work.sums.head, z, h);
      add_product(work.sums.behavior_head, d_b, h);
      if (!d_hidden.defined()) continue;
      auto d_h = d_hidden.narrow(0, begin, rows);
      at::mm_out(d_h, z, head);
      d_h.addmm_(d_b, behavior_head);
    }
    auto const through = [](at::Tensor const& sum, at::Tensor const& into, at::Tensor const& table) {
      return sum.defined() && !into.defined() ? sum.to(table.scalar_type()) : at::Tensor();
    };
    context->saved_data["gradients"] =
        std::vector{d_hidden, through(work.sums.head, work.into.head, head),
                    through(work.sums.behavior_head, work.into.behavior_head, behavior_head)};
    context->mark_non_differentiable({work.rows.loss, work.rows.entropy, work.rows.correct});
    return {weighted_sum(work.rows), work.rows.loss, work.rows.correct, work.rows.entropy};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto out = context->saved_data["gradients"].toTensorVector();
    context->saved_data.clear();
    auto const factor = gradients[0].to(at::kFloat).contiguous();
    for (auto const& gradient : out)
      if (gradient.defined()) rescale(gradient, factor);
    out.resize(4);
    return out;
  }
};

}  // namespace

RowLoss masked_linear_cross_entropy(at::Tensor const& hidden, at::Tensor const& head, at::Tensor const& behavior_head,
                                    at::Tensor const& behavior_ids, at::Tensor const& targets,
                                    at::Tensor const& weights, HeadGradients const& into, std::int64_t chunk_rows) {
  bool const enabled = at::GradMode::is_enabled();
  auto const sum = [&](at::Tensor const& table, at::Tensor const& given) {
    if (!enabled || !table.requires_grad()) return at::Tensor();
    return given.defined() ? given : at::zeros(table.sizes(), table.options().dtype(at::kFloat));
  };
  Work const work{behavior_ids,
                  LossRows(targets.contiguous(), weights.contiguous()),
                  enabled && (hidden.requires_grad() || head.requires_grad() || behavior_head.requires_grad()),
                  {sum(head, into.head), sum(behavior_head, into.behavior_head)},
                  into,
                  chunk_rows > 0 ? chunk_rows : std::max(least_rows, logits_at_a_time / head.size(0))};
  auto const out = LinearCrossEntropyFunction::apply(hidden.contiguous(), head, behavior_head, work);
  return {out[0], out[1], out[2], out[3], {}};
}

}  // namespace bsft::op::fused
