#include "trainer/evaluate/metrics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"

namespace bsft {

void Confusion::add(std::int32_t truth, std::int32_t prediction, double weight) {
  support_[static_cast<std::size_t>(truth)] += weight;
  judged_ += weight;
  if (prediction < 0) {
    invalid_ += weight;
    return;
  }
  predicted_[static_cast<std::size_t>(prediction)] += weight;
  if (prediction == truth) hits_[static_cast<std::size_t>(truth)] += weight;
}

std::optional<double> Confusion::macro_f1() const {
  double sum = 0;
  int classes = 0;
  for (std::size_t c = 0; c < hits_.size(); ++c) {
    double const seen = support_[c] + predicted_[c];
    if (seen == 0) continue;
    sum += 2 * hits_[c] / seen;
    ++classes;
  }
  if (judged_ == 0 || classes == 0) return std::nullopt;
  return sum / classes;
}

std::optional<double> Confusion::accuracy() const {
  if (judged_ == 0) return std::nullopt;
  double hits = 0;
  for (double const h : hits_) hits += h;
  return hits / judged_;
}

std::optional<Interval> interval95(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  auto percentile = [&](double share) {
    double const at = share * static_cast<double>(values.size() - 1);
    auto const below = static_cast<std::size_t>(std::floor(at));
    std::size_t const above = std::min(below + 1, values.size() - 1);
    return values[below] + (values[above] - values[below]) * (at - static_cast<double>(below));
  };
  return Interval{percentile(0.025), percentile(0.975)};
}

LabelSets::LabelSets(std::vector<std::vector<std::string>> sets) : labels(std::move(sets)) {
  std::map<std::string, std::int32_t> classes;
  for (auto const& task : labels) {
    std::vector<std::int32_t> ids;
    for (auto const& label : task) {
      ids.push_back(classes.emplace(label, static_cast<std::int32_t>(classes.size())).first->second);
    }
    pooled.push_back(std::move(ids));
  }
  pooled_classes = classes.size();
}

namespace {

// The counts behind a node of the scoreboard: the tables of its tasks and the pooled one.
struct Node {
  std::vector<Confusion> tasks;
  Confusion pooled;

  Node(LabelSets const& sets, std::optional<std::int32_t> only) : pooled(only ? 0 : sets.pooled_classes) {
    if (only) {
      tasks.emplace_back(sets.labels[static_cast<std::size_t>(*only)].size());
    } else {
      for (auto const& labels : sets.labels) tasks.emplace_back(labels.size());
    }
  }

  std::optional<double> mean_over_tasks() const {
    double sum = 0;
    int count = 0;
    for (Confusion const& table : tasks) {
      if (auto const value = table.macro_f1()) {
        sum += *value;
        ++count;
      }
    }
    if (count == 0) return std::nullopt;
    return sum / count;
  }
};

// All nodes of a scoreboard, filled item by item.
class Tables {
 public:
  Tables(LabelSets const& sets, std::size_t groups) : sets_(sets), overall_(sets, std::nullopt) {
    groups_.assign(groups, Node(sets, std::nullopt));
    for (std::size_t t = 0; t < sets.labels.size(); ++t) tasks_.emplace_back(sets, static_cast<std::int32_t>(t));
  }

  void add(Judged const& item, double weight) {
    auto const task = static_cast<std::size_t>(item.task);
    auto const& ids = sets_.pooled[task];
    std::int32_t const truth = ids[static_cast<std::size_t>(item.truth)];
    std::int32_t const prediction = item.prediction < 0 ? -1 : ids[static_cast<std::size_t>(item.prediction)];
    for (Node* node : {&overall_, &groups_[static_cast<std::size_t>(item.group)]}) {
      node->tasks[task].add(item.truth, item.prediction, weight);
      node->pooled.add(truth, prediction, weight);
    }
    tasks_[task].tasks[0].add(item.truth, item.prediction, weight);
  }

