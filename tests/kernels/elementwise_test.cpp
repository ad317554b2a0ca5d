#include "tests/kernels/cases.hpp"

namespace bsft::test {
namespace {

using op::Path;

at::Tensor rope64(at::Tensor const& x, at::Tensor const& c, at::Tensor const& s) {
  auto const half = x.to(at::kDouble).chunk(2, 2);
  auto const cosine = c.to(at::kDouble).unsqueeze(1), sine = s.to(at::kDouble).unsqueeze(1);
  return at::cat({half[0] * cosine - half[1] * sine, half[1] * cosine + half[0] * sine}, 2);
}

at::Tensor swiglu64(at::Tensor const& g, at::Tensor const& u) {
  return at::silu(g.to(at::kDouble)) * u.to(at::kDouble);
}

TEST(Rope, agrees_with_fp64_on_both_paths) {
  for (auto dtype : {at::kFloat, at::kBFloat16})
    for (auto half : lengths) {
      auto const x = random({5, 3, 2 * half}, 1, dtype).requires_grad_();
      auto const angle = random({5, half}, 2);
      auto const c = angle.cos(), s = angle.sin(), dy = random({5, 3, 2 * half}, 3, dtype);
      auto const x64 = x.detach().to(at::kDouble).requires_grad_();
      auto const want = rope64(x64, c, s);
      want.backward(dy.to(at::kDouble));
      for (auto path : {Path::reference, Path::fused}) {
        With const with(path);
        auto const y = op::rope(x, c, s);
        EXPECT_EQ(y.scalar_type(), dtype);
        expect_near(y, want, tolerance(dtype), "y, half " + std::to_string(half));
        x.mutable_grad().reset();
        y.backward(dy);
        expect_near(x.grad(), x64.grad(), tolerance(dtype), "dx, half " + std::to_string(half));
      }
    }
}

TEST(Rope, interleaved_pairs_are_halves_dealt_out) {
  for (auto dtype : {at::kFloat, at::kBFloat16})
    for (auto half : lengths) {
      auto const x = random({5, 3, 2 * half}, 1, dtype).requires_grad_();
      auto const angle = random({5, half}, 2);
      auto const c = angle.cos(), s = angle.sin(), dy = random({5, 3, 2 * half}, 3, dtype);
      auto const gathered = [&](at::Tensor const& y) { return y.unflatten(2, {half, 2}).transpose(2, 3).flatten(2); };
      auto const want = rope64(gathered(x.detach()), c, s);
      for (auto path : {Path::reference, Path::fused}) {
        With const with(path);
        auto const name = " path " + std::to_string(int(path)) + " half " + std::to_string(half);
        auto const y = op::rope(x, c, s, op::RopeLayout::interleaved);
        expect_near(gathered(y), want, tolerance(dtype), "y" + name);
        x.mutable_grad().reset();
        y.backward(dy);
        expect_near(gathered(x.grad()), rope64(gathered(dy), c, -s), tolerance(dtype), "dx" + name);
      }
    }
}

TEST(Rope, takes_a_slice_of_a_fused_projection) {
  auto const all = random({7, 10 * 16}, 4), angle = random({7, 8}, 5);
  auto const slice = all.narrow(1, 32, 4 * 16).view({7, 4, 16});
  expect_near(op::rope(slice, angle.cos(), angle.sin()), rope64(slice, angle.cos(), angle.sin()), 1e-6, "slice");
  auto const turned = random({4, 7, 16}, 6).transpose(0, 1);
  expect_near(op::rope(turned, angle.cos(), angle.sin()), rope64(turned, angle.cos(), angle.sin()), 1e-6, "transposed");
}

TEST(Rope, gradient_by_central_differences) {
  auto const angle = random({2, 3}, 7);
  expect_gradients([&](auto const& in) { return op::rope(in[0], angle.cos(), angle.sin()); }, {random({2, 2, 6}, 8)},
                   "rope");
}

TEST(Swiglu, agrees_with_fp64_on_both_paths) {
  for (auto dtype : {at::kFloat, at::kBFloat16})
    for (auto cols : lengths) {
      auto const g = (random({5, cols}, 1) * 3).to(dtype).requires_grad_(),
                 u = random({5, cols}, 2, dtype).requires_grad_();
      auto const dy = random({5, cols}, 3, dtype);
      auto const g64 = g.detach().to(at::kDouble).requires_grad_(), u64 = u.detach().to(at::kDouble).requires_grad_();
      auto const want = swiglu64(g64, u64);
      want.backward(dy.to(at::kDouble));
      for (auto path : {Path::reference, Path::fused}) {
        With const with(path);
        auto const name = " path " + std::to_string(int(path)) + " columns " + std::to_string(cols);
        auto const y = op::swiglu(g, u);
        expect_near(y, want, tolerance(dtype), "y" + name);
        g.mutable_grad().reset(), u.mutable_grad().reset();
        y.backward(dy);
        expect_near(g.grad(), g64.grad(), 3 * tolerance(dtype), "dgate" + name);
        expect_near(u.grad(), u64.grad(), tolerance(dtype), "dup" + name);
      }
    }
}

TEST(Swiglu, special_values_as_the_reference) {
  auto const g = special(67).unsqueeze(0), u = special(67).flip(0).unsqueeze(0);
  at::Tensor want, got;
  {
    With const with(Path::reference);
    want = op::swiglu(g, u);
  }
  got = op::swiglu(g, u);
  expect_near(got, want, 1e-6, "special");
}

TEST(Swiglu, takes_halves_of_a_fused_projection) {
  auto const both = random({9, 2 * 37}, 5).requires_grad_();
  auto const part = both.chunk(2, 1);
  auto const y = op::swiglu(part[0], part[1]);
  expect_near(y, swiglu64(part[0], part[1]), 1e-6, "halves");
  y.sum().backward();
  auto const got = both.grad().clone();
  both.mutable_grad().reset();
  With const with(Path::reference);
  auto const again = both.chunk(2, 1);
  op::swiglu(again[0], again[1]).sum().backward();
  expect_near(got, both.grad(), 1e-6, "gradient of halves");
}

TEST(Swiglu, gradient_by_central_differences) {
  expect_gradients([](auto const& in) { return op::swiglu(in[0], in[1]); }, {random({2, 5}, 8), random({2, 5}, 9)},
                   "swiglu");
}

TEST(CastScale, rounds_to_nearest_and_widens) {
  auto const factor = at::full({1}, 0.37f).to(device());
  for (auto path : {Path::reference, Path::fused}) {
    With const with(path);
    for (auto n : lengths) {
      auto const x = random({n}, 1);
      EXPECT_TRUE(at::equal(op::cast_scale(x, factor), (x * 0.37f).to(at::kBFloat16))) << n;
      auto const narrow = x.to(at::kBFloat16);
      EXPECT_TRUE(at::equal(op::cast_scale(narrow, factor), narrow.to(at::kFloat) * 0.37f)) << n;
    }
    auto const x = special(32);
    EXPECT_TRUE(at::equal(op::cast_scale(x, at::ones({1}).to(device())), x.to(at::kBFloat16)));
  }
}

TEST(Elementwise, nothing_is_a_result_too) {
  auto const none = random({0, 8}, 1).requires_grad_();
  auto const y = op::swiglu(none, none);
  EXPECT_EQ(y.sizes(), at::IntArrayRef({0, 8}));
  y.sum().backward();
  EXPECT_EQ(op::rope(random({0, 2, 8}, 1), random({0, 4}, 1), random({0, 4}, 1)).size(0), 0);
}

}  // namespace
}  // namespace bsft::test
