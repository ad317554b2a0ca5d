#include "tests/kernels/cases.hpp"

namespace bsft::test {
namespace {

using op::Path;

struct Case {
  at::Tensor base, behavior, ids, targets, weights;
};

// Behaviour ids partly inside the vocabulary, partly behind it; targets of both kinds.
Case make(std::int64_t rows, std::int64_t vocabulary, at::ScalarType dtype, std::uint64_t seed) {
  std::vector<std::int64_t> ids{vocabulary + 3, vocabulary};
  if (vocabulary > 2) ids.insert(ids.end(), {0, vocabulary / 2, vocabulary / 2 + 1});
  auto const count = std::int64_t(ids.size());
  Case c;
  c.base = (random({rows, vocabulary}, seed) * 4).to(dtype);
  c.behavior = (random({rows, count}, seed + 1) * 4).to(dtype);
  c.ids = at::tensor(ids, at::kLong);
  std::vector<std::int64_t> targets;
  for (std::int64_t r = 0; r < rows; ++r) targets.push_back(r % 3 == 0 ? ids[r % count] : (r * 7919) % vocabulary);
  c.targets = at::tensor(targets, at::kLong).to(device());
  c.weights = random({rows}, seed + 2).abs();
  if (rows > 1) c.weights[1].zero_();
  return c;
}

struct Outcome {
  op::RowLoss loss;
  at::Tensor dbase, dbehavior;
};

// Through a product with 1, so that the logits are an intermediate as in the model.
Outcome run(Case const& c, Path path, double factor = 1) {
  With const with(path);
  auto const base = c.base.detach().clone().requires_grad_(), behavior = c.behavior.detach().clone().requires_grad_();
  Outcome out;
  out.loss = op::masked_cross_entropy(base * 1, behavior * 1, c.ids, c.targets, c.weights);
  (out.loss.total * factor).backward();
  out.dbase = base.grad();
  out.dbehavior = behavior.grad();
  return out;
}

struct Exact {
  at::Tensor loss, entropy, correct, dbase, dbehavior;
};

Exact exact(Case const& c) {
  auto const base = c.base.to(at::kDouble).requires_grad_(), behavior = c.behavior.to(at::kDouble).requires_grad_();
  auto const vocabulary = base.size(1);
  auto const ids = c.ids.to(base.device());
  auto const logits = at::cat({base.index_fill(1, ids.masked_select(ids < vocabulary), -INFINITY), behavior}, 1);
  auto const equal = c.targets.unsqueeze(1) == ids.unsqueeze(0);
  auto const column = at::where(equal.any(1), equal.to(at::kInt).argmax(1) + vocabulary, c.targets);
  auto const log_p = at::log_softmax(logits, 1);
  auto const loss = -log_p.gather(1, column.unsqueeze(1)).squeeze(1);
  (loss * c.weights.to(at::kDouble)).sum().backward();
  auto const p = log_p.exp();
  return {loss, -at::where(p > 0, p * log_p, at::zeros_like(p)).sum(1), logits.argmax(1) == column, base.grad(),
          behavior.grad()};
}

TEST(CrossEntropy, agrees_with_fp64_on_both_paths) {
  for (auto dtype : {at::kFloat, at::kBFloat16})
    for (auto vocabulary : lengths) {
      auto const c = make(13, vocabulary, dtype, 11);
      auto const want = exact(c);
      for (auto path : {Path::reference, Path::fused}) {
        auto const got = run(c, path);
        auto const name = " path " + std::to_string(int(path)) + " columns " + std::to_string(vocabulary);
        expect_near(got.loss.loss, want.loss, 4e-6, "loss" + name);
        expect_near(got.loss.entropy, want.entropy, 1e-5, "entropy" + name);
        if (dtype == at::kFloat) {  // bf16 has ties
          EXPECT_TRUE(at::equal(got.loss.correct, want.correct)) << name;
        }
        expect_near(got.loss.total, (want.loss * c.weights.to(at::kDouble)).sum(), 4e-6, "total" + name);
        expect_near(got.dbase, want.dbase, dtype == at::kFloat ? 2e-6 : 4e-3, "dbase" + name);
        expect_near(got.dbehavior, want.dbehavior, dtype == at::kFloat ? 2e-6 : 4e-3, "dbehavior" + name);
      }
    }
}

TEST(CrossEntropy, weight_zero_gives_exactly_nothing) {
  auto c = make(6, 100, at::kFloat, 3);
  c.weights.zero_();
  c.base[2].fill_(NAN);
  for (auto path : {Path::reference, Path::fused}) {
    auto const got = run(c, path);
    EXPECT_EQ(got.loss.total.item<float>(), 0.0f);
    EXPECT_TRUE(at::equal(got.dbase, at::zeros_like(got.dbase)));
    EXPECT_TRUE(at::equal(got.dbehavior, at::zeros_like(got.dbehavior)));
  }
}

TEST(CrossEntropy, no_rows_give_exactly_nothing) {
  for (auto path : {Path::reference, Path::fused}) {
    auto const got = run(make(0, 50, at::kFloat, 3), path);
    EXPECT_EQ(got.loss.total.item<float>(), 0.0f);
    EXPECT_EQ(got.dbase.numel(), 0);
  }
}

TEST(CrossEntropy, a_masked_column_gets_exactly_no_gradient) {
  auto const c = make(4, 101, at::kFloat, 5);
  auto const got = run(c, Path::fused);
  for (std::int64_t id : {0, 50, 51}) EXPECT_EQ(got.dbase.select(1, id).abs().sum().item<float>(), 0.0f) << id;
}

TEST(CrossEntropy, the_first_of_equal_logits_is_the_argmax) {
  Case c = make(3, 40, at::kFloat, 5);
  c.base.fill_(1);
  c.behavior.fill_(1);
  c.targets = at::tensor({std::int64_t(1), std::int64_t(2), std::int64_t(43)}, at::kLong).to(device());  // 0 is masked
  for (auto path : {Path::reference, Path::fused}) {
    auto const correct = run(c, path).loss.correct.cpu();
    EXPECT_TRUE(correct[0].item<bool>());
    EXPECT_FALSE(correct[1].item<bool>());
    EXPECT_FALSE(correct[2].item<bool>());
  }
}

TEST(CrossEntropy, special_rows_as_the_reference) {
  Case c = make(6, 80, at::kFloat, 5);
  c.base[0].fill_(-INFINITY);    // only the behaviour columns are possible
  c.base[1].copy_(special(80));  // an infinity among them
  c.base[2].fill_(-3e38f);
  c.base[3].fill_(88.0f);
  c.base[4].narrow(0, 0, 40).fill_(-INFINITY);
  c.base[5].fill_(1e-40f);
  c.weights.fill_(1);
  c.targets.fill_(60);
  auto const want = run(c, Path::reference), got = run(c, Path::fused);
  expect_near(got.loss.loss, want.loss.loss, 4e-6, "loss");
  expect_near(got.dbase.index({at::tensor({3, 4, 5}, at::kLong).to(device())}),
              want.dbase.index({at::tensor({3, 4, 5}, at::kLong).to(device())}), 2e-6, "dbase");
  EXPECT_TRUE(at::equal(got.loss.correct, want.loss.correct));
}

TEST(CrossEntropy, large_vocabulary_and_offset) {
  Case c = make(3, 160001, at::kFloat, 9);
  c.base += 1000;
  c.behavior += 1000;
  auto const want = exact(c);
  auto const got = run(c, Path::fused);
  expect_near(got.loss.loss, want.loss, 1e-5, "loss");
  expect_near(got.loss.entropy, want.entropy, 1e-5, "entropy");
  expect_near(got.dbase, want.dbase, 1e-6, "dbase");
}

TEST(CrossEntropy, a_factor_above_the_total_scales_the_gradient) {
  auto const c = make(5, 60, at::kFloat, 13);
  auto const once = run(c, Path::fused), twice = run(c, Path::fused, 2);
  EXPECT_TRUE(at::equal(once.dbase * 2, twice.dbase));
  EXPECT_TRUE(at::equal(once.dbehavior * 2, twice.dbehavior));
}

TEST(CrossEntropy, without_gradients_the_logits_stay) {
  auto const c = make(5, 60, at::kFloat, 13);
  auto const before = c.base.clone();
  op::masked_cross_entropy(c.base, c.behavior, c.ids, c.targets, c.weights);
  EXPECT_TRUE(at::equal(c.base, before));
  auto const leaf = c.base.clone().requires_grad_();
  op::masked_cross_entropy(leaf, c.behavior, c.ids, c.targets, c.weights).total.backward();
  EXPECT_TRUE(at::equal(leaf.detach(), before));
  EXPECT_TRUE(leaf.grad().defined());
}

TEST(CrossEntropy, gradient_by_central_differences) {
  auto const c = make(4, 9, at::kFloat, 21);
  expect_gradients(
      [&](auto const& in) { return op::masked_cross_entropy(in[0] * 1, in[1] * 1, c.ids, c.targets, c.weights).total; },
      {random({4, 9}, 22), random({4, 5}, 23)}, "cross entropy");
}

TEST(CrossEntropy, no_behaviours) {
  auto c = make(4, 33, at::kFloat, 31);
  c.ids = at::empty({0}, at::kLong);
  c.behavior = at::empty({4, 0}, c.base.options());
  c.targets.fill_(7);
  auto const got = run(c, Path::fused);
  expect_near(got.loss.loss, run(c, Path::reference).loss.loss, 4e-6, "loss");
}

}  // namespace
}  // namespace bsft::test
