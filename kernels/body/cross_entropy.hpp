// Cross-entropy of one row of logits a block: loss, entropy, correctness and, in place, the final gradient.
//
//   z = base logits without the behaviour ids' own columns, then the K behaviour logits;  S = sum exp(z - m), m = max z
//   loss = m + log S - z[target];  entropy = log S - sum exp(z - m)(z - m) / S
//   dz = weight (exp(z - m) / S - [target]), exactly 0 where weight = 0
// One online visit for m, S and the entropy, one for the gradient (the row is in cache by then).  The base columns are
// given as the kept ranges between the behaviour ids, so no column is tested one by one and nothing is concatenated.
// base [R,V], behavior [R,K] of T; targets: a base column, or V + k for behaviour k; weights, loss, entropy [R] fp32.
// A target outside [0, V + K) gives NaN.  Correct: the target is the first of the largest logits.
// tests/kernels/cross_entropy_test.cpp
#pragma once

#include "kernels/body/behavior_embedding.hpp"

namespace bsft::kernel {

// What is left of [0,V) between the behaviour ids below V.
struct KeptColumns {
  std::int32_t count;
  std::int32_t begin[most_behaviors + 1], end[most_behaviors + 1];
};

// Softmax so far: the largest logit, sum of exp(z - max), sum of exp(z - max)(z - max).
struct Online {
  float max, sum, slope;
};

struct MergeOnline {
  BSFT_KERNEL Online operator()(Online a, Online b) const {
    float const m = kernel::max(a.max, b.max);
    float const da = a.max - m, db = b.max - m;
    float const ea = exp(da), eb = exp(db);
    return {m, a.sum * ea + b.sum * eb,
            ea * (a.slope + a.sum * kernel::max(da, -128.0f)) + eb * (b.slope + b.sum * kernel::max(db, -128.0f))};
  }
};

template <class T>
struct CrossEntropy {
  static constexpr int threads = 256;
  static constexpr float lowest = -3.0e38f;  // a finite -infinity: no inf - inf
  struct Shared {
    Online online[warp];
    float count[warp];
  };
  T* base;
  T* behavior;
  T* behavior_gradient;         // [R,K]
  std::int64_t const* targets;  // as the caller has them: a behaviour's own id stands for its column
  float const* weights;
  float* loss;
  float* entropy;
  bool* correct;
  std::int64_t rows, vocabulary;
  bool gradient;  // overwrite base, write behavior_gradient
  BehaviorIds ids;
  KeptColumns kept;

  // The few columns of the behaviours go by the element.
  bool aligned() const { return rows_of_packs(vocabulary * std::int64_t(sizeof(T)), base); }

  template <class Team>
  BSFT_KERNEL void operator()(Team& team) const {
    for (std::int64_t row = team.block(); row < rows; row += team.blocks()) one(team, row);
  }

 private:
  // f(is it the base's row, the row, begin, end)
  template <class F>
  BSFT_KERNEL void ranges(T* z, T* b, F f) const {
    for (std::int32_t i = 0; i <= kept.count; ++i) {
      bool const base_range = i < kept.count;
      f(base_range, base_range ? z : b, base_range ? kept.begin[i] : 0, base_range ? kept.end[i] : ids.count);
    }
  }

  template <class Team, class F>
  BSFT_KERNEL void visit(Team& team, bool base_range, T const* from, std::int64_t begin, std::int64_t end, float fill,
                         F f) const {
    if (base_range)
      team.template stream<T>(from, begin, end, fill, f);
    else
      team.template elements<T>(from, begin, end, fill, f);
  }

  template <class Team>
  BSFT_KERNEL void one(Team& team, std::int64_t row) const {
    using Value = typename Team::template Value<T>;
    T* const z = base + row * vocabulary;
    T* const b = behavior + row * ids.count;
    std::int64_t const token = team.read(targets + row);
    std::int32_t const slot = ids.find(token);
    bool const known = slot >= 0 || (token >= 0 && token < vocabulary);
    float const at_target = !known ? __builtin_nanf("") : widen(team.read(slot >= 0 ? b + slot : z + token));

    // Sums of a stretch of columns, then of the stretches: no lane adds more than a few hundred terms.
    float m = lowest;
    Value sum(0.0f), slope(0.0f), sums(0.0f), slopes(0.0f);
    ranges(z, b, [&](bool base_range, T const* from, std::int64_t begin, std::int64_t end) {
      for (std::int64_t first = begin; first < end; first += Team::stretch) {
        std::int64_t const last = end - first < Team::stretch ? end : first + Team::stretch;
        visit(team, base_range, from, first, last, -__builtin_inff(), [&](auto, Value x) {
          float const highest = top(x);
          if (highest > m) {
            Value const down(kernel::max(m - highest, -128.0f)), shrink(exp(m - highest));
            slope = shrink * (slope + sum * down);
            slopes = shrink * (slopes + sums * down);
            sum = sum * shrink;
            sums = sums * shrink;
            m = highest;
          }
          Value const d = x - Value(m), e = exp(d);
          sum = sum + e;
          slope = slope + e * max(d, Value(-128.0f));
        });
        sums = sums + sum;
        slopes = slopes + slope;
        sum = slope = Value(0.0f);
      }
    });
    Online const mine{m, total(sums), total(slopes)};
    Online const all = reduce(team, mine, Online{lowest, 0, 0}, MergeOnline{}, team.shared().online);
    float const log_sum = log(all.sum);

    float ahead = 0;  // columns before the target that are as large
    bool const largest = at_target == all.max;
    if (largest) {
      std::int64_t const column = slot >= 0 ? vocabulary + slot : token;
      ranges(z, b, [&](bool base_range, T const* from, std::int64_t begin, std::int64_t end) {
        std::int64_t const here = base_range ? column : column - vocabulary, before = here < end ? here : end;
        if (before <= begin) return;
        Value same(0.0f);
        visit(team, base_range, from, begin, before, lowest,
              [&](auto, Value x) { same = same + select(x == Value(all.max), Value(1.0f), Value(0.0f)); });
        ahead += total(same);
      });
      ahead = reduce(team, ahead, 0.0f, Add{}, team.shared().count);
    }
    float const weight = team.read(weights + row);
    if (team.rank() == 0) {
      team.write(loss + row, all.max - at_target + log_sum);
      team.write(entropy + row, log_sum - all.slope / all.sum);
      team.write(correct + row, largest && ahead == 0);
    }
    if (!gradient) return;

    T* const db = behavior_gradient + row * ids.count;
    bool const zero = weight == 0;
    float const share = weight / all.sum;
    ranges(z, b, [&](bool base_range, T const* from, std::int64_t begin, std::int64_t end) {
      T* const to = base_range ? z : db;
      visit(team, base_range, from, begin, end, 0,
            [&](auto at, Value x) { at.store(to, zero ? Value(0.0f) : exp(x - Value(all.max)) * Value(share)); });
    });
    for (std::int32_t k = team.rank(); k < ids.count; k += team.size())
      if (ids.id[k] < vocabulary) team.write(z + ids.id[k], narrowed<T>(0.0f));
    team.sync();
    if (team.rank() == 0 && !zero && known)
      team.write(slot >= 0 ? db + slot : z + token, narrowed<T>(exp(at_target - all.max) * share - weight));
  }
};

}  // namespace bsft::kernel
