#include "kernels/op/loss_mask.hpp"

#include <gtest/gtest.h>

#include "data/base/error.hpp"

namespace bsft::test {
namespace {

using kernel::MaskSpan;

// Sequences of all small shapes, one after another, with gaps between some.
struct Case {
  std::vector<std::int32_t> tokens;
  std::vector<MaskSpan> spans;
};

Case make() {
  Case c;
  for (int prompt : {0, 1, 5, 300})
    for (int behavior : {0, 1, 2})
      for (int response : {0, 1, 7, 400})
        for (int end : {0, 1}) {
          auto const n = std::int32_t(c.spans.size());
          MaskSpan const s{std::int64_t(c.tokens.size()),
                           prompt,
                           prompt + behavior,
                           prompt + behavior + response,
                           prompt + behavior + response + end,
                           n % 3,
                           n % 2};
          for (std::int32_t i = 0; i < s.length + n % 2; ++i)
            c.tokens.push_back(std::int32_t(c.tokens.size() * 31 % 997));
          c.spans.push_back(s);
        }
  return c;
}

TEST(LossMask, is_what_a_plain_loop_says) {
  auto const c = make();
  std::vector<float> const task_weights{1, 0.5f, 0};
  for (float lambda : {1.0f, 0.25f, 0.0f}) {
    auto const mask = op::loss_mask(c.tokens, c.spans, task_weights, 2, lambda);
    std::vector<std::int64_t> targets(c.tokens.size(), -1);
    std::vector<float> weights(c.tokens.size(), 0);
    std::vector<kernel::MaskCell> cells(6);
    std::size_t i = 0;
    for (std::size_t b = 0; b < c.spans.size(); ++b) {
      auto const& s = c.spans[b];
      EXPECT_EQ(mask.start[b], std::int64_t(i));
      for (std::int32_t at = 1; at < s.length; ++at) {
        float const w = task_weights[s.task] * (at < s.prompt_end ? 0 : at < s.behavior_end ? lambda : 1);
        if (w == 0) continue;
        auto const t = s.begin + at - 1;
        targets[t] = c.tokens[t + 1];
        weights[t] = w;
        ASSERT_LT(i, mask.row.size());
        EXPECT_EQ(mask.row[i], t);
        EXPECT_EQ(mask.row_target[i], c.tokens[t + 1]);
        EXPECT_EQ(mask.row_weight[i], w);
        EXPECT_EQ(mask.row_channel[i], at < s.behavior_end ? 0 : at < s.response_end ? 1 : 2);
        auto& cell = cells[s.task * 2 + s.behavior];
        ++cell.rows;
        cell.behavior_rows += at < s.behavior_end;
        cell.weight += w;
        ++i;
      }
    }
    EXPECT_EQ(mask.row.size(), i);
    EXPECT_EQ(mask.start.back(), std::int64_t(i));
    EXPECT_EQ(mask.targets, targets);
    EXPECT_EQ(mask.weights, weights);
    double sum = 0;
    for (std::size_t k = 0; k < cells.size(); ++k) {
      EXPECT_EQ(mask.cells[k].rows, cells[k].rows) << k;
      EXPECT_EQ(mask.cells[k].behavior_rows, cells[k].behavior_rows) << k;
      EXPECT_DOUBLE_EQ(mask.cells[k].weight, cells[k].weight) << k;
      sum += cells[k].weight;
    }
    EXPECT_DOUBLE_EQ(mask.weight, sum);
  }
}

TEST(LossMask, nothing_gives_nothing) {
  auto const mask = op::loss_mask({}, {}, std::vector<float>{1}, 1, 1);
  EXPECT_EQ(mask.row.size(), 0u);
  EXPECT_EQ(mask.weight, 0.0);
}

TEST(LossMask, spans_outside_or_out_of_order_are_refused) {
  std::vector<std::int32_t> const tokens(10);
  std::vector<float> const weights{1};
  for (auto const& bad :
       {MaskSpan{5, 1, 2, 3, 6, 0, 0}, MaskSpan{-1, 1, 2, 3, 4, 0, 0}, MaskSpan{0, 3, 2, 4, 5, 0, 0},
        MaskSpan{0, 1, 2, 6, 5, 0, 0}, MaskSpan{0, 1, 2, 3, 4, 1, 0}, MaskSpan{0, 1, 2, 3, 4, 0, -1}}) {
    try {
      op::loss_mask(tokens, std::vector<MaskSpan>{{0, 1, 2, 3, 4, 0, 0}, bad}, weights, 1, 1);
      ADD_FAILURE() << "accepted";
    } catch (Invalid const& error) {
      EXPECT_NE(std::string(error.what()).find("spans[1]"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace bsft::test
