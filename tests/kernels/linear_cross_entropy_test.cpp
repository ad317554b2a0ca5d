#include "data/base/error.hpp"
#include "tests/kernels/cases.hpp"
#include "tests/kernels/peak_memory.hpp"

namespace bsft::test {
namespace {

using op::Path;

constexpr Path paths[] = {Path::reference, Path::fused};

struct Case {
  at::Tensor hidden, head, behavior_head, ids, targets, weights;
};

// Behaviour ids partly inside the vocabulary, partly behind it; targets of both kinds; one row of weight 0.
Case make(std::int64_t rows, std::int64_t vocabulary, std::int64_t width, std::uint64_t seed,
          at::ScalarType dtype = at::kFloat) {
  std::vector<std::int64_t> ids{vocabulary + 3, vocabulary};
  if (vocabulary > 2) ids.insert(ids.end(), {0, vocabulary / 2, vocabulary / 2 + 1});
  auto const count = std::int64_t(ids.size());
  double const scale = 2 / std::sqrt(double(width));
  Case c;
  c.hidden = random({rows, width}, seed, dtype);
  c.head = (random({vocabulary, width}, seed + 1) * scale).to(dtype);
  c.behavior_head = (random({count, width}, seed + 2) * scale).to(dtype);
  c.ids = at::tensor(ids, at::kLong);
  std::vector<std::int64_t> targets;
  for (std::int64_t r = 0; r < rows; ++r) targets.push_back(r % 3 == 0 ? ids[r % count] : (r * 7919) % vocabulary);
  c.targets = at::tensor(targets, at::kLong).to(device());
  c.weights = random({rows}, seed + 3).abs();
  if (rows > 1) c.weights[1].zero_();
  return c;
}

// Where the heads' gradients go.
enum class Into { autograd, given };

struct Outcome {
  op::RowLoss loss;
  at::Tensor d_hidden, d_head, d_behavior_head;
};

Outcome run(Case const& c, Path path, Into into, std::int64_t chunk = 0, double factor = 1) {
  With const with(path);
  auto const leaf = [](at::Tensor const& x) { return x.detach().clone().requires_grad_(); };
  auto const hidden = leaf(c.hidden), head = leaf(c.head), behavior_head = leaf(c.behavior_head);
  op::HeadGradients sums;
  if (into == Into::given) sums = {at::zeros_like(c.head), at::zeros_like(c.behavior_head)};
  Outcome out;
  out.loss = op::masked_linear_cross_entropy(hidden, head, behavior_head, c.ids, c.targets, c.weights, sums, chunk);
  (out.loss.total * factor).backward();
  out.d_hidden = hidden.grad();
  out.d_head = into == Into::given ? sums.head : head.grad();
  out.d_behavior_head = into == Into::given ? sums.behavior_head : behavior_head.grad();
  EXPECT_EQ(head.grad().defined(), into == Into::autograd);
  return out;
}

struct Exact {
  at::Tensor loss, entropy, correct, behavior, total, d_hidden, d_head, d_behavior_head;
};

Exact exact(Case const& c) {
  auto const leaf = [](at::Tensor const& x) { return x.to(at::kDouble).detach().requires_grad_(); };
  auto const hidden = leaf(c.hidden), head = leaf(c.head), behavior_head = leaf(c.behavior_head);
  auto const vocabulary = head.size(0);
  auto const ids = c.ids.to(hidden.device());
  auto const base = at::mm(hidden, head.t()).index_fill(1, ids.masked_select(ids < vocabulary), -INFINITY);
  auto const logits = at::cat({base, at::mm(hidden, behavior_head.t())}, 1);
  auto const equal = c.targets.unsqueeze(1) == ids.unsqueeze(0);
  auto const column = at::where(equal.any(1), equal.to(at::kInt).argmax(1) + vocabulary, c.targets);
  auto const log_p = at::log_softmax(logits, 1);
  auto const loss = -log_p.gather(1, column.unsqueeze(1)).squeeze(1);
  auto const total = (loss * c.weights.to(at::kDouble)).sum();
  total.backward();
  auto const p = log_p.exp();
  return {loss,
          -at::where(p > 0, p * log_p, at::zeros_like(p)).sum(1),
          logits.argmax(1) == column,
          equal.any(1),
          total,
          hidden.grad(),
          head.grad(),
          behavior_head.grad()};
}

void expect_same(Outcome const& got, Exact const& want, double loss, double gradient, std::string const& name) {
  expect_near(got.loss.loss, want.loss, loss, "loss" + name);
  expect_near(got.loss.entropy, want.entropy, loss, "entropy" + name);
  expect_near(got.loss.total, want.total, loss, "total" + name);
  EXPECT_TRUE(at::equal(got.loss.behavior, want.behavior)) << "behavior" << name;
  expect_near(got.d_hidden, want.d_hidden, gradient, "d_hidden" + name);
  expect_near(got.d_head, want.d_head, gradient, "d_head" + name);
  expect_near(got.d_behavior_head, want.d_behavior_head, gradient, "d_behavior_head" + name);
}

TEST(LinearCrossEntropy, agrees_with_fp64_at_every_length_and_chunk) {
  for (auto vocabulary : lengths) {
    auto const c = make(13, vocabulary, 33, 11);
    auto const want = exact(c);
    for (auto path : paths)
      for (auto into : {Into::autograd, Into::given})
        for (std::int64_t chunk : {0, 1, 4, 12, 13, 14}) {
          if (path == Path::reference && chunk != 0) continue;  // it has none
          auto const got = run(c, path, into, chunk);
          auto const name = " path " + std::to_string(int(path)) + " into " + std::to_string(int(into)) + " columns " +
                            std::to_string(vocabulary) + " chunk " + std::to_string(chunk);
          expect_same(got, want, 4e-6, 4e-6, name);
          EXPECT_TRUE(at::equal(got.loss.correct, want.correct)) << name;
        }
  }
}

TEST(LinearCrossEntropy, agrees_with_fp64_at_every_number_of_rows_and_width) {
  for (auto rows : lengths) {
    auto const c = make(rows, 57, 7, 13);
    expect_same(run(c, Path::fused, Into::given, 32), exact(c), 4e-6, 2e-5, " rows " + std::to_string(rows));
  }
  for (auto width : lengths) {
    auto const c = make(9, 57, width, 17);
    expect_same(run(c, Path::fused, Into::given, 4), exact(c), 4e-6, 4e-6, " width " + std::to_string(width));
  }
}

TEST(LinearCrossEntropy, bf16_agrees_with_fp64) {
  for (auto vocabulary : lengths) {
    auto const c = make(13, vocabulary, 33, 19, at::kBFloat16);
    for (auto path : paths)
      expect_same(run(c, path, Into::given, 5), exact(c), 4e-2, 4e-2, " columns " + std::to_string(vocabulary));
  }
}

TEST(LinearCrossEntropy, sums_stay_fp32_at_a_large_vocabulary) {
  for (auto dtype : {at::kFloat, at::kBFloat16}) {
    auto const c = make(3, 160001, 24, 23, dtype);
    bool const fp32 = dtype == at::kFloat;
    expect_same(run(c, Path::fused, Into::given, 2), exact(c), fp32 ? 4e-6 : 2e-2,
                fp32 ? 2 * tolerance(dtype, 160001) : 1e-2, " large vocabulary");
  }
  auto c = make(3, 160001, 24, 23, at::kBFloat16);
  c.hidden.zero_();  // all logits equal: log (V + K - 3 masked) exactly, whatever the storage
  c.weights.fill_(1);
  auto const got = run(c, Path::fused, Into::given, 2);
  double const want = std::log(160001.0 + 5 - 3);
  expect_near(got.loss.loss, at::full({3}, want, at::kDouble), 1e-6, "loss");
  expect_near(got.loss.entropy, at::full({3}, want, at::kDouble), 1e-6, "entropy");
}

// A thousand rows, one a chunk, each adding 1/512 of the same hidden state: in bf16 the sum would stop at 1/2.
TEST(LinearCrossEntropy, bf16_gradients_add_up_in_fp32_over_chunks) {
  auto c = make(1000, 2, 1, 29, at::kBFloat16);
  c.head.zero_(), c.behavior_head.zero_();
  c.hidden.fill_(1), c.weights.fill_(1.0 / 256), c.targets.zero_();
  c.ids = at::empty({0}, at::kLong);
  c.behavior_head = at::empty({0, 1}, c.head.options());
  auto const got = run(c, Path::fused, Into::autograd, 1);
  expect_near(got.d_head, at::tensor({-1.953125, 1.953125}).unsqueeze(1), 4e-3, "d_head");
  With const with(Path::fused);
  auto const sum = at::zeros({2, 1}, c.hidden.options().dtype(at::kFloat));
  auto const head = c.head.clone().requires_grad_();
  op::masked_linear_cross_entropy(c.hidden, head, c.behavior_head, c.ids, c.targets, c.weights, {sum, {}}, 1);
  expect_near(sum, at::tensor({-1.953125, 1.953125}).unsqueeze(1), 1e-6, "fp32 into for a bf16 head");
}

TEST(LinearCrossEntropy, gradient_by_central_differences) {
  auto const c = make(4, 9, 3, 31);
  expect_gradients(
      [&](auto const& in) {
        return op::masked_linear_cross_entropy(in[0], in[1], in[2], c.ids, c.targets, c.weights, {}, 3).total;
      },
      {c.hidden, c.head, c.behavior_head}, "linear cross entropy");
}

TEST(LinearCrossEntropy, no_rows_give_exactly_nothing) {
  for (auto path : paths)
    for (auto into : {Into::autograd, Into::given}) {
      auto const got = run(make(0, 50, 8, 3), path, into);
      EXPECT_EQ(got.loss.total.item<float>(), 0.0f);
      EXPECT_EQ(got.d_hidden.numel(), 0);
      EXPECT_EQ(got.loss.behavior.numel(), 0);
      for (auto const& d : {got.d_head, got.d_behavior_head}) EXPECT_TRUE(at::equal(d, at::zeros_like(d)));
    }
}

TEST(LinearCrossEntropy, weight_zero_gives_exactly_nothing) {
  auto c = make(6, 100, 8, 3);
  c.weights.zero_();
  for (auto path : paths)
    for (auto into : {Into::autograd, Into::given}) {
      auto const got = run(c, path, into, 4);
      EXPECT_EQ(got.loss.total.item<float>(), 0.0f);
      for (auto const& d : {got.d_hidden, got.d_head, got.d_behavior_head})
        EXPECT_TRUE(at::equal(d, at::zeros_like(d)));
    }
}

// The table is embedding and head: both add to one gradient.
TEST(LinearCrossEntropy, tied_head) {
  auto const c = make(6, 40, 8, 37);
  auto const tokens = at::tensor({1, 2, 3, 2, 43, 20}, at::kLong).to(device());
  auto const loss = [&](at::Tensor const& table, at::Tensor const& rows, at::Tensor const& sum,
                        at::Tensor const& more) {
    auto const hidden = op::behavior_embedding(tokens, table, rows, c.ids, sum);
    op::masked_linear_cross_entropy(hidden, table, rows, c.ids, c.targets, c.weights, {sum, more}, 4).total.backward();
  };
  auto const plain = c.head.to(at::kFloat).clone().requires_grad_(), rows = c.behavior_head.clone().requires_grad_();
  {
    With const with(Path::reference);
    loss(plain, rows, {}, {});
  }
  for (auto path : paths) {
    With const with(path);
    auto const sum = at::zeros_like(c.head), more = at::zeros_like(c.behavior_head);
    auto const table = c.head.clone().requires_grad_(), own = c.behavior_head.clone().requires_grad_();
    loss(table, own, sum, more);
    EXPECT_FALSE(table.grad().defined());
    expect_near(sum, plain.grad(), 4e-6, "table");
    expect_near(more + own.grad(), rows.grad(), 4e-6, "rows, as head and as embedding");
  }
}

TEST(LinearCrossEntropy, a_frozen_head_costs_no_gradient) {
  auto const c = make(6, 4000, 8, 41);
  auto const want = exact(c);
  auto& memory = PeakMemory::install();
  for (auto path : paths) {
    With const with(path);
    auto const hidden = c.hidden.clone().requires_grad_(), rows = c.behavior_head.clone().requires_grad_();
    auto const sum = at::zeros_like(c.head);
    memory.reset();
    op::masked_linear_cross_entropy(hidden, c.head, rows, c.ids, c.targets, c.weights, {sum, {}}, 2).total.backward();
    auto const largest = memory.largest();
    expect_near(hidden.grad(), want.d_hidden, 4e-6, "d_hidden");
    expect_near(rows.grad(), want.d_behavior_head, 4e-6, "d_behavior_head");
    EXPECT_EQ(sum.abs().sum().item<float>(), 0.0f) << "into of a frozen head";
    if (path == Path::fused && c.head.is_cpu()) {
      EXPECT_LT(largest, std::int64_t(c.head.nbytes())) << "a gradient of the head was made";
    }
  }
}

TEST(LinearCrossEntropy, no_tensor_of_rows_by_vocabulary) {
  if (!device().is_cpu()) GTEST_SKIP() << "counts the CPU's tensors";
  constexpr std::int64_t rows = 1000, vocabulary = 3000, chunk = 100;
  auto const c = make(rows, vocabulary, 16, 43);
  auto& memory = PeakMemory::install();
  With const with(Path::fused);
  auto const hidden = c.hidden.clone().requires_grad_(), head = c.head.clone().requires_grad_(),
             own = c.behavior_head.clone().requires_grad_();
  op::HeadGradients const into{at::zeros_like(c.head), at::zeros_like(c.behavior_head)};
  memory.reset();
  op::masked_linear_cross_entropy(hidden, head, own, c.ids, c.targets, c.weights, into, chunk).total.backward();
  constexpr std::int64_t buffer = chunk * vocabulary * 4;
  EXPECT_EQ(memory.largest(), buffer) << "the one buffer of logits";
  EXPECT_LT(memory.peak(), buffer * 3 / 2);
}

TEST(LinearCrossEntropy, a_factor_scales_what_goes_through_autograd_and_is_refused_where_it_cannot) {
  auto const c = make(5, 60, 8, 47);
  for (auto path : paths) {
    auto const once = run(c, path, Into::autograd, 2), twice = run(c, path, Into::autograd, 2, 2);
    EXPECT_TRUE(at::equal(once.d_hidden * 2, twice.d_hidden));
    EXPECT_TRUE(at::equal(once.d_head * 2, twice.d_head));
    EXPECT_TRUE(at::equal(once.d_behavior_head * 2, twice.d_behavior_head));
    if (!device().is_cpu()) {
      EXPECT_TRUE(run(c, path, Into::given, 2, 2).d_hidden.isnan().all().item<bool>());
      continue;
    }
    try {
      run(c, path, Into::given, 2, 2);
      ADD_FAILURE() << "accepted";
    } catch (Invalid const& error) {
      EXPECT_NE(std::string(error.what()).find(": total"), std::string::npos) << error.what();
    }
  }
}

TEST(LinearCrossEntropy, without_gradients_nothing_is_added) {
  auto const c = make(5, 60, 8, 53);
  for (auto path : paths) {
    With const with(path);
    auto const head = c.head.clone().requires_grad_(), own = c.behavior_head.clone().requires_grad_();
    op::HeadGradients const into{at::zeros_like(c.head), at::zeros_like(c.behavior_head)};
    at::NoGradGuard const guard;
    auto const got = op::masked_linear_cross_entropy(c.hidden, head, own, c.ids, c.targets, c.weights, into, 2);
    EXPECT_FALSE(got.total.requires_grad());
    EXPECT_EQ(into.head.abs().sum().item<float>(), 0.0f);
    EXPECT_EQ(into.behavior_head.abs().sum().item<float>(), 0.0f);
  }
}

}  // namespace
}  // namespace bsft::test
