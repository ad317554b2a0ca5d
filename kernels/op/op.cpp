#include "kernels/op/op.hpp"

#include <atomic>
#include <cmath>
#include <tuple>

#include "kernels/op/check.hpp"
#include "kernels/op/fused.hpp"
#include "kernels/op/reference.hpp"

namespace bsft::op {
namespace {

std::atomic<Path> chosen{Path::fused};

bool on_bodies() { return chosen == Path::fused; }

// What each supervised row of a loss is asked for.
void check_rows(std::string_view op, at::Tensor const& targets, at::Tensor const& weights, std::int64_t rows,
                at::Device device) {
  check::dtype(op, "targets", targets, at::kLong);
  check::shape(op, "targets", targets, {rows});
  check::device(op, "targets", targets, device);
  check::dtype(op, "weights", weights, at::kFloat);
  check::shape(op, "weights", weights, {rows});
  check::device(op, "weights", weights, device);
}

void check_norm(std::string_view op, at::Tensor const& x, at::Tensor const& weight, double eps) {
  check::floating(op, "x", x);
  check::shape(op, "x", x, {-1, -1});
  check::floating(op, "weight", weight);
  check::shape(op, "weight", weight, {x.size(1)});
  check::device(op, "weight", weight, x.device());
  if (!(eps >= 0)) check::refuse(op, "eps", "it is " + std::to_string(eps));
}

void check_dials(std::string_view op, at::Tensor const& ids, at::Tensor const& rows, Dials const& dials) {
  check::dtype(op, "dials.toward", dials.toward, at::kLong);
  check::dtype(op, "dials.share", dials.share, at::kFloat);
  for (auto const& [name, tensor] : {std::pair("dials.toward", dials.toward), std::pair("dials.share", dials.share)}) {
    check::shape(op, name, tensor, {ids.size(0)});
    check::device(op, name, tensor, ids.device());
  }
  if (at::GradMode::is_enabled() && rows.requires_grad())
    check::refuse(op, "dials", "no gradient passes them and rows requires one");
  if (!ids.is_cpu() || ids.numel() == 0) return;  // on a device a look would cost a synchronisation
  if (dials.toward.min().item<std::int64_t>() < -1 || dials.toward.max().item<std::int64_t>() >= rows.size(0))
    check::refuse(op, "dials.toward",
                  "an entry is neither -1 nor one of " + std::to_string(rows.size(0)) + " behaviours");
  if (!((dials.share >= 0) & (dials.share <= 1)).all().item<bool>())
    check::refuse(op, "dials.share", "an entry is outside [0,1]");
}

at::Tensor is_behavior(at::Tensor const& targets, at::Tensor const& behavior_ids) {
  return at::isin(targets, behavior_ids.to(targets.device()));
}

// The gradient of a total whose weights' gradients are already where they belong.
at::Tensor only_one(at::Tensor const& factor) {
  if (!factor.is_cpu()) return at::where(factor == 1, factor, NAN);  // no synchronisation for a look at it
  if (float const value = factor.item<float>(); value != 1)
    check::refuse("masked_linear_cross_entropy", "total",
                  "its gradient is " + std::to_string(value) + ", but into has been added to with factor 1");
  return factor;
}

}  // namespace

void use(Path path) { chosen = path; }
Path path() { return chosen; }

at::Tensor behavior_embedding(at::Tensor const& ids, at::Tensor const& base, at::Tensor const& rows,
                              at::Tensor const& behavior_ids, at::Tensor const& base_gradient, Dials const& dials) {
  constexpr auto op = "behavior_embedding";
  check::behavior_ids(op, behavior_ids);
  check::dtype(op, "ids", ids, at::kLong);
  check::shape(op, "ids", ids, {-1});
  check::floating(op, "base", base);
  check::shape(op, "base", base, {-1, -1});
  check::device(op, "base", base, ids.device());
  check::dtype(op, "rows", rows, base.scalar_type());
  check::shape(op, "rows", rows, {behavior_ids.size(0), base.size(1)});
  check::device(op, "rows", rows, ids.device());
  check::ids(op, "ids", ids, base.size(0), behavior_ids);
  if (base_gradient.defined()) {
    check::dtype(op, "base_gradient", base_gradient, base.scalar_type());
    check::shape(op, "base_gradient", base_gradient, {base.size(0), base.size(1)});
    check::device(op, "base_gradient", base_gradient, ids.device());
    if (!base_gradient.is_contiguous()) check::refuse(op, "base_gradient", "it is not contiguous");
  }
  if (dials.toward.defined()) check_dials(op, ids, rows, dials);
  return on_bodies() ? fused::behavior_embedding(ids, base, rows, behavior_ids, base_gradient, dials)
                     : reference::behavior_embedding(ids, base, rows, behavior_ids, base_gradient, dials);
}

RowLoss masked_cross_entropy(at::Tensor const& base_logits, at::Tensor const& behavior_logits,
                             at::Tensor const& behavior_ids, at::Tensor const& targets, at::Tensor const& weights) {
  constexpr auto op = "masked_cross_entropy";
  check::behavior_ids(op, behavior_ids);
  check::floating(op, "base_logits", base_logits);
  check::shape(op, "base_logits", base_logits, {-1, -1});
  auto const rows = base_logits.size(0);
  auto const device = base_logits.device();
  check::dtype(op, "behavior_logits", behavior_logits, base_logits.scalar_type());
  check::shape(op, "behavior_logits", behavior_logits, {rows, behavior_ids.size(0)});
  check::device(op, "behavior_logits", behavior_logits, device);
  check_rows(op, targets, weights, rows, device);
  check::ids(op, "targets", targets, base_logits.size(1), behavior_ids);
  auto out = on_bodies()
                 ? fused::masked_cross_entropy(base_logits, behavior_logits, behavior_ids, targets, weights)
                 : reference::masked_cross_entropy(base_logits, behavior_logits, behavior_ids, targets, weights);
  out.behavior = is_behavior(targets, behavior_ids);
  return out;
}

RowLoss masked_linear_cross_entropy(at::Tensor const& hidden, at::Tensor const& head, at::Tensor const& behavior_head,
                                    at::Tensor const& behavior_ids, at::Tensor const& targets,
                                    at::Tensor const& weights, HeadGradients const& into, std::int64_t chunk_rows) {
  constexpr auto op = "masked_linear_cross_entropy";
  check::behavior_ids(op, behavior_ids);
  check::floating(op, "hidden", hidden);
  check::shape(op, "hidden", hidden, {-1, -1});
  auto const rows = hidden.size(0), width = hidden.size(1);
  auto const device = hidden.device();
  check::dtype(op, "head", head, hidden.scalar_type());
  check::shape(op, "head", head, {-1, width});
  check::device(op, "head", head, device);
  if (head.size(0) == 0) check::refuse(op, "head", "it has no rows");
  check::dtype(op, "behavior_head", behavior_head, hidden.scalar_type());
  check::shape(op, "behavior_head", behavior_head, {behavior_ids.size(0), width});
  check::device(op, "behavior_head", behavior_head, device);
  check_rows(op, targets, weights, rows, device);
  check::ids(op, "targets", targets, head.size(0), behavior_ids);
  bool added = false;
  for (auto const& [name, sum, table] : {std::tuple("into.head", into.head, head),
                                         std::tuple("into.behavior_head", into.behavior_head, behavior_head)}) {
    if (!sum.defined()) continue;
    if (sum.scalar_type() != at::kFloat) check::dtype(op, name, sum, table.scalar_type());
    check::shape(op, name, sum, {table.size(0), width});
    check::device(op, name, sum, device);
    added = added || table.requires_grad();
  }
  if (chunk_rows < 0) check::refuse(op, "chunk_rows", "it is " + std::to_string(chunk_rows));
  auto out = on_bodies() ? fused::masked_linear_cross_entropy(hidden, head, behavior_head, behavior_ids, targets,
                                                              weights, into, chunk_rows)
                         : reference::masked_linear_cross_entropy(hidden, head, behavior_head, behavior_ids, targets,
                                                                  weights, into);
  if (added && out.total.requires_grad()) out.total.register_hook(only_one);
  out.behavior = is_behavior(targets, behavior_ids);
  return out;
}

at::Tensor rms_norm(at::Tensor const& x, at::Tensor const& weight, double eps) {
  constexpr auto op = "rms_norm";
  check_norm(op, x, weight, eps);
  return on_bodies() ? fused::rms_norm(x, weight, eps) : reference::rms_norm(x, weight, eps);
}

Normed passing_rms_norm(at::Tensor const& x, at::Tensor const& residual, at::Tensor const& weight, double eps) {
  constexpr auto op = "passing_rms_norm";
  check_norm(op, x, weight, eps);
  if (residual.defined()) {
    check::dtype(op, "residual", residual, x.scalar_type());
    check::shape(op, "residual", residual, {x.size(0), x.size(1)});
    check::device(op, "residual", residual, x.device());
  }
  return (on_bodies() ? fused::passing_rms_norm : reference::passing_rms_norm)(x, residual, weight, eps);
}

at::Tensor rope(at::Tensor const& x, at::Tensor const& cosine, at::Tensor const& sine, RopeLayout layout) {
  constexpr auto op = "rope";
  check::floating(op, "x", x);
  check::shape(op, "x", x, {-1, -1, -1});
  if (x.size(2) % 2 != 0) check::refuse(op, "x", "head width " + std::to_string(x.size(2)) + " is odd");
  for (auto const& [name, table] : {std::pair("cosine", cosine), std::pair("sine", sine)}) {
    check::dtype(op, name, table, at::kFloat);
    check::shape(op, name, table, {x.size(0), x.size(2) / 2});
    check::device(op, name, table, x.device());
  }
  return (on_bodies() ? fused::rope : reference::rope)(x, cosine, sine, layout);
}

at::Tensor swiglu(at::Tensor const& gate, at::Tensor const& up) {
  constexpr auto op = "swiglu";
  check::floating(op, "gate", gate);
  check::shape(op, "gate", gate, {-1, -1});
  check::dtype(op, "up", up, gate.scalar_type());
  check::shape(op, "up", up, {gate.size(0), gate.size(1)});
  check::device(op, "up", up, gate.device());
  return on_bodies() ? fused::swiglu(gate, up) : reference::swiglu(gate, up);
}

at::Tensor cast_scale(at::Tensor const& x, at::Tensor const& factor) {
  constexpr auto op = "cast_scale";
  check::floating(op, "x", x);
  check::dtype(op, "factor", factor, at::kFloat);
  check::shape(op, "factor", factor, {1});
  check::device(op, "factor", factor, x.device());
  at::NoGradGuard const guard;
  return (on_bodies() ? fused::cast_scale : reference::cast_scale)(x, factor);
}

void adamw(at::Tensor const& parameter, at::Tensor const& gradient, at::Tensor const& moment1,
           at::Tensor const& moment2, AdamW const& settings) {
  constexpr auto op = "adamw";
  check::dtype(op, "parameter", parameter, at::kFloat);
  check::shape(op, "parameter", parameter, {-1});
  for (auto const& [name, tensor] : {std::pair("parameter", parameter), std::pair("gradient", gradient),
                                     std::pair("moment1", moment1), std::pair("moment2", moment2)}) {
    check::dtype(op, name, tensor, at::kFloat);
    check::shape(op, name, tensor, {parameter.size(0)});
    check::device(op, name, tensor, parameter.device());
    if (!tensor.is_contiguous()) check::refuse(op, name, "it is not contiguous");
  }
  if (settings.step < 1) check::refuse(op, "settings.step", "it is " + std::to_string(settings.step));
  (on_bodies() ? fused::adamw : reference::adamw)(parameter, gradient, moment1, moment2, settings);
}

at::Tensor block_squares(at::Tensor const& x) {
  constexpr auto op = "block_squares";
  check::dtype(op, "x", x, at::kFloat);
  check::shape(op, "x", x, {-1});
  if (!x.is_contiguous()) check::refuse(op, "x", "it is not contiguous");
  if (x.numel() == 0) return at::zeros({0}, at::kDouble);
  return on_bodies() ? fused::block_squares(x) : reference::block_squares(x);
}

double sum_in_order(at::Tensor const& squares) {
  double sum = 0;
  for (std::int64_t b = 0; b < squares.numel(); ++b) sum += squares.const_data_ptr<double>()[b];
  return sum;
}

double squared_norm(at::Tensor const& x) { return sum_in_order(block_squares(x)); }

}  // namespace bsft::op
