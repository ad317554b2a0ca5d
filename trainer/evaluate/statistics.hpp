// Tell two arms apart that judged the same items, or say that they cannot be told apart.
//
//   difference   a - b in macro-F1 (mean over tasks), its 95 % interval from the paired bootstrap: whole cases, drawn
//                alike for both (metrics.hpp)
//   McNemar      exact, two-sided, over the items that one arm alone has right: p = min(1, 2 P[X <= min(n_a, n_b)]),
//                X ~ Binomial(n_a + n_b, 1/2)
//   Holm         step-down over the tasks: p of rank i of m becomes max over j <= i of min(1, (m - j + 1) p_(j))
// A difference whose interval holds 0 is not distinguishable, whatever p says.
// Source: scipy.stats.binomtest, statsmodels' multipletests("holm"), boost::math::binomial_distribution;
// tests/evaluate/statistics_test.py compares to 1e-12.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "trainer/evaluate/metrics.hpp"

namespace bsft {

double mcnemar(std::int64_t only_a, std::int64_t only_b);
std::vector<double> holm(std::vector<double> const& p);

struct Difference {
  double value = 0;                     // a - b
  std::optional<Interval> ci95;         // nothing without draws
  std::int64_t only_a = 0, only_b = 0;  // items that one alone has right
  double p = 1;                         // McNemar's
  double p_holm = 1;                    // of tasks: adjusted for their number; else p
  bool distinguishable() const { return ci95 && (ci95->low > 0 || ci95->high < 0); }
};

using Comparison = ByNode<Difference>;

// a and b: the same items in the same order, whose predictions differ.  Throws Invalid(data) where they are not.
Comparison compare(std::span<Judged const> a, std::span<Judged const> b, LabelSets const& sets, std::size_t groups,
                   Bootstrap bootstrap);

}  // namespace bsft
