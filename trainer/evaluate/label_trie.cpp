#include "trainer/evaluate/label_trie.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/base/error.hpp"

namespace bsft {
namespace {

bool begins_with(std::vector<TokenId> const& tokens, std::vector<TokenId> const& beginning) {
  return tokens.size() >= beginning.size() && std::equal(beginning.begin(), beginning.end(), tokens.begin());
}

}  // namespace

LabelTrie::LabelTrie(std::string const& task, std::vector<std::vector<TokenId>> const& labels) {
  // Depth first: the paths in lexicographic order, each beginning of a label that has a next token.
  std::vector<std::vector<TokenId>> paths{{}};
  for (auto const& label : labels) {
    if (label.empty())
      throw Invalid(Exit::data, "task " + task + " declares a label without tokens", "", "give it a text");
    for (std::size_t n = 1; n < label.size(); ++n)
      paths.emplace_back(label.begin(), label.begin() + static_cast<std::ptrdiff_t>(n));
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  edges_of_label_.resize(labels.size());
  for (auto const& path : paths) {
    Node node{path, {}, edges_};
    for (std::size_t l = 0; l < labels.size(); ++l) {
      if (labels[l].size() <= path.size() || !begins_with(labels[l], path)) continue;
      TokenId const next = labels[l][path.size()];
      auto at = std::find(node.targets.begin(), node.targets.end(), next);
      if (at == node.targets.end()) at = node.targets.insert(at, next);
      edges_of_label_[l].push_back(edges_ + static_cast<std::size_t>(at - node.targets.begin()));
    }
    edges_ += node.targets.size();
    nodes_.push_back(std::move(node));
  }
  longer_.resize(labels.size());
  for (std::size_t a = 0; a < labels.size(); ++a) {
    for (std::size_t b = 0; b < labels.size(); ++b) {
      if (a == b || !begins_with(labels[b], labels[a])) continue;
      if (labels[a] == labels[b])
        throw Invalid(Exit::data, "task " + task + " declares two labels with the same tokens", "", "make them differ");
      longer_[a].push_back(b);
    }
  }
}

LabelTrie::LabelScores LabelTrie::scores(std::span<double const> edge_log_p) const {
  ensure(edge_log_p.size() == edges_, "a label trie gets one value an edge");
  std::size_t const count = edges_of_label_.size();
  LabelScores result{std::vector<double>(count, 0.0), std::vector<double>(count, 0.0)};
  std::vector<double> plain(count, 0.0);
  for (std::size_t l = 0; l < count; ++l) {
    for (std::size_t const edge : edges_of_label_[l]) plain[l] += edge_log_p[edge];
    result.average[l] = plain[l] / static_cast<double>(edges_of_label_[l].size());
  }
  for (std::size_t l = 0; l < count; ++l) {
    double taken = 0;  // share of p(l) that goes to the nearest longer labels
    for (std::size_t const other : longer_[l]) {
      bool const nearest = std::none_of(longer_[l].begin(), longer_[l].end(), [&](std::size_t between) {
        return between != other && std::count(longer_[between].begin(), longer_[between].end(), other) > 0;
      });
      if (nearest) taken += std::exp(plain[other] - plain[l]);
    }
    result.sum[l] = taken < 1 ? plain[l] + std::log1p(-taken) : -std::numeric_limits<double>::infinity();
  }
  return result;
}

}  // namespace bsft
