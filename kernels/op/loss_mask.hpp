// From the spans of sequences to shifted targets, weights, the list of supervised rows, and what to count.
//
//   weight(at) = task weight * (lambda on the behaviour token, 1 on response and end, 0 on the prompt)
//   row at - 1 predicts token at; rows of weight > 0 are listed sequence by sequence, by position.
// tokens [T] int32; spans: one a sequence, inside tokens, prompt_end <= behavior_end <= response_end <= length.
// Host arrays; the same bodies are compiled for CUDA.  The first token of a sequence has no row before it and is never
// a target.  Σw is summed in fp64 per task and behaviour. Throws Invalid(data) naming the span where one lies outside
// or is out of order. Source: kernels/body/loss_mask.hpp; tests/kernels/loss_mask_test.cpp compares with a plain loop.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/body/loss_mask.hpp"

namespace bsft::op {

struct LossMask {
  std::vector<std::int64_t> targets;  // [T], -1 where unsupervised
  std::vector<float> weights;         // [T]
  // The supervised rows.
  std::vector<std::int32_t> row;
  std::vector<std::int64_t> row_target;
  std::vector<float> row_weight;
  std::vector<std::uint8_t> row_channel;  // 0 behaviour, 1 response, 2 end
  std::vector<std::int64_t> start;        // [sequences + 1]: each sequence's part of the list
  std::vector<kernel::MaskCell> cells;    // [tasks, behaviors]
  double weight = 0;                      // Σw: the cells in order
};

LossMask loss_mask(std::span<std::int32_t const> tokens, std::span<kernel::MaskSpan const> spans,
                   std::span<float const> task_weights, std::int64_t behaviors, float lambda);

}  // namespace bsft::op
