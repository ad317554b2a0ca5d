#include "trainer/model/attention.hpp"

#include <gtest/gtest.h>

#include <random>

#include "trainer/model/gemm.hpp"
#include "kernels/op/torch.hpp"

namespace bsft {
namespace {

// A random forest: every segment hangs below one of the open path's.
Forest random_forest(std::mt19937& random, int segments, int longest) {
  Forest forest;
  std::vector<std::int32_t> open;
  for (int i = 0; i < segments; ++i) {
    while (!open.empty() && random() % 3 == 0) open.pop_back();
    std::int32_t const parent = open.empty() ? -1 : open.back();
    auto const begin = static_cast<std::int32_t>(forest.tokens.size());
    forest.tokens.resize(forest.tokens.size() + 1 + random() % static_cast<unsigned>(longest));
    std::int32_t position = 0;
    if (parent >= 0)
      position = forest.segments[parent].position + forest.segments[parent].end - forest.segments[parent].begin;
    forest.segments.push_back({begin, static_cast<std::int32_t>(forest.tokens.size()), parent, position});
    open.push_back(i);
  }
  return forest;
}

// Dense mask from the definition: the path from the root.
at::Tensor dense_mask(Forest const& forest) {
  auto const count = static_cast<std::int64_t>(forest.tokens.size());
  at::Tensor const mask = at::zeros({count, count}, at::kBool);
  for (std::size_t s = 0; s < forest.segments.size(); ++s)
    for (std::int32_t row = forest.segments[s].begin; row < forest.segments[s].end; ++row) {
      mask[row].narrow(0, forest.segments[s].begin, row - forest.segments[s].begin + 1).fill_(true);
      for (std::int32_t a = forest.segments[s].parent; a >= 0; a = forest.segments[a].parent)
        mask[row].narrow(0, forest.segments[a].begin, forest.segments[a].end - forest.segments[a].begin).fill_(true);
    }
  return mask;
}

at::Tensor by_definition(at::Tensor const& q, at::Tensor const& k, at::Tensor const& v, at::Tensor const& mask) {
  std::int64_t const group = q.size(1) / k.size(1);
  at::Tensor const keys = k.repeat_interleave(group, 1), values = v.repeat_interleave(group, 1);
  at::Tensor const scores = at::einsum("qhe,khe->hqk", {q, keys}) / std::sqrt(static_cast<double>(q.size(2)));
  return at::einsum("hqk,khe->qhe", {scores.masked_fill(mask.logical_not(), -INFINITY).softmax(-1), values}).flatten(1);
}

double distance(at::Tensor const& a, at::Tensor const& b) { return (a - b).abs().max().item<double>(); }

class Case {
 public:
  Case(std::mt19937& random, Forest const& forest, std::vector<std::int32_t> const& queries, BlockLimit block)
      : plan_(std::make_shared<AttentionPlan const>(plan_attention(forest, queries, block))),
        rows_(at::tensor(plan_->rows, at::kLong)) {
    std::int64_t const kv_heads = 1 + random() % 3, heads = kv_heads * (1 + random() % 3),
                       width = 2 * (1 + random() % 20);
    auto const rows = static_cast<std::int64_t>(forest.tokens.size());
    q_ = at::randn({rows_.size(0), heads, width}).requires_grad_();
    k_ = at::randn({rows, kv_heads, width}).requires_grad_();
    v_ = at::randn({rows, kv_heads, width}).requires_grad_();
    mask_ = dense_mask(forest).index_select(0, rows_);
  }

  std::vector<at::Tensor> ours() { return all(attend(q_, k_, v_, plan_)); }
  std::vector<at::Tensor> masked() { return all(attend_by_mask(q_, k_, v_, *plan_)); }
  std::vector<at::Tensor> defined() { return all(by_definition(q_, k_, v_, mask_)); }

 private:
  std::vector<at::Tensor> all(at::Tensor const& out) {
    std::vector<at::Tensor> result{out.detach()};
    for (at::Tensor* const leaf : {&q_, &k_, &v_}) leaf->mutable_grad() = at::Tensor();
    (out * at::arange(out.numel()).view_as(out).remainder(7)).sum().backward();
    for (at::Tensor const& leaf : {q_, k_, v_}) result.push_back(leaf.grad());
    return result;
  }

