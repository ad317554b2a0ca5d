#include <optional>

#include "kernels/op/fused.hpp"
#include "kernels/op/storage.hpp"
#include "kernels/op/torch.hpp"
#include "kernels/run/run.hpp"

namespace bsft::op::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

template <class T>
T* or_null(at::Tensor const& tensor) {
  return tensor.defined() ? pointer<T>(tensor) : nullptr;
}

// What both norms run: h is x where there is no residual.
struct Forward {
  at::Tensor h, y, r;
  Forward(at::Tensor const& x, at::Tensor const& residual, at::Tensor const& w, double eps)
      : h(residual.defined() ? at::empty_like(x) : x),
        y(at::empty_like(x)),
        r(at::empty({x.size(0)}, x.options().dtype(at::kFloat))) {
    with_storage(x.scalar_type(), [&](auto type) {
      using T = decltype(type);
      run::launch(
          kernel::RmsNormForward<T>{pointer<T>(x), or_null<T>(residual), pointer<T>(w), pointer<T>(h), pointer<T>(y),
                                    pointer<float>(r), x.size(0), x.size(1), static_cast<float>(eps)},
          run::units(x.size(0), x.size(1)), run::place_of(x));
    });
  }
};

// dh and, where wanted, dw.
variable_list backward_of(at::Tensor const& dy, at::Tensor const& dpassed, at::Tensor const& h, at::Tensor const& w,
                          at::Tensor const& r, bool wants_weight) {
  auto const dh = at::empty_like(h);
  auto const place = run::place_of(h);
  at::Tensor dw;
  with_storage(h.scalar_type(), [&](auto type) {
    using T = decltype(type);
    using Backward = kernel::RmsNormBackward<T>;
    auto const groups = Backward::groups(h.size(0)), cols = h.size(1);
    auto partial = at::empty({wants_weight ? groups : 0, cols}, r.options());
    run::launch(Backward{pointer<T>(dy), or_null<T>(dpassed), pointer<T>(h), pointer<T>(w), pointer<float>(r),
                         pointer<T>(dh), wants_weight ? pointer<float>(partial) : nullptr, h.size(0), cols},
                run::units(groups, Backward::rows_a_group * cols), place);
    if (!wants_weight) return;
    dw = at::empty_like(w);
    using Sum = kernel::ColumnSum<T>;
    run::launch(Sum{pointer<float>(partial), pointer<T>(dw), groups, cols},
                run::units((cols + Sum::slice - 1) / Sum::slice, Sum::slice * groups), place);
  });
  return {dh, dw};
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* context, Variable input, Variable weight, double eps) {
    auto const w = weight.contiguous();
    Forward const out(input.contiguous(), {}, w, eps);
    context->save_for_backward({out.h, w, out.r});
    return out.y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const d =
        backward_of(gradients[0].contiguous(), {}, saved[0], saved[1], saved[2], context->needs_input_grad(1));
    return {d[0], d[1], {}};
  }
};

struct PassingRmsNormFunction : torch::autograd::Function<PassingRmsNormFunction> {
  static variable_list forward(AutogradContext* context, Variable input, Variable weight,
                               std::optional<at::Tensor> residual, double eps) {
    auto const w = weight.contiguous();
    Forward const out(input.contiguous(), residual ? residual->contiguous() : at::Tensor(), w, eps);
    context->save_for_backward({out.h, w, out.r});
    context->saved_data["residual"] = residual.has_value();
    return {out.h, out.y};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const d = backward_of(gradients[1].contiguous(), gradients[0].contiguous(), saved[0], saved[1], saved[2],
                               context->needs_input_grad(1));
    return {d[0], d[1], context->saved_data["residual"].toBool() ? d[0] : at::Tensor(), {}};
  }
};

}  // namespace

at::Tensor rms_norm(at::Tensor const& x, at::Tensor const& weight, double eps) {
  return RmsNormFunction::apply(x, weight.to(x.scalar_type()), eps);
}

Normed passing_rms_norm(at::Tensor const& x, at::Tensor const& residual, at::Tensor const& weight, double eps) {
  auto const out = PassingRmsNormFunction::apply(x, weight.to(x.scalar_type()),
                                                 residual.defined() ? std::optional(residual) : std::nullopt, eps);
  return {out[0], out[1]};
}

}  // namespace bsft::op::fused
