#include "trainer/evaluate/label_trie.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "data/base/error.hpp"

namespace bsft {
namespace {

TEST(LabelTrie, SharedBeginningsAreVisitedOnce) {
  LabelTrie const trie("t", {{5, 6, 7}, {5, 6, 8}, {9}});
  ASSERT_EQ(trie.nodes().size(), 3U);  // (), 5, 5 6
  EXPECT_EQ(trie.nodes()[0].targets, (std::vector<TokenId>{5, 9}));
  EXPECT_EQ(trie.nodes()[1].path, (std::vector<TokenId>{5}));
  EXPECT_EQ(trie.nodes()[2].targets, (std::vector<TokenId>{7, 8}));
  EXPECT_EQ(trie.inner_tokens(), 2U);
  // edges: 5, 9, 6, 7, 8
  std::vector<double> const log_p{-1, -2, -0.5, -3, -0.25};
  auto const scores = trie.scores(log_p);
  EXPECT_DOUBLE_EQ(scores.sum[0], -1 - 0.5 - 3);
  EXPECT_DOUBLE_EQ(scores.sum[1], -1 - 0.5 - 0.25);
  EXPECT_DOUBLE_EQ(scores.sum[2], -2);
  EXPECT_DOUBLE_EQ(scores.average[0], (-1 - 0.5 - 3) / 3);
}

TEST(LabelTrie, AShorterLabelGetsWhatIsLeft) {
  // "no", "no change", "no change at all", "yes"
  LabelTrie const trie("t", {{1}, {1, 2}, {1, 2, 3}, {4}});
  std::vector<double> log_p(trie.edges());
  auto edge = [&](std::vector<TokenId> const& path, TokenId target) -> double& {
    for (auto const& node : trie.nodes())
      for (std::size_t t = 0; t < node.targets.size(); ++t)
        if (node.path == path && node.targets[t] == target) return log_p[node.first_edge + t];
    throw std::logic_error("no such edge");
  };
  edge({}, 1) = std::log(0.8);
  edge({}, 4) = std::log(0.2);
  edge({1}, 2) = std::log(0.5);
  edge({1, 2}, 3) = std::log(0.25);
  auto const scores = trie.scores(log_p);
  EXPECT_NEAR(std::exp(scores.sum[0]), 0.8 * 0.5, 1e-12);
  EXPECT_NEAR(std::exp(scores.sum[1]), 0.8 * 0.5 * 0.75, 1e-12);
  EXPECT_NEAR(std::exp(scores.sum[2]), 0.8 * 0.5 * 0.25, 1e-12);
  double total = 0;
  for (double const value : scores.sum) total += std::exp(value);
  EXPECT_NEAR(total, 1, 1e-12);
  // Certain to go on: nothing is left, and nothing is chosen by it.
  edge({1}, 2) = 0;
  EXPECT_TRUE(std::isinf(trie.scores(log_p).sum[0]));
}

TEST(LabelTrie, RefusesLabelsThatCannotBeToldApart) {
  EXPECT_THROW(LabelTrie("t", {{1, 2}, {1, 2}}), Invalid);
  EXPECT_THROW(LabelTrie("t", {{1}, {}}), Invalid);
}

}  // namespace
}  // namespace bsft
