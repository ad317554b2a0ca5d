#include "tests/kernels/cases.hpp"

namespace bsft::test {
namespace {

using op::Path;

struct Case {
  at::Tensor ids, base, rows, behavior_ids;
};

Case make(std::int64_t tokens, std::int64_t cols, at::ScalarType dtype) {
  std::int64_t const vocabulary = 23;
  Case c;
  c.behavior_ids = at::tensor({std::int64_t(29), std::int64_t(5), std::int64_t(23)}, at::kLong);
  std::vector<std::int64_t> ids;
  for (std::int64_t t = 0; t < tokens; ++t)
    ids.push_back(t % 5 == 2 ? c.behavior_ids[t % 3].item<std::int64_t>() : (t * 13) % vocabulary);
  c.ids = at::tensor(ids, at::kLong).to(device());
  c.base = random({vocabulary, cols}, 1, dtype);
  c.rows = random({3, cols}, 2, dtype);
  return c;
}

TEST(BehaviorEmbedding, agrees_with_the_reference_bit_for_bit) {
  for (auto dtype : {at::kFloat, at::kBFloat16})
    for (auto cols : lengths) {
      auto const c = make(57, cols, dtype);
      With const with(Path::reference);
      auto const want = op::behavior_embedding(c.ids, c.base, c.rows, c.behavior_ids);
      op::use(Path::fused);
      EXPECT_TRUE(at::equal(op::behavior_embedding(c.ids, c.base, c.rows, c.behavior_ids), want)) << cols;
      EXPECT_TRUE(at::equal(want[2], c.rows[2]));
    }
}

TEST(BehaviorEmbedding, gradients_agree_with_fp64) {
  for (auto dtype : {at::kFloat, at::kBFloat16})
    for (auto cols : lengths) {
      auto const c = make(57, cols, dtype);
      auto const dy = random({57, cols}, 3, dtype);
      auto dbase = at::zeros({23, cols}, at::kDouble), drows = at::zeros({3, cols}, at::kDouble);
      for (std::int64_t t = 0; t < 57; ++t) {
        auto const k = (c.behavior_ids == c.ids[t].item<std::int64_t>()).nonzero();
        auto row = k.numel() ? drows[k.item<std::int64_t>()] : dbase[c.ids[t].item<std::int64_t>()];
        row += dy[t].to(at::kCPU, at::kDouble);
      }
      for (auto path : {Path::reference, Path::fused}) {
        With const with(path);
        auto const base = c.base.clone().requires_grad_(), rows = c.rows.clone().requires_grad_();
        op::behavior_embedding(c.ids, base, rows, c.behavior_ids).backward(dy);
        double const bound = path == Path::fused ? tolerance(dtype, 4) : 4 * tolerance(dtype, 57);
        expect_near(base.grad(), dbase, bound, "dbase " + std::to_string(cols));
        expect_near(rows.grad(), drows, bound, "drows " + std::to_string(cols));
      }
    }
}

TEST(BehaviorEmbedding, adds_into_a_given_gradient) {
  auto const c = make(40, 33, at::kFloat);
  auto const dy = random({40, 33}, 3);
  for (auto path : {Path::reference, Path::fused}) {
    With const with(path);
    auto const base = c.base.clone().requires_grad_(), rows = c.rows.clone().requires_grad_();
    op::behavior_embedding(c.ids, base, rows, c.behavior_ids).backward(dy);
    auto const base2 = c.base.clone().requires_grad_(), rows2 = c.rows.clone().requires_grad_();
    auto const given = at::ones_like(c.base);
    op::behavior_embedding(c.ids, base2, rows2, c.behavior_ids, given).backward(dy);
    expect_near(given, base.grad() + 1, 1e-6, "given");
    EXPECT_FALSE(base2.grad().defined());
    EXPECT_TRUE(at::equal(rows.grad(), rows2.grad()));
  }
}

TEST(BehaviorEmbedding, a_dial_mixes_two_behaviours) {
  for (auto dtype : {at::kFloat, at::kBFloat16}) {
    auto const c = make(57, 33, dtype);
    auto const toward = at::arange(57).remainder(4).sub(1).to(device()), share = at::linspace(0, 1, 57).to(device());
    for (auto path : {Path::reference, Path::fused}) {
      With const with(path);
      auto const plain = op::behavior_embedding(c.ids, c.base, c.rows, c.behavior_ids);
      auto const y = op::behavior_embedding(c.ids, c.base, c.rows, c.behavior_ids, {}, {toward, share});
      for (std::int64_t t = 0; t < 57; ++t) {
        bool const turned = (c.behavior_ids == c.ids[t].item<std::int64_t>()).any().item<bool>() && t % 4 != 0;
        auto const a = share[t].item<double>();
        auto const want = turned ? plain[t].to(at::kDouble) * (1 - a) + c.rows[t % 4 - 1].to(at::kDouble) * a
                                 : plain[t].to(at::kDouble);
        expect_near(y[t], want, turned ? tolerance(dtype) : 0, "token " + std::to_string(t));
      }
    }
  }
}

TEST(BehaviorEmbedding, a_frozen_base_gets_nothing) {
  auto const c = make(40, 8, at::kFloat);
  auto const rows = c.rows.clone().requires_grad_();
  op::behavior_embedding(c.ids, c.base, rows, c.behavior_ids).sum().backward();
  EXPECT_TRUE(rows.grad().defined());
  EXPECT_FALSE(c.base.grad().defined());
}

TEST(BehaviorEmbedding, no_behaviours_and_no_tokens) {
  auto const base = random({7, 4}, 1).requires_grad_(), rows = random({0, 4}, 1);
  auto const none = at::empty({0}, at::kLong);
  for (auto path : {Path::reference, Path::fused}) {
    With const with(path);
    auto const ids = at::tensor({std::int64_t(6), std::int64_t(0)}, at::kLong).to(device());
    EXPECT_TRUE(at::equal(op::behavior_embedding(ids, base, rows, none), base.index_select(0, ids)));
    EXPECT_EQ(op::behavior_embedding(none.to(device()), base, rows, none).size(0), 0);
  }
}

}  // namespace
}  // namespace bsft::test
