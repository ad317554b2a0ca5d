// Gather rows of the V x D base table or the K x D behaviour table by id, and sum gradients back into rows.
//
//   y[t] = rows[k] where ids[t] = behavior[k], else base[ids[t]]
//   out[row[s]] (+)= sum over j in [start[s], start[s+1]) of dy[order[j]], j ascending: a fixed order, no atomics
// ids [T], base [V,D], rows [K,D], y, dy [T,D].  Neither table is copied.  An id outside both gives a row of NaN: the
// op refuses it earlier where it can see the ids without a synchronisation. tests/kernels/embedding_test.cpp
#pragma once

#include "kernels/team/math.hpp"

namespace bsft::kernel {

inline constexpr int most_behaviors = 128;

// The behaviour ids, passed by value into a launch.
struct BehaviorIds {
  std::int32_t count;
  std::int32_t id[most_behaviors];

  // k, or -1.
  BSFT_KERNEL std::int32_t find(std::int64_t token) const {
    for (std::int32_t k = 0; k < count; ++k)
      if (id[k] == token) return k;
    return -1;
  }
};

template <class T>
struct BehaviorGather {
  static constexpr int threads = 128;
  using Shared = None;
  std::int64_t const* ids;
  T const* base;
  T const* rows;
  T* y;
  std::int64_t tokens, vocabulary, cols;
  BehaviorIds behaviors;

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    for (std::int64_t t = team.block(); t < tokens; t += team.blocks()) {
      std::int64_t const id = ids[t];
      std::int32_t const k = behaviors.find(id);
      T* const to = y + t * cols;
      if (k < 0 && (id < 0 || id >= vocabulary)) {
        team.template tiles<T>(cols, [&](auto at) { at.store(to, Value(__builtin_nanf(""))); });
      } else {
        T const* const from = k >= 0 ? rows + k * cols : base + id * cols;
        team.template tiles<T>(cols, [&](auto at) { at.store(to, at.load(from)); });
      }
    }
  }
};

template <class T>
struct SegmentSum {
  static constexpr int threads = 128;
  using Shared = None;
  T const* dy;
  std::int64_t const* order;  // places in dy, segment by segment
  std::int64_t const* start;  // [segments + 1]
  std::int64_t const* row;    // [segments]: the row of out
  T* out;
  std::int64_t segments, cols;
  bool add;  // to what out holds

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    for (std::int64_t s = team.block(); s < segments; s += team.blocks()) {
      T* const to = out + row[s] * cols;
      team.template tiles<T>(cols, [&](auto at) {
        Value sum(0.0f);
        for (std::int64_t j = start[s]; j < start[s + 1]; ++j) sum = sum + at.load(dy + order[j] * cols);
        at.store(to, add ? at.load(to) + sum : sum);
      });
    }
  }
};

}  // namespace bsft::kernel
