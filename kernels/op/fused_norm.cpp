#include "kernels/op/fused.hpp"
#include "kernels/op/storage.hpp"
#include "kernels/run/run.hpp"
#include "trainer/model/torch.hpp"

namespace bsft::op::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* context, Variable input, Variable weight, double eps) {
    auto const x = input.contiguous(), w = weight.contiguous();
    auto y = at::empty_like(x);
    auto r = at::empty({x.size(0)}, x.options().dtype(at::kFloat));
    auto const place = run::place_of(x);
    with_storage(x.scalar_type(), [&](auto type) {
      using T = decltype(type);
      run::launch(kernel::RmsNormForward<T>{pointer<T>(x), pointer<T>(w), pointer<T>(y), pointer<float>(r), x.size(0),
                                            x.size(1), static_cast<float>(eps)},
                  run::units(x.size(0), x.size(1)), place);
    });
    context->save_for_backward({x, w, r});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const &x = saved[0], &w = saved[1], &r = saved[2];
    auto const dy = gradients[0].contiguous();
    bool const wants_weight = context->needs_input_grad(1);
    auto dx = at::empty_like(x);
    auto const place = run::place_of(x);
    at::Tensor dw;
    with_storage(x.scalar_type(), [&](auto type) {
      using T = decltype(type);
      using Backward = kernel::RmsNormBackward<T>;
      auto const groups = Backward::groups(x.size(0)), cols = x.size(1);
      auto partial = at::empty({wants_weight ? groups : 0, cols}, r.options());
      run::launch(Backward{pointer<T>(dy), pointer<T>(x), pointer<T>(w), pointer<float>(r), pointer<T>(dx),
                           wants_weight ? pointer<float>(partial) : nullptr, x.size(0), cols},
                  run::units(groups, Backward::rows_a_group * cols), place);
      if (!wants_weight) return;
      dw = at::empty_like(w);
      using Sum = kernel::ColumnSum<T>;
      run::launch(Sum{pointer<float>(partial), pointer<T>(dw), groups, cols},
                  run::units((cols + Sum::slice - 1) / Sum::slice, Sum::slice * groups), place);
    });
    return {dx, dw, {}};
  }
};

}  // namespace

at::Tensor rms_norm(at::Tensor const& x, at::Tensor const& weight, double eps) {
  return RmsNormFunction::apply(x, weight.to(x.scalar_type()), eps);
}

}  // namespace bsft::op::fused
