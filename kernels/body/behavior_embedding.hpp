// Gather rows of the V x D base table or the K x D behaviour table by id, and sum gradients back into rows.
//
//   y[t] = rows[k] where ids[t] = behavior[k], else base[ids[t]]
//        (1 - share) rows[k] + share rows[toward] where the token has a dial: share in [0,1], toward >= 0
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

// How far a token's behaviour row is turned towards another's.
struct Dial {
  std::int32_t toward;  // k, or -1: not turned
  float share;
};
static_assert(sizeof(Dial) == 8);

template <class T>
struct BehaviorGather {
  static constexpr int threads = 128;
  using Shared = None;
  std::int64_t const* ids;
  T const* base;
  T const* rows;
  Dial const* dials;  // [T], or null
  T* y;
  std::int64_t tokens, vocabulary, cols;
  BehaviorIds behaviors;

  bool aligned() const { return rows_of_packs(cols * std::int64_t(sizeof(T)), base, rows, y); }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    for (std::int64_t t = team.block(); t < tokens; t += team.blocks()) {
      std::int64_t const id = team.read(ids + t);
      std::int32_t const k = behaviors.find(id);
      T* const to = y + t * cols;
      Dial const dial = dials && k >= 0 ? team.read(dials + t) : Dial{-1, 0};
      if (k < 0 && (id < 0 || id >= vocabulary)) {
        team.template tiles<T>(0, cols, [&](auto at) { at.store(to, Value(__builtin_nanf(""))); });
      } else if (dial.toward >= 0) {
        T const *const from = rows + k * cols, *const toward = rows + dial.toward * cols;
        team.template tiles<T>(0, cols, [&](auto at) {
          at.store(to, at.load(from) * Value(1.0f - dial.share) + at.load(toward) * Value(dial.share));
        });
      } else {
        T const* const from = k >= 0 ? rows + k * cols : base + id * cols;
        team.template stream<T>(from, 0, cols, 0, [&](auto at, Value row) { at.store(to, row); });
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

  bool aligned() const { return rows_of_packs(cols * std::int64_t(sizeof(T)), dy, out); }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    using Value = typename Team::template Value<T>;
    for (std::int64_t s = team.block(); s < segments; s += team.blocks()) {
      T* const to = out + team.read(row + s) * cols;
      std::int64_t const begin = team.read(start + s), end = team.read(start + s + 1);
      team.template tiles<T>(0, cols, [&](auto at) {
        Value sum = add ? at.load(to) : Value(0.0f);
        for (std::int64_t j = begin; j < end; ++j) sum = sum + at.load(dy + team.read(order + j) * cols);
        at.store(to, sum);
      });
    }
  }
};

}  // namespace bsft::kernel