  std::shared_ptr<AttentionPlan const> plan_;
  at::Tensor rows_, q_, k_, v_, mask_;
};

TEST(Attention, RandomForestsAgainstTheDefinition) {
  std::mt19937 random(1);
  at::manual_seed(1);
  for (int round = 0; round < 40; ++round) {
    Forest const forest = random_forest(random, 1 + static_cast<int>(random() % 12), round % 2 ? 5 : 50);
    std::vector<std::int32_t> queries;
    if (round % 3 == 0) {
      for (std::int32_t row = 0; row < static_cast<std::int32_t>(forest.tokens.size()); ++row)
        if (random() % 4 == 0) queries.push_back(row);
      if (queries.empty()) queries.push_back(0);
    }
    for (BlockLimit const block :
         {BlockLimit{1, 1}, BlockLimit{500, 1000}, BlockLimit{1 << 20, 7}, BlockLimit{1 << 20, 1 << 20}}) {
      Case one(random, forest, queries, block);
      auto const ours = one.ours(), masked = one.masked(), defined = one.defined();
      for (std::size_t i = 0; i < ours.size(); ++i) {
        double const tolerance = 1e-5 * std::max(1.0, defined[i].abs().max().item<double>());
        ASSERT_LE(distance(ours[i], defined[i]), tolerance)
            << "round " << round << " block " << block.scores << " output " << i;
        ASSERT_LE(distance(masked[i], defined[i]), tolerance) << "round " << round << " output " << i;
      }
    }
  }
}

TEST(Attention, ScoresOfALongTreeStayBounded) {
  Forest forest;
  forest.tokens.resize(3000);
  forest.segments = {{0, 3000, -1, 0}};
  EXPECT_LE(plan_attention(forest, {}).largest_block, std::int64_t{1} << 17);
}

TEST(Attention, TheSameBitsWhereverMemoryLies) {
  std::mt19937 random(3);
  at::manual_seed(2);
  Forest const forest = random_forest(random, 30, 40);
  Case one(random, forest, {}, {1 << 12, 128});
  int const threads = at::get_num_threads();
  for (int const count : {1, 2}) {
    at::set_num_threads(count);
    auto const first = one.ours();
    std::vector<at::Tensor> kept;
    for (int again = 0; again < 4; ++again) {
      kept.push_back(at::empty({1 + 1000 * again}));
      auto const next = one.ours();
      for (std::size_t i = 0; i < first.size(); ++i)
        EXPECT_TRUE(at::equal(first[i], next[i])) << count << " threads, output " << i;
    }
  }
  at::set_num_threads(threads);
}

TEST(Gemm, BothWaysAgainstMatmul) {
  at::manual_seed(1);
  for (std::int64_t const m : {1, 3, 17}) {
    std::int64_t const n = 5, k = 9;
    for (Layout const layout : {Layout::nt, Layout::nn, Layout::tn})
      for (float const beta : {0.0F, 1.0F})
        for (auto const product : {gemm, gemm_by_tensors}) {
          bool const ta = layout == Layout::tn, tb = layout == Layout::nt;
          at::Tensor const a = at::randn(ta ? at::IntArrayRef{k, m + 2} : at::IntArrayRef{m, k + 2}),
                           b = at::randn(tb ? at::IntArrayRef{n, k + 1} : at::IntArrayRef{k, n + 1}),
                           c = at::randn({m, n + 3});
          at::Tensor const left = ta ? a.narrow(1, 0, m).t() : a.narrow(1, 0, k),
                           right = tb ? b.narrow(1, 0, k).t() : b.narrow(1, 0, n);
          at::Tensor const expected = c.clone();
          expected.narrow(1, 0, n).mul_(beta).add_(left.mm(right), 0.5);
          product(layout, m, n, k, 0.5F, {a.data_ptr<float>(), a.size(1)}, {b.data_ptr<float>(), b.size(1)}, beta,
                  {c.data_ptr<float>(), c.size(1)});
          EXPECT_LE(distance(c, expected), 1e-5);
        }
  }
}

}  // namespace
}  // namespace bsft
