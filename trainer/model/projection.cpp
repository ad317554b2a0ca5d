#include "trainer/model/projection.hpp"

#include "kernels/op/torch.hpp"

namespace bsft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void add_weight_gradient(at::Tensor const& weight, at::Tensor const& d_y, at::Tensor const& x) {
  if (weight.requires_grad()) weight.mutable_grad().addmm_(d_y.t(), x);
}

class Project : public torch::autograd::Function<Project> {
 public:
  static variable_list forward(AutogradContext* context, at::Tensor const& x,
                               std::vector<Projection> const& projections) {
    variable_list saved{x}, outputs;
    for (Projection const& projection : projections) {
      outputs.push_back(at::linear(x, projection.weight, projection.bias));
      saved.push_back(projection.weight);
      saved.push_back(projection.bias);
    }
    context->save_for_backward(saved);
    return outputs;
  }

  static variable_list backward(AutogradContext* context, variable_list const& gradients) {
    variable_list const saved = context->get_saved_variables();
    at::Tensor d_x;
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      at::Tensor const &weight = saved[1 + 2 * i], &bias = saved[2 + 2 * i], &d_y = gradients[i];
      add_weight_gradient(weight, d_y, saved[0]);
      if (bias.defined() && bias.requires_grad()) bias.mutable_grad().add_(d_y.sum(0));
      if (!context->needs_input_grad(0)) continue;
      if (d_x.defined())
        d_x.addmm_(d_y, weight);
      else
        d_x = at::mm(d_y, weight);
    }
    return {d_x, at::Tensor()};
  }
};

class ProjectOnto : public torch::autograd::Function<ProjectOnto> {
 public:
  static at::Tensor forward(AutogradContext* context, at::Tensor const& residual, at::Tensor const& x,
                            Projection const& projection) {
    context->save_for_backward({x, projection.weight});
    return at::addmm(residual, x, projection.weight.t());
  }

  static variable_list backward(AutogradContext* context, variable_list const& gradients) {
    variable_list const saved = context->get_saved_variables();
    add_weight_gradient(saved[1], gradients[0], saved[0]);
    return {gradients[0], at::mm(gradients[0], saved[1]), at::Tensor()};
  }
};

}  // namespace

std::vector<at::Tensor> project(at::Tensor const& x, std::vector<Projection> const& projections) {
  return Project::apply(x, projections);
}

at::Tensor project_onto(at::Tensor const& residual, at::Tensor const& x, at::Tensor const& weight) {
  return ProjectOnto::apply(residual, x, Projection{weight, {}});
}

}  // namespace bsft
