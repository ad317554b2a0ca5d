#include "tests/kernels/cases.hpp"

namespace bsft::test {
namespace {

using op::Path;

at::Tensor norm64(at::Tensor const& x, at::Tensor const& w, double eps) {
  auto const a = x.to(at::kDouble);
  return a / (a.square().mean(1, true) + eps).sqrt() * w.to(at::kDouble);
}

TEST(RmsNorm, agrees_with_fp64_on_both_paths) {
  for (auto dtype : {at::kFloat, at::kBFloat16})
    for (auto cols : lengths)
      for (std::int64_t rows : {1, 31, 33, 70}) {
        auto const x = (random({rows, cols}, 1) * 3).to(dtype).requires_grad_();
        auto const w = random({cols}, 2, dtype).requires_grad_();
        auto const dy = random({rows, cols}, 3, dtype);
        auto const x64 = x.detach().to(at::kDouble).requires_grad_(), w64 = w.detach().to(at::kDouble).requires_grad_();
        auto const want = norm64(x64, w64, 1e-5);
        want.backward(dy.to(at::kDouble));
        for (auto path : {Path::reference, Path::fused}) {
          With const with(path);
          auto const name =
              " path " + std::to_string(int(path)) + " [" + std::to_string(rows) + "," + std::to_string(cols) + "]";
          auto const y = op::rms_norm(x, w, 1e-5);
          expect_near(y, want, tolerance(dtype), "y" + name);
          x.mutable_grad().reset(), w.mutable_grad().reset();
          y.backward(dy);
          expect_near(x.grad(), x64.grad(), 4 * tolerance(dtype), "dx" + name);
          expect_near(w.grad(), w64.grad(), 4 * tolerance(dtype, rows), "dw" + name);
        }
      }
}

TEST(RmsNorm, special_rows_as_the_reference) {
  auto const x = at::stack({special(48), at::zeros({48}, at::kFloat).to(device()), at::full({48}, 5.0f).to(device()),
                            at::full({48}, 1e-40f).to(device()), at::full({48}, 1e18f).to(device())});
  auto const w = random({48}, 4);
  at::Tensor want;
  {
    With const with(Path::reference);
    want = op::rms_norm(x, w, 1e-6);
  }
  expect_near(op::rms_norm(x, w, 1e-6), want, 1e-5, "special rows");
}

TEST(RmsNorm, a_row_does_not_depend_on_its_neighbours_or_its_place) {
  auto const x = random({70, 257}, 1), w = random({257}, 2);
  auto const all = op::rms_norm(x, w, 1e-5);
  for (std::int64_t row : {0, 1, 31, 69})
    EXPECT_TRUE(at::equal(op::rms_norm(x.narrow(0, row, 1), w, 1e-5), all.narrow(0, row, 1))) << row;
}

TEST(RmsNorm, gradient_by_central_differences) {
  expect_gradients([](auto const& in) { return op::rms_norm(in[0], in[1], 1e-5); }, {random({3, 5}, 8), random({5}, 9)},
                   "rms_norm");
}

TEST(PassingRmsNorm, is_the_norm_and_the_sum_with_both_gradients) {
  for (auto dtype : {at::kFloat, at::kBFloat16})
    for (auto cols : lengths)
      for (bool residual : {false, true}) {
        std::int64_t const rows = 35;
        auto const x = random({rows, cols}, 1, dtype).requires_grad_(), w = random({cols}, 2, dtype).requires_grad_();
        auto const add = residual ? random({rows, cols}, 5, dtype).requires_grad_() : at::Tensor();
        auto const dy = random({rows, cols}, 3, dtype), dpassed = random({rows, cols}, 4, dtype);
        auto const sum = residual ? (x + add).detach() : x.detach();
        auto const x64 = sum.to(at::kDouble).requires_grad_(), w64 = w.detach().to(at::kDouble).requires_grad_();
        auto const want = norm64(x64, w64, 1e-5);
        want.backward(dy.to(at::kDouble));
        for (auto path : {Path::reference, Path::fused}) {
          With const with(path);
          auto const name = " path " + std::to_string(int(path)) + " columns " + std::to_string(cols);
          auto const out = op::passing_rms_norm(x, add, w, 1e-5);
          EXPECT_TRUE(at::equal(out.sum, sum)) << name;
          expect_near(out.normal, want, tolerance(dtype), "y" + name);
          x.mutable_grad().reset(), w.mutable_grad().reset();
          if (residual) add.mutable_grad().reset();
          torch::autograd::backward({out.sum, out.normal}, {dpassed, dy});
          auto const dx = x64.grad() + dpassed.to(at::kDouble);
          expect_near(x.grad(), dx, 4 * tolerance(dtype), "dx" + name);
          if (residual) expect_near(add.grad(), dx, 4 * tolerance(dtype), "dresidual" + name);
          expect_near(w.grad(), w64.grad(), 4 * tolerance(dtype, rows), "dw" + name);
        }
      }
}

TEST(PassingRmsNorm, the_same_bits_as_the_plain_norm_and_a_sum) {
  auto const w = random({33}, 2);
  auto const a = random({9, 33}, 1).requires_grad_(), b = a.detach().clone().requires_grad_();
  auto const dy = random({9, 33}, 3), dpassed = random({9, 33}, 4);
  auto const out = op::passing_rms_norm(a, {}, w, 1e-5);
  torch::autograd::backward({out.sum, out.normal}, {dpassed, dy});
  torch::autograd::backward({b * 1, op::rms_norm(b, w, 1e-5)}, {dpassed, dy});
  EXPECT_TRUE(at::equal(a.grad(), b.grad()));
}

TEST(RmsNorm, frozen_weight_gets_no_gradient) {
  auto const x = random({4, 8}, 1).requires_grad_(), w = random({8}, 2);
  op::rms_norm(x, w, 1e-5).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(w.grad().defined());
}

}  // namespace
}  // namespace bsft::test
