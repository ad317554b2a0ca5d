#include <algorithm>
#include <numeric>

#include "data/base/error.hpp"
#include "trainer/model/attention.hpp"

namespace bsft {
namespace {

// A segment with the queries inside it and below it.
struct Span {
  std::int32_t begin, own_end, family_end;
};

class Planner {
 public:
  Planner(Forest const& forest, BlockLimit limit) : segments_(forest.segments), limit_(limit) {}

  AttentionPlan run(std::span<std::int32_t const> queries) {
    plan_.rows.assign(queries.begin(), queries.end());
    locate_queries();
    for (std::size_t begin = 0; begin < segments_.size();) {
      std::size_t end = begin + 1;
      while (end < segments_.size() && segments_[end].parent >= 0) ++end;
      plan_tree(begin, end);
      begin = end;
    }
    return std::move(plan_);
  }

 private:
  void locate_queries() {
    auto const count = static_cast<std::int32_t>(plan_.rows.size());
    std::int32_t query = 0;
    for (Segment const& segment : segments_) {
      std::int32_t const begin = query;
      for (; query < count && plan_.rows[query] < segment.end; ++query)
        plan_.visible.push_back(segment.position + plan_.rows[query] - segment.begin + 1);
      spans_.push_back({begin, query, query});
    }
    ensure(query == count, "plan_attention: queries are ascending rows of the forest");
    // Children stand after their parents, so their families are complete when a parent's turn comes.
    for (std::size_t s = segments_.size(); s-- > 0;)
      if (std::int32_t const parent = segments_[s].parent; parent >= 0)
        spans_[parent].family_end = std::max(spans_[parent].family_end, spans_[s].family_end);
  }

  void plan_tree(std::size_t first, std::size_t last) {
    Span const& all = spans_[first];
    auto const block_begin = static_cast<std::int32_t>(plan_.blocks.size());
    for (std::int32_t begin = all.begin; begin < all.family_end;) {
      std::int32_t const end = block_end(begin, all.family_end);
      add_block(first, last, begin, end);
      begin = end;
    }
    if (all.begin < all.family_end)
      plan_.trees.push_back({all.begin, all.family_end, segments_[first].begin, segments_[last - 1].end, block_begin,
                             static_cast<std::int32_t>(plan_.blocks.size())});
  }

  // As many queries as the buffer of scores holds.
  std::int32_t block_end(std::int32_t begin, std::int32_t most) const {
    std::int64_t columns = plan_.visible[begin];
    std::int32_t end = begin + 1;
    for (; end < most; ++end) {
      std::int64_t const wider = std::max<std::int64_t>(columns, plan_.visible[end]);
      if (wider * (end + 1 - begin) > limit_.scores || end - begin >= limit_.queries) break;
      columns = wider;
    }
    return end;
  }

  void add_block(std::size_t first, std::size_t last, std::int32_t begin, std::int32_t end) {
    AttentionPlan::Block block{begin, end, 0, static_cast<std::int32_t>(plan_.parts.size()), 0};
    block.columns = *std::max_element(plan_.visible.begin() + begin, plan_.visible.begin() + end);
    for (std::size_t s = first; s < last; ++s) {
      Span const& span = spans_[s];
      std::int32_t const from = std::max(begin, span.begin), to = std::min(end, span.family_end);
      if (from >= to) continue;
      // Queries below the segment see all of it, its own only up to their row.
      std::int32_t const key_end = to > span.own_end ? segments_[s].end : plan_.rows[to - 1] + 1;
      plan_.parts.push_back({from, to, segments_[s].begin, key_end, segments_[s].position});
    }
    block.part_end = static_cast<std::int32_t>(plan_.parts.size());
    plan_.largest_block = std::max(plan_.largest_block, std::int64_t{end - begin} * block.columns);
    plan_.blocks.push_back(block);
  }

  std::vector<Segment> const& segments_;
  BlockLimit limit_;
  std::vector<Span> spans_;
  AttentionPlan plan_;
};

}  // namespace

AttentionPlan plan_attention(Forest const& forest, std::span<std::int32_t const> queries, BlockLimit limit) {
  if (!queries.empty()) return Planner(forest, limit).run(queries);
  std::vector<std::int32_t> all(forest.tokens.size());
  std::iota(all.begin(), all.end(), 0);
  return Planner(forest, limit).run(all);
}

}  // namespace bsft
