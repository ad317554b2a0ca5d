#include "kernels/op/fused.hpp"
#include "kernels/op/storage.hpp"
#include "kernels/op/torch.hpp"
#include "kernels/run/run.hpp"

namespace bsft::op::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// Columns next to each other; rows anywhere.
at::Tensor rows_of(at::Tensor const& x) { return x.stride(-1) == 1 ? x : x.contiguous(); }
// [T,H,E] with heads next to each other; tokens anywhere.
at::Tensor tokens_of(at::Tensor const& x) { return x.stride(2) == 1 && x.stride(1) == x.size(2) ? x : x.contiguous(); }

at::Tensor rotate(at::Tensor const& input, at::Tensor const& cosine, at::Tensor const& sine, float direction,
                  bool interleaved) {
  auto const x = tokens_of(input);
  auto y = at::empty(x.sizes(), x.options(), at::MemoryFormat::Contiguous);
  auto const place = run::place_of(x);
  with_storage(x.scalar_type(), [&](auto type) {
    using T = decltype(type);
    run::launch(kernel::Rope<T>{pointer<T>(x), pointer<float>(cosine), pointer<float>(sine), pointer<T>(y), x.size(0),
                                x.size(1), x.size(2) / 2, x.stride(0), direction, interleaved},
                run::elements(x.numel(), place), place);
  });
  return y;
}

struct RopeFunction : torch::autograd::Function<RopeFunction> {
  static at::Tensor forward(AutogradContext* context, Variable x, at::Tensor cosine, at::Tensor sine,
                            bool interleaved) {
    context->save_for_backward({cosine, sine});
    context->saved_data["interleaved"] = interleaved;
    return rotate(x, cosine, sine, 1, interleaved);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto const saved = context->get_saved_variables();
    return {rotate(gradients[0], saved[0], saved[1], -1, context->saved_data["interleaved"].toBool()), {}, {}, {}};
  }
};

struct SwigluFunction : torch::autograd::Function<SwigluFunction> {
  static at::Tensor forward(AutogradContext* context, Variable gate, Variable up) {
    auto const g = rows_of(gate), u = rows_of(up);
    context->save_for_backward({g, u});
    auto y = at::empty(g.sizes(), g.options(), at::MemoryFormat::Contiguous);
    auto const place = run::place_of(g);
    with_storage(g.scalar_type(), [&](auto type) {
      using T = decltype(type);
      run::launch(kernel::SwigluForward<T>{pointer<T>(g), pointer<T>(u), pointer<T>(y), g.size(0), g.size(1),
                                           g.stride(0), u.stride(0)},
                  run::elements(g.numel(), place), place);
    });
    return y;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto const saved = context->get_saved_variables();
    auto const &g = saved[0], &u = saved[1];
    auto const dy = gradients[0].contiguous();
    auto dgate = at::empty(g.sizes(), g.options(), at::MemoryFormat::Contiguous);
    auto dup = at::empty_like(dgate);
    auto const place = run::place_of(g);
    with_storage(g.scalar_type(), [&](auto type) {
      using T = decltype(type);
      run::launch(kernel::SwigluBackward<T>{pointer<T>(dy), pointer<T>(g), pointer<T>(u), pointer<T>(dgate),
                                            pointer<T>(dup), g.size(0), g.size(1), g.stride(0), u.stride(0)},
                  run::elements(g.numel(), place), place);
    });
    return {dgate, dup};
  }
};

}  // namespace

at::Tensor rope(at::Tensor const& x, at::Tensor const& cosine, at::Tensor const& sine, RopeLayout layout) {
  return RopeFunction::apply(x, cosine.contiguous(), sine.contiguous(), layout == RopeLayout::interleaved);
}

at::Tensor cast_scale(at::Tensor const& x, at::Tensor const& factor) {
  auto const from = x.contiguous();
  auto const to = at::empty_like(from, from.scalar_type() == at::kFloat ? at::kBFloat16 : at::kFloat);
  auto const place = run::place_of(from);
  with_storage(to.scalar_type(), [&](auto type) {
    using T = decltype(type);
    run::launch(
        kernel::CastScale<T>{pointer<kernel::Other<T>>(from), pointer<T>(to), pointer<float>(factor), from.numel()},
        run::elements(from.numel(), place), place);
  });
  return to;
}

at::Tensor swiglu(at::Tensor const& gate, at::Tensor const& up) { return SwigluFunction::apply(gate, up); }

}  // namespace bsft::op::fused
