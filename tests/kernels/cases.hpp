// What the kernel tests share: lengths, values, fp64 comparison, central differences.
#pragma once

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "kernels/op/op.hpp"
#include "kernels/op/torch.hpp"

namespace bsft::test {

inline constexpr std::int64_t lengths[] = {1, 3, 31, 32, 33, 255, 256, 257, 1003};

// The device under test: the CPU, or CUDA where BSFT_TEST_DEVICE=cuda (tests/gpu/run.sh).
inline at::Device device() {
  char const* const name = std::getenv("BSFT_TEST_DEVICE");
  return at::Device(name ? name : "cpu");
}

// Runs its scope on one path.
class With {
 public:
  explicit With(op::Path path) : before_(op::path()) { op::use(path); }
  ~With() { op::use(before_); }

 private:
  op::Path before_;
};

// Normal values, the same for the same sizes and seed.
inline at::Tensor random(at::IntArrayRef sizes, std::uint64_t seed, at::ScalarType dtype = at::kFloat) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(sizes, generator, at::TensorOptions(at::kFloat)).to(dtype).to(device());
}

// ±0, ±inf, NaN-free extremes, subnormals and a run of equal values, repeated to n.
inline at::Tensor special(std::int64_t n) {
  float const inf = std::numeric_limits<float>::infinity();
  float const values[] = {0.0f,  -0.0f,  1.0f,  -1.0f,  inf,    -inf, 1e-40f, -1e-40f,
                          3e38f, -3e38f, 88.0f, -88.0f, 1e-30f, 5.0f, 5.0f,   5.0f};
  auto x = at::empty({n}, at::kFloat);
  for (std::int64_t i = 0; i < n; ++i) x.data_ptr<float>()[i] = values[i % 16];
  return x.to(device());
}

// Relative to the largest value around 1: |got - want| <= tolerance * max(1, |want|), NaN equal to NaN.
inline void expect_near(at::Tensor const& got, at::Tensor const& want, double tolerance, std::string const& what) {
  ASSERT_EQ(got.sizes(), want.sizes()) << what;
  if (got.numel() == 0) return;
  auto const a = got.detach().to(at::kCPU, at::kDouble), b = want.detach().to(at::kCPU, at::kDouble);
  auto const same = (a == b) | (a.isnan() & b.isnan());
  auto const error = ((a - b).abs() / b.abs().clamp_min(1)).masked_fill(same, 0);
  double const worst = error.nan_to_num(INFINITY, INFINITY).max().item<double>();
  EXPECT_LE(worst, tolerance) << what;
}

// Rounding of the storage, times what the length of a sum adds.
inline double tolerance(at::ScalarType dtype, std::int64_t summed = 1) {
  double const unit = dtype == at::kBFloat16 ? 1.0 / 128 : 4e-7;
  return unit * (1 + 0.2 * std::sqrt(double(summed)));
}

// d sum(f(inputs) probe) / d inputs[i] by central differences in fp32, compared with autograd.
inline void expect_gradients(std::function<at::Tensor(std::vector<at::Tensor> const&)> const& f,
                             std::vector<at::Tensor> inputs, std::string const& what, double tolerance = 3e-3) {
  for (auto& input : inputs) input = input.detach().clone().requires_grad_();
  auto const y = f(inputs);
  auto const probe = random(y.sizes(), 99);
  (y * probe).sum().backward();
  at::NoGradGuard const guard;
  constexpr double h = 1.0 / 64;
  auto const value = [&] { return (f(inputs).to(at::kDouble) * probe.to(at::kDouble)).sum().item<double>(); };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto flat = inputs[i].view({-1});
    auto const gradient = inputs[i].grad().defined() ? inputs[i].grad().reshape({-1}) : at::zeros_like(flat);
    for (std::int64_t j = 0; j < flat.numel(); ++j) {
      double const x = flat[j].item<double>();
      flat[j].fill_(x + h);
      double const above = value();
      flat[j].fill_(x - h);
      double const below = value();
      flat[j].fill_(x);
      double const want = (above - below) / (2 * h);
      EXPECT_NEAR(gradient[j].item<double>(), want, tolerance * std::max(1.0, std::fabs(want)))
          << what << ", input " << i << " element " << j;
    }
  }
}

}  // namespace bsft::test
