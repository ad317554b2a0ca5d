// The labels of a task as a trie of their tokens, so that a shared beginning is scored once.
//
//   log p(label) = sum over its tokens of log p(token | prompt, behaviour, tokens before)
// Where a label is the beginning of another ("no", "no change"), "the response begins with it" would count for both;
// the shorter one then gets what is left: log(p(shorter) - sum of p(the labels that go on from it)).
// A label without tokens, or two labels with the same tokens, cannot be told apart: Invalid(data).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/base/ids.hpp"

namespace bsft {

class LabelTrie {
 public:
  struct Node {
    std::vector<TokenId> path;     // tokens from the beginning of the label to this node
    std::vector<TokenId> targets;  // tokens that some label has next
    std::size_t first_edge = 0;    // the edge of targets[0]; the others follow
  };

  LabelTrie(std::string const& task, std::vector<std::vector<TokenId>> const& labels);

  // Nodes that have targets, depth first, the root first.
  std::vector<Node> const& nodes() const { return nodes_; }
  std::size_t edges() const { return edges_; }
  // Tokens that a visit adds under the prompt.
  std::size_t inner_tokens() const { return nodes_.size() - 1; }

  struct LabelScores {
    std::vector<double> sum;      // [labels] log-likelihood, corrected as said above
    std::vector<double> average;  // [labels] the plain sum divided by the label's tokens
  };
  // edge_log_p [edges]: log p of each edge's token.
  LabelScores scores(std::span<double const> edge_log_p) const;

 private:
  std::vector<Node> nodes_;
  std::size_t edges_ = 0;
  std::vector<std::vector<std::size_t>> edges_of_label_;
  std::vector<std::vector<std::size_t>> longer_;  // [label] the labels that go on from it
};

}  // namespace bsft
