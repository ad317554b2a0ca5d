// The same bits whatever the threads and the instruction set, for every op, forward and backward.
#include <ATen/Parallel.h>

#include <cstdlib>

#include "data/base/error.hpp"
#include "kernels/run/cpu.hpp"
#include "tests/kernels/cases.hpp"

namespace bsft::test {
namespace {

// All outputs and gradients of all ops at sizes where several threads work.
std::vector<at::Tensor> everything(at::ScalarType dtype) {
  std::vector<at::Tensor> out;
  auto const leaf = [&](at::IntArrayRef sizes, std::uint64_t seed) {
    return random(sizes, seed, dtype).requires_grad_();
  };
  {
    auto const x = leaf({519, 333}, 1), w = leaf({333}, 2);
    auto const y = op::rms_norm(x, w, 1e-5);
    y.backward(random(y.sizes(), 3, dtype));
    out.insert(out.end(), {y, x.grad(), w.grad()});
  }
  {
    auto const x = leaf({519, 333}, 21), residual = leaf({519, 333}, 22), w = leaf({333}, 23);
    auto const y = op::passing_rms_norm(x, residual, w, 1e-5);
    torch::autograd::backward({y.sum, y.normal}, {random({519, 333}, 24, dtype), random({519, 333}, 25, dtype)});
    out.insert(out.end(), {y.sum, y.normal, x.grad(), residual.grad(), w.grad()});
  }
  {
    auto const g = leaf({519, 333}, 4), u = leaf({519, 333}, 5);
    auto const y = op::swiglu(g, u);
    y.backward(random(y.sizes(), 6, dtype));
    out.insert(out.end(), {y, g.grad(), u.grad()});
  }
  {
    auto const x = leaf({519, 5, 66}, 7);
    auto const angle = random({519, 33}, 8);
    for (auto layout : {op::RopeLayout::halves, op::RopeLayout::interleaved}) {
      x.mutable_grad().reset();
      auto const y = op::rope(x, angle.cos(), angle.sin(), layout);
      y.backward(random(y.sizes(), 9, dtype));
      out.insert(out.end(), {y, x.grad()});
    }
    out.push_back(op::cast_scale(x.detach(), at::full({1}, 0.3f).to(device())));
  }
  auto const known = at::tensor({std::int64_t(1), std::int64_t(1003)}, at::kLong);
  {
    auto const ids = at::arange(519).remainder(101).to(device());
    auto const base = leaf({1003, 333}, 10), rows = leaf({2, 333}, 11);
    auto const y = op::behavior_embedding(ids, base, rows, known);
    y.backward(random(y.sizes(), 12, dtype));
    out.insert(out.end(), {y, base.grad(), rows.grad()});
  }
  {
    auto const z = leaf({97, 1003}, 13), b = leaf({97, 2}, 14);
    auto const targets = at::arange(97).mul(29).remainder(1004).to(device());
    auto const loss = op::masked_cross_entropy(z * 3, b * 3, known, targets, random({97}, 15).abs());
    loss.total.backward();
    out.insert(out.end(), {loss.total, loss.loss, loss.entropy, loss.correct, z.grad(), b.grad()});
  }
  {
    auto p = random({100003}, 16), g = random({100003}, 17), m = random({100003}, 18), v = random({100003}, 19).abs();
    op::adamw(p, g, m, v, {1e-3, 0.9, 0.99, 1e-8, 0.1, 7, 0.5});
    out.insert(out.end(), {p, m, v, at::scalar_tensor(op::squared_norm(g), at::kDouble)});
  }
  return out;
}

void expect_equal(std::vector<at::Tensor> const& got, std::vector<at::Tensor> const& want, std::string const& what) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(at::equal(got[i], want[i])) << what << ", tensor " << i;
}

TEST(Determinism, threads_do_not_change_a_bit) {
  int const before = at::get_num_threads();
  for (auto dtype : {at::kFloat, at::kBFloat16}) {
    at::set_num_threads(1);
    auto const want = everything(dtype);
    for (int threads : {2, 3, 5}) {
      at::set_num_threads(threads);
      expect_equal(everything(dtype), want, std::to_string(threads) + " threads");
    }
  }
  at::set_num_threads(before);
}

TEST(Determinism, instruction_sets_do_not_change_a_bit) {
  auto const before = run::cpu_set();
  for (auto dtype : {at::kFloat, at::kBFloat16}) {
    run::use_cpu_set(run::Isa::baseline);
    auto const want = everything(dtype);
    for (auto isa : run::cpu_sets()) {
      run::use_cpu_set(isa);
      expect_equal(everything(dtype), want, run::name(isa));
    }
  }
  run::use_cpu_set(before);
}

TEST(Determinism, the_baseline_is_always_there) {
  ASSERT_FALSE(run::cpu_sets().empty());
  EXPECT_EQ(run::cpu_sets().front(), run::Isa::baseline);
}

}  // namespace
}  // namespace bsft::test
