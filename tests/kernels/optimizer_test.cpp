#include <fstream>
#include <nlohmann/json.hpp>

#include "kernels/body/squared_norm.hpp"
#include "tests/kernels/cases.hpp"

namespace bsft::test {
namespace {

using op::Path;

at::Tensor tensor(nlohmann::json const& values) {
  return at::tensor(values.get<std::vector<double>>(), at::kFloat).to(device());
}

TEST(AdamW, agrees_with_torch_optim) {
  std::ifstream file("tests/kernels/adamw_golden.json");
  auto const golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden["magic"], "bsft adamw golden");
  ASSERT_EQ(golden["version"], 1);
  auto const& s = golden["settings"];
  for (auto path : {Path::reference, Path::fused}) {
    With const with(path);
    auto const p = tensor(golden["start"]), m = at::zeros_like(p), v = at::zeros_like(p);
    std::int64_t step = 0;
    for (auto const& want : golden["steps"]) {
      op::adamw(p, tensor(want["gradient"]), m, v,
                {s["lr"], s["betas"][0], s["betas"][1], s["eps"], s["weight_decay"], ++step, golden["gradient_scale"]});
      auto const name = " step " + std::to_string(step) + " path " + std::to_string(int(path));
      expect_near(p, tensor(want["p"]), 2e-7, "p" + name);
      expect_near(m, tensor(want["m"]), 2e-7, "m" + name);
      expect_near(v, tensor(want["v"]), 2e-7, "v" + name);
    }
  }
}

TEST(AdamW, every_length) {
  for (auto n : lengths) {
    auto const g = random({n}, 2);
    at::Tensor state[2][3];
    for (auto path : {Path::reference, Path::fused}) {
      With const with(path);
      auto& [p, m, v] = state[int(path)];
      p = random({n}, 1), m = random({n}, 3), v = random({n}, 4).abs();
      op::adamw(p, g, m, v, {1e-2, 0.9, 0.999, 1e-8, 0.01, 3, 0.5});
    }
    for (int i = 0; i < 3; ++i) expect_near(state[0][i], state[1][i], 3e-7, std::to_string(n));
  }
}

TEST(AdamW, touches_nothing_behind_its_end) {
  auto const all = at::full({64}, 7.0f, at::kFloat).to(device());
  auto const part = all.narrow(0, 0, 33);
  op::adamw(part, random({33}, 1), at::zeros({33}, part.options()), at::zeros({33}, part.options()),
            {1, 0.9, 0.9, 1e-8, 0, 1, 1});
  EXPECT_TRUE(at::equal(all.narrow(0, 33, 31), at::full({31}, 7.0f, all.options())));
  EXPECT_FALSE(at::equal(part, at::full({33}, 7.0f, all.options())));
}

TEST(SquaredNorm, agrees_with_fp64) {
  std::vector<std::int64_t> sizes(std::begin(lengths), std::end(lengths));
  auto const block = kernel::SquaredNorm::block_elements;
  sizes.insert(sizes.end(), {0, block - 1, block, block + 1, 3 * block + 17, 2000003});
  for (auto n : sizes) {
    auto const x = random({n}, 5);
    double const want = x.to(at::kDouble).square().sum().item<double>();
    for (auto path : {Path::reference, Path::fused}) {
      With const with(path);
      EXPECT_NEAR(op::squared_norm(x), want, 1e-13 * want) << n;
    }
  }
}

TEST(SquaredNorm, large_and_not_finite) {
  EXPECT_NEAR(op::squared_norm(at::full({3}, 1e25f, at::kFloat).to(device())), 3 * std::pow(double(1e25f), 2), 1e38);
  EXPECT_EQ(op::squared_norm(at::full({3}, INFINITY, at::kFloat).to(device())), INFINITY);
  EXPECT_TRUE(std::isnan(op::squared_norm(at::full({3}, NAN, at::kFloat).to(device()))));
}

}  // namespace
}  // namespace bsft::test
