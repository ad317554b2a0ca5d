// From the spans of sequences to shifted targets, weights and the list of supervised rows.
//
//   weight(at) = task weight * (lambda on the behaviour token, 1 on response and end, 0 on the prompt)
//   row at - 1 predicts token at; rows with weight > 0 are listed sequence by sequence, by position (a stable order)
// MaskPlan, one block: where each sequence's list begins, and per task x behaviour the rows, the behaviour tokens and
// the sum of weights.  MaskWrite, a block a sequence: targets and weights [T] and the list. Source: the mission's
// reading of BehaviorSFT.  tests/kernels/loss_mask_test.cpp
#pragma once

#include "kernels/team/math.hpp"

namespace bsft::kernel {

// Of one sequence: tokens [begin, begin + length), then ends relative to begin.
struct MaskSpan {
  std::int64_t begin;
  std::int32_t prompt_end, behavior_end, response_end, length;
  std::int32_t task, behavior;
};

struct MaskCell {
  std::int64_t rows, behavior_rows;
  double weight;
};

// Channels as in data/feed/forest.hpp.
inline constexpr std::uint8_t behavior_channel = 0, response_channel = 1, end_channel = 2;

// Supervised places of a sequence: its first token has no row before it.
struct MaskCounts {
  std::int32_t first, behavior, rest;  // first supervised place, behaviour tokens, response and end tokens
  BSFT_KERNEL MaskCounts(MaskSpan const& s, float lambda, float task_weight) {
    std::int32_t const from = s.prompt_end > 1 ? s.prompt_end : 1;
    std::int32_t const split = s.behavior_end > from ? s.behavior_end : from;
    behavior = lambda > 0 && task_weight > 0 ? split - from : 0;
    rest = task_weight > 0 && s.length > split ? s.length - split : 0;
    first = behavior > 0 ? from : split;
  }
};

struct MaskPlan {
  static constexpr int threads = 256;
  struct Shared {
    std::int64_t rows[1024];
  };
  MaskSpan const* spans;
  float const* task_weights;
  std::int64_t* start;  // [sequences + 1]
  MaskCell* cells;      // [tasks, behaviors]
  std::int64_t sequences, tasks, behaviors;
  float lambda;

  bool aligned() const { return true; }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    if (team.block() != 0) return;
    std::int64_t const each = (sequences + team.size() - 1) / team.size();
    std::int64_t const begin = team.rank() * each, end = begin + each < sequences ? begin + each : sequences;
    std::int64_t mine = 0;
    for (std::int64_t b = begin; b < end; ++b) {
      MaskCounts const c = counts(team, team.read(spans + b));
      mine += c.behavior + c.rest;
    }
    team.write(team.shared().rows + team.rank(), mine);
    team.sync();
    std::int64_t at = 0;
    for (int r = 0; r < team.rank(); ++r) at += team.read(team.shared().rows + r);
    for (std::int64_t b = begin; b < end; ++b) {
      MaskCounts const c = counts(team, team.read(spans + b));
      team.write(start + b, at);
      at += c.behavior + c.rest;
    }
    if (team.rank() == 0) {
      std::int64_t all = 0;
      for (int r = 0; r < team.size(); ++r) all += team.read(team.shared().rows + r);
      team.write(start + sequences, all);
    }
    for (std::int64_t cell = team.rank(); cell < tasks * behaviors; cell += team.size()) {
      MaskCell sum{0, 0, 0};
      for (std::int64_t b = 0; b < sequences; ++b) {
        MaskSpan const s = team.read(spans + b);
        if (s.task * behaviors + s.behavior != cell) continue;
        float const w = team.read(task_weights + s.task);
        MaskCounts const c(s, lambda, w);
        sum.rows += c.behavior + c.rest;
        sum.behavior_rows += c.behavior;
        sum.weight += double(w * lambda) * c.behavior + double(w) * c.rest;
      }
      team.write(cells + cell, sum);
    }
  }

 private:
  template <class Team>
  BSFT_KERNEL MaskCounts counts(Team& team, MaskSpan const& s) const {
    return {s, lambda, team.read(task_weights + s.task)};
  }
};

struct MaskWrite {
  static constexpr int threads = 128;
  using Shared = None;
  MaskSpan const* spans;
  float const* task_weights;
  std::int64_t const* start;
  std::int32_t const* tokens;
  std::int64_t* targets;  // [T], -1 where unsupervised
  float* weights;         // [T]
  std::int32_t* row;      // the list: [start[sequences]]
  std::int64_t* row_target;
  float* row_weight;
  std::uint8_t* channel;
  std::int64_t sequences;
  float lambda;

  bool aligned() const { return true; }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    for (std::int64_t b = team.block(); b < sequences; b += team.blocks()) {
      MaskSpan const s = team.read(spans + b);
      float const w = team.read(task_weights + s.task);
      MaskCounts const c(s, lambda, w);
      for (std::int32_t at = 1 + team.rank(); at <= s.length; at += team.size()) {
        std::int64_t const t = s.begin + at - 1;
        std::int32_t const place = at - c.first;
        bool const supervised = place >= 0 && place < c.behavior + c.rest && at < s.length;
        bool const is_behavior = place < c.behavior;
        float const weight = supervised ? (is_behavior ? w * lambda : w) : 0.0f;
        std::int64_t const target = supervised ? team.read(tokens + t + 1) : -1;
        team.write(targets + t, target);
        team.write(weights + t, weight);
        if (!supervised) continue;
        std::int64_t const i = team.read(start + b) + place;
        team.write(row + i, std::int32_t(t));
        team.write(row_target + i, target);
        team.write(row_weight + i, weight);
        team.write(channel + i, is_behavior ? behavior_channel : at < s.response_end ? response_channel : end_channel);
      }
    }
  }
};

}  // namespace bsft::kernel
