// Attention over a forest: a row attends to its ancestors and, causally, to its own segment.
//
//   o[r,h] = Σ_c softmax_c(q[r,h] · k[c,g] / sqrt(E)) v[c,g],  c = the rows on the path from the root to r, g = h·G/H
// The score of a query against position p of its path stands in column p, so every query sees exactly its first
// position + 1 columns: no mask is stored, and each segment's keys are one matrix product for all queries below it.
// On the CPU queries are taken in blocks of bounded size and the scores are computed again in the backward, so memory
// grows with T and not with T²; a job is one tree and one key/value head, which fixes the order of every sum.
// Elsewhere libtorch's SDPA takes a tree at a time under a boolean mask.
// Source: softmax attention as in transformers' LlamaAttention; tests/model/attention compares with a dense mask.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/feed/forest.hpp"

namespace bsft {

// Which rows are queries and how they are cut; made once a forest, used by every layer.
struct AttentionPlan {
  // Queries [query_begin, query_end) against keys [key_begin, key_end); the first key's column is its position.
  struct Part {
    std::int32_t query_begin, query_end, key_begin, key_end, column;
  };
  // The first part of a block is its root's and covers all of its queries.
  struct Block {
    std::int32_t query_begin, query_end, columns, part_begin, part_end;
  };
  struct Tree {
    std::int32_t query_begin, query_end, row_begin, row_end, block_begin, block_end;
  };
  std::vector<Part> parts;
  std::vector<Block> blocks;
  std::vector<Tree> trees;
  std::vector<std::int32_t> visible;  // [queries] columns that a query sees: its position + 1
  std::vector<std::int32_t> rows;     // [queries] the query's row
  std::int64_t largest_block = 0;     // queries x columns
};

// What a block may hold: its scores stay in the second-level cache, and few of them lie beyond a query's own columns.
struct BlockLimit {
  std::int64_t scores = std::int64_t{1} << 17, queries = 128;
};

// queries: ascending distinct rows; empty means every row.
AttentionPlan plan_attention(Forest const& forest, std::span<std::int32_t const> queries, BlockLimit limit = {});

// q [queries,H,E], k and v [T,G,E], fp32  ->  [queries, H·E]; carries the gradient.
at::Tensor attend(at::Tensor const& q, at::Tensor const& k, at::Tensor const& v,
                  std::shared_ptr<AttentionPlan const> plan);
// The same by libtorch alone, a tree at a time: other devices, and the oracle of the tests.
at::Tensor attend_by_mask(at::Tensor const& q, at::Tensor const& k, at::Tensor const& v, AttentionPlan const& plan);

}  // namespace bsft
