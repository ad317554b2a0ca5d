// Count what was predicted, and say how good it was: macro-F1, accuracy, intervals.
//
//   F1(c) = 2 hits(c) / (support(c) + predicted(c));  macro-F1 = mean over the classes with support(c) + predicted(c) >
//   0
// A declared class that has no support and no predictions is left out, as scikit-learn does when it takes its labels
// from the data; a prediction outside the declared labels (-1) is wrong for its true class and counted as invalid, and
// adds no class.  Per group and overall two numbers: the unweighted mean over tasks, and the pooled macro-F1, which
// puts the items of all tasks into one table whose classes are the label strings. Intervals: percentiles 2.5 and 97.5
// (linear, as numpy) of a bootstrap that draws whole cases with replacement; drawn from (seed, draw, position) alone,
// so the same items give the same bits. Source: scikit-learn's f1_score(average="macro", zero_division=0);
// tests/evaluate compares to 1e-12.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bsft {

// One item that was judged.  truth and prediction index the task's labels; prediction -1: invalid.
struct Judged {
  std::int32_t task = 0, group = 0, truth = 0, prediction = -1;
  std::int64_t cluster = 0;  // the case
};

class Confusion {
 public:
  explicit Confusion(std::size_t classes) : hits_(classes), support_(classes), predicted_(classes) {}
  void add(std::int32_t truth, std::int32_t prediction, double weight = 1);
  std::optional<double> macro_f1() const;  // nothing where nothing was judged
  std::optional<double> accuracy() const;
  double judged() const { return judged_; }
  double invalid() const { return invalid_; }

 private:
  std::vector<double> hits_, support_, predicted_;
  double judged_ = 0, invalid_ = 0;
};

struct Interval {
  double low = 0, high = 0;
};

// Percentiles of the values that are numbers; nothing where none is.
std::optional<Interval> interval95(std::vector<double> values);

struct Score {
  std::int64_t support = 0, invalid = 0;
  double macro_f1_tasks = 0, macro_f1_pooled = 0, accuracy = 0;
  std::optional<Interval> ci95, ci95_pooled;
};

// The labels of each task; the same string in two tasks is one class when pooled.
struct LabelSets {
  explicit LabelSets(std::vector<std::vector<std::string>> labels);
  std::vector<std::vector<std::string>> labels;   // [task][label]
  std::vector<std::vector<std::int32_t>> pooled;  // [task][label] -> class of the pooled table
  std::size_t pooled_classes = 0;
};

struct Bootstrap {
  std::int64_t draws = 10'000;
  std::uint64_t seed = 1;
};

// One of each for overall, each group, each task; nothing where nothing was judged.
template <class T>
struct ByNode {
  std::optional<T> overall;
  std::vector<std::optional<T>> groups, tasks;

  // nodes: overall, the groups, the tasks.
  static ByNode of(std::vector<std::optional<T>> const& nodes, std::size_t groups) {
    auto const first_task = nodes.begin() + 1 + static_cast<std::ptrdiff_t>(groups);
    return {nodes.front(), {nodes.begin() + 1, first_task}, {first_task, nodes.end()}};
  }
};

// Scores of one suite under one condition.
using Scoreboard = ByNode<Score>;

// What the bootstrap's draws give for each node of a scoreboard: overall, the groups, the tasks.  NaN where a draw has
// no item of the node.  The cases that draw d takes depend on the seed, d and the cases' numbers alone: so two arms
// that judged the same items are drawn alike, and the differences of their draws are those of a paired bootstrap.
struct Draws {
  std::vector<std::vector<double>> mean_over_tasks, pooled;  // [node][draw]
};
Draws draw_scores(std::span<Judged const> items, LabelSets const& sets, std::size_t groups, Bootstrap bootstrap);

Scoreboard score_items(std::span<Judged const> items, LabelSets const& sets, std::size_t groups, Bootstrap bootstrap);

}  // namespace bsft
