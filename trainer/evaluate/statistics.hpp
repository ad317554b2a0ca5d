// Tell two arms apart that judged the same items, or say that they cannot be told apart.
//
//   value        macro-F1 (mean over tasks); of an arm with several runs (seeds) the mean over them
//   difference   a - b, its 95 % interval from the paired bootstrap: whole cases, drawn alike for all runs of both
//                (metrics.hpp), and of an arm with several runs these, too, with replacement
//   McNemar      exact, two-sided, over the items that one arm alone has right: p = min(1, 2 P[X <= min(n_a, n_b)]),
//                X ~ Binomial(n_a + n_b, 1/2); of several runs the largest p of run i of a and run i of b, counts
//                summed
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

struct ArmScore {
  double value = 0;
  std::optional<Interval> ci95;
  std::vector<double> of_runs;
};

// What each run of an arm made of the same items.
class ArmRuns {
 public:
  // runs: at least one; all of the same items in the same order, only predictions differ: else Invalid(data).
  // stream: arms of one comparison have different ones, so that their runs are drawn apart.
  ArmRuns(std::vector<std::vector<Judged>> runs, LabelSets const& sets, std::size_t groups, Bootstrap bootstrap,
          std::uint64_t stream);
  std::vector<std::vector<Judged>> const& runs() const { return runs_; }
  ByNode<ArmScore> scores() const;

 private:
  friend Comparison compare(ArmRuns const& a, ArmRuns const& b);
  std::vector<std::vector<Judged>> runs_;
  std::size_t groups_;
  std::vector<std::optional<ArmScore>> nodes_;  // overall, groups, tasks
  std::vector<std::vector<double>> draws_;      // [node][draw] mean over the drawn runs
};

// Both must have judged the same items, with the same label sets, groups and bootstrap.  Throws Invalid(data) where
// the items differ.
Comparison compare(ArmRuns const& a, ArmRuns const& b);
// Of one run each.
Comparison compare(std::span<Judged const> a, std::span<Judged const> b, LabelSets const& sets, std::size_t groups,
                   Bootstrap bootstrap);

}  // namespace bsft
