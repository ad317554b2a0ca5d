#include "data/feed/forest.hpp"

#include <algorithm>
#include <cstddef>

#include "data/base/error.hpp"

namespace bsft {
namespace {

// A node's tokens are a slice of a sequence that passes through it.
struct Node {
  std::span<TokenId const> tokens;
  std::int32_t position = 0;
  std::vector<std::int32_t> children;
  std::int32_t row = 0;  // of its first token, once flattened
};

// A radix tree over the sequences of one run.  Node 0 is an empty one above the roots.
class Trie {
 public:
  Trie() : nodes_(1) {}

  void insert(std::span<TokenId const> tokens) {
    for (std::int32_t at = 0;;) {
      std::int32_t const child = child_of(at, tokens.front());
      if (child < 0) return add_child(at, tokens);
      std::size_t const size = nodes_[child].tokens.size();
      std::size_t const common = common_length(nodes_[child].tokens, tokens);
      if (common == tokens.size()) return;
      if (common < size) {
        split(child, common);
      } else if (nodes_[child].children.empty()) {  // the earlier sequence ended here: go on in the same node
        nodes_[child].tokens = tokens;
        return;
      }
      tokens = tokens.subspan(common);
      at = child;
    }
  }

  // Appends the run's trees, depth first.
  void flatten(Forest& forest) {
    std::vector<std::pair<std::int32_t, std::int32_t>> open;  // node, its parent's segment
    auto const push = [&](Node const& node, std::int32_t segment) {
      for (auto child = node.children.rbegin(); child != node.children.rend(); ++child)
        open.emplace_back(*child, segment);
    };
    push(nodes_[0], -1);
    while (!open.empty()) {
      auto const [index, parent] = open.back();
      open.pop_back();
      Node& node = nodes_[index];
      node.row = static_cast<std::int32_t>(forest.tokens.size());
      forest.tokens.insert(forest.tokens.end(), node.tokens.begin(), node.tokens.end());
      forest.segments.push_back({node.row, static_cast<std::int32_t>(forest.tokens.size()), parent, node.position});
      push(node, static_cast<std::int32_t>(forest.segments.size()) - 1);
    }
  }

  // The rows of the targets' tokens[at - 1], in the order of the targets.
  void locate(Sequence const& sequence, std::vector<SupervisedRow>& rows) const {
    std::int32_t at = 0;
    for (Target const& target : sequence.targets) {
      auto const last = static_cast<std::size_t>(target.at) - 1;
      while (last >= end_of(at)) at = child_of(at, sequence.tokens[end_of(at)]);
      std::int32_t const row = nodes_[at].row + static_cast<std::int32_t>(last) - nodes_[at].position;
      rows.push_back(
          {row, target.token, target.weight, target.channel, sequence.task, sequence.behavior, sequence.sample});
    }
  }

 private:
  std::size_t end_of(std::int32_t node) const {
    return static_cast<std::size_t>(nodes_[node].position) + nodes_[node].tokens.size();
  }

  std::int32_t child_of(std::int32_t node, TokenId first) const {
    for (std::int32_t const child : nodes_[node].children)
      if (nodes_[child].tokens.front() == first) return child;
    return -1;
  }

  void add_child(std::int32_t node, std::span<TokenId const> tokens) {
    nodes_[node].children.push_back(static_cast<std::int32_t>(nodes_.size()));
    nodes_.push_back({tokens, static_cast<std::int32_t>(end_of(node)), {}, 0});
  }

  static std::size_t common_length(std::span<TokenId const> a, std::span<TokenId const> b) {
    return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  }

  // The node keeps its first `keep` tokens; the rest becomes its only child.
  void split(std::int32_t node, std::size_t keep) {
    std::span<TokenId const> const tokens = nodes_[node].tokens;
    std::vector<std::int32_t> children = std::move(nodes_[node].children);
    nodes_[node].children.clear();
    nodes_[node].tokens = tokens.first(keep);
    add_child(node, tokens.subspan(keep));
    nodes_.back().children = std::move(children);
  }

  std::vector<Node> nodes_;
};

// The tokens that get a row: up to the one from which the last target is predicted.
std::span<TokenId const> planted(Sequence const& sequence) {
  std::span<TokenId const> const tokens = sequence.tokens;
  std::int32_t last = 0;
  for (Target const& target : sequence.targets) {
    ensure(target.at >= 1 && target.at >= last && static_cast<std::size_t>(target.at) <= tokens.size(),
           "plant: targets ascend within 1 .. tokens.size()");
    last = target.at;
  }
  ensure(!tokens.empty(), "plant: a sequence has a token");
  return sequence.targets.empty() ? tokens : tokens.first(static_cast<std::size_t>(last));
}

}  // namespace

Forest plant(std::span<Sequence const> sequences) {
  Forest forest;
  for (std::size_t begin = 0; begin < sequences.size();) {
    std::size_t end = begin + 1;
    if (sequences[begin].share >= 0)
      while (end < sequences.size() && sequences[end].share == sequences[begin].share) ++end;
    Trie trie;
    for (Sequence const& sequence : sequences.subspan(begin, end - begin)) trie.insert(planted(sequence));
    trie.flatten(forest);
    for (Sequence const& sequence : sequences.subspan(begin, end - begin)) {
      trie.locate(sequence, forest.supervised);
      forest.samples.push_back(sequence.sample);
    }
    begin = end;
  }
  return forest;
}

}  // namespace bsft
