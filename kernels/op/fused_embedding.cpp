#include <algorithm>
#include <optional>
#include <vector>

#include "kernels/op/behavior_ids.hpp"
#include "kernels/op/fused.hpp"
#include "kernels/op/storage.hpp"
#include "kernels/op/torch.hpp"
#include "kernels/run/run.hpp"

namespace bsft::op::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// The places of [T] sorted by the table row that they read, stable: first the K behaviours', then the base rows'.
struct Segments {
  at::Tensor order;                 // [T] int64
  at::Tensor start, row;            // base rows touched
  at::Tensor rows_start, rows_row;  // all K behaviour rows
};

Segments sort_places(at::Tensor const& ids, kernel::BehaviorIds const& behaviors) {
  auto const host = ids.cpu().contiguous();
  auto const* const id = pointer<std::int64_t>(host);
  auto const tokens = host.numel();
  std::vector<std::int64_t> key(tokens), order(tokens);
  for (std::int64_t t = 0; t < tokens; ++t) {
    auto const k = behaviors.find(id[t]);
    key[t] = k >= 0 ? k : behaviors.count + id[t];
    order[t] = t;
  }
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return key[a] < key[b]; });
  std::vector<std::int64_t> start, row, rows_start, rows_row;
  std::int64_t at = 0;
  for (std::int32_t k = 0; k < behaviors.count; ++k) {
    rows_start.push_back(at);
    rows_row.push_back(k);
    while (at < tokens && key[order[at]] == k) ++at;
  }
  rows_start.push_back(at);
  while (at < tokens) {
    auto const current = key[order[at]];
    start.push_back(at);
    row.push_back(current - behaviors.count);
    while (at < tokens && key[order[at]] == current) ++at;
  }
  start.push_back(at);
  auto const tensor = [&](std::vector<std::int64_t> const& list) {
    return at::tensor(list, at::TensorOptions(at::kLong)).to(ids.device());
  };
  return {tensor(order), tensor(start), tensor(row), tensor(rows_start), tensor(rows_row)};
}

void sum_segments(at::Tensor const& dy, at::Tensor const& order, at::Tensor const& start, at::Tensor const& row,
                  at::Tensor const& out, bool add) {
  auto const place = run::place_of(dy);
  with_storage(dy.scalar_type(), [&](auto type) {
    using T = decltype(type);
    run::launch(kernel::SegmentSum<T>{pointer<T>(dy), pointer<std::int64_t>(order), pointer<std::int64_t>(start),
                                      pointer<std::int64_t>(row), pointer<T>(out), row.numel(), dy.size(1), add},
                run::units(row.numel(), dy.size(1)), place);
  });
}

struct EmbeddingFunction : torch::autograd::Function<EmbeddingFunction> {
  static at::Tensor forward(AutogradContext* context, Variable rows_table, Variable base_table, at::Tensor ids,
                            at::Tensor behavior_ids, std::optional<at::Tensor> base_gradient,
                            std::optional<at::Tensor> dials) {
    auto const base = base_table.contiguous(), rows = rows_table.contiguous();
    auto y = at::empty({ids.size(0), base.size(1)}, base.options());
    auto const place = run::place_of(base);
    auto const list = behavior_list(behavior_ids);
    with_storage(base.scalar_type(), [&](auto type) {
      using T = decltype(type);
      run::launch(kernel::BehaviorGather<T>{pointer<std::int64_t>(ids), pointer<T>(base), pointer<T>(rows),
                                            dials ? pointer<kernel::Dial>(*dials) : nullptr, pointer<T>(y), ids.size(0),
                                            base.size(0), base.size(1), list},
                  run::units(ids.size(0), base.size(1)), place);
    });
    context->save_for_backward({ids, behavior_ids});
    if (base_gradient) context->saved_data["base_gradient"] = *base_gradient;
    context->saved_data["vocabulary"] = base.size(0);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const list = behavior_list(saved[1]);
    auto const dy = gradients[0].contiguous();
    auto const segments = sort_places(saved[0], list);
    at::Tensor drows, dbase;
    if (context->needs_input_grad(0)) {
      drows = at::empty({list.count, dy.size(1)}, dy.options());
      sum_segments(dy, segments.order, segments.rows_start, segments.rows_row, drows, false);
    }
    auto const given = context->saved_data.find("base_gradient");
    if (!context->needs_input_grad(1)) {
    } else if (given != context->saved_data.end()) {
      sum_segments(dy, segments.order, segments.start, segments.row, given->second.toTensor(), true);
    } else {
      dbase = at::zeros({context->saved_data["vocabulary"].toInt(), dy.size(1)}, dy.options());
      sum_segments(dy, segments.order, segments.start, segments.row, dbase, false);
    }
    return {drows, dbase, {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor behavior_embedding(at::Tensor const& ids, at::Tensor const& base, at::Tensor const& rows,
                              at::Tensor const& behavior_ids, at::Tensor const& base_gradient, Dials const& dials) {
  std::optional<at::Tensor> packed;  // [T,2] int32: toward, and the bits of share
  if (dials.toward.defined())
    packed = at::stack({dials.toward.to(at::kInt), dials.share.contiguous().view(at::kInt)}, 1).contiguous();
  return EmbeddingFunction::apply(rows, base, ids.contiguous(), behavior_ids,
                                  base_gradient.defined() ? std::optional(base_gradient) : std::nullopt, packed);
}

}  // namespace bsft::op::fused