  // Every node in one order: overall, groups, tasks.
  std::vector<Node const*> nodes() const {
    std::vector<Node const*> all{&overall_};
    for (Node const& node : groups_) all.push_back(&node);
    for (Node const& node : tasks_) all.push_back(&node);
    return all;
  }

 private:
  LabelSets const& sets_;
  Node overall_;
  std::vector<Node> groups_, tasks_;
};

std::optional<double> pooled_of(Node const& node) {
  return node.pooled.judged() > 0 ? node.pooled.macro_f1() : node.mean_over_tasks();
}

std::optional<Score> point_estimate(Node const& node) {
  auto const mean = node.mean_over_tasks();
  if (!mean) return std::nullopt;
  Score score;
  Confusion const& counts = node.pooled.judged() > 0 ? node.pooled : node.tasks[0];
  score.support = static_cast<std::int64_t>(counts.judged());
  score.invalid = static_cast<std::int64_t>(counts.invalid());
  score.accuracy = *counts.accuracy();
  score.macro_f1_tasks = *mean;
  score.macro_f1_pooled = *pooled_of(node);
  return score;
}

}  // namespace

Draws draw_scores(std::span<Judged const> items, LabelSets const& sets, std::size_t groups, Bootstrap bootstrap) {
  // A case is a list of cells of the tables: a draw counts cells, and fills the tables once.
  std::map<std::int64_t, std::vector<std::size_t>> by_case;
  std::map<std::array<std::int32_t, 4>, std::size_t> cell_of;
  std::vector<Judged> cells;
  for (Judged const& item : items) {
    std::array const key{item.task, item.group, item.truth, item.prediction};
    auto const [found, is_new] = cell_of.emplace(key, cells.size());
    if (is_new) cells.push_back(item);
    by_case[item.cluster].push_back(found->second);
  }
  std::vector<std::vector<std::size_t>> cases;
  for (auto& [_, members] : by_case) cases.push_back(std::move(members));

  Draws draws;
  std::size_t const nodes = 1 + groups + sets.labels.size();
  draws.mean_over_tasks.resize(nodes);
  draws.pooled.resize(nodes);
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t draw = 0; draw < bootstrap.draws && !cases.empty(); ++draw) {
    std::vector<double> counts(cells.size());
    for (std::size_t position = 0; position < cases.size(); ++position) {
      auto const pick = mix(bootstrap.seed, static_cast<std::uint64_t>(draw), position) % cases.size();
      for (std::size_t const cell : cases[pick]) counts[cell] += 1;
    }
    Tables drawn(sets, groups);
    for (std::size_t cell = 0; cell < cells.size(); ++cell)
      if (counts[cell] > 0) drawn.add(cells[cell], counts[cell]);
    auto const all = drawn.nodes();
    for (std::size_t n = 0; n < nodes; ++n) {
      draws.mean_over_tasks[n].push_back(all[n]->mean_over_tasks().value_or(nothing));
      draws.pooled[n].push_back(pooled_of(*all[n]).value_or(nothing));
    }
  }
  return draws;
}

Scoreboard score_items(std::span<Judged const> items, LabelSets const& sets, std::size_t groups, Bootstrap bootstrap) {
  Tables tables(sets, groups);
  for (Judged const& item : items) {
    ensure(item.task >= 0 && static_cast<std::size_t>(item.task) < sets.labels.size(),
           "a judged item has a known task");
    tables.add(item, 1);
  }
  Draws draws = draw_scores(items, sets, groups, bootstrap);
  std::vector<std::optional<Score>> scores;
  for (Node const* node : tables.nodes()) {
    std::size_t const n = scores.size();
    scores.push_back(point_estimate(*node));
    if (!scores[n]) continue;
    scores[n]->ci95 = interval95(std::move(draws.mean_over_tasks[n]));
    scores[n]->ci95_pooled = interval95(std::move(draws.pooled[n]));
  }
  return Scoreboard::of(scores, groups);
}

}  // namespace bsft
