#include "trainer/evaluate/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <numeric>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"

namespace bsft {
namespace {

void check_same_items(std::span<Judged const> a, std::span<Judged const> b) {
  bool const same = std::equal(a.begin(), a.end(), b.begin(), b.end(), [](Judged const& x, Judged const& y) {
    return x.task == y.task && x.group == y.group && x.truth == y.truth && x.cluster == y.cluster;
  });
  if (!same)
    throw Invalid(Exit::data, "the two arms judged other items", "",
                  "score both on the same data file, split and suite");
}

std::optional<double> value_of(std::optional<Score> const& score) {
  return score ? std::optional(score->macro_f1_tasks) : std::nullopt;
}

// By node: overall, groups, tasks.
std::vector<std::optional<double>> values_of(Scoreboard const& board) {
  std::vector<std::optional<double>> values{value_of(board.overall)};
  for (auto const& score : board.groups) values.push_back(value_of(score));
  for (auto const& score : board.tasks) values.push_back(value_of(score));
  return values;
}

}  // namespace

double mcnemar(std::int64_t only_a, std::int64_t only_b) {
  std::int64_t const n = only_a + only_b;
  if (n == 0) return 1;
  boost::math::binomial_distribution<double> const fair(static_cast<double>(n), 0.5);
  return std::min(1.0, 2 * boost::math::cdf(fair, static_cast<double>(std::min(only_a, only_b))));
}

std::vector<double> holm(std::vector<double> const& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double least = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    least = std::max(least, std::min(1.0, static_cast<double>(p.size() - i) * p[order[i]]));
    adjusted[order[i]] = least;
  }
  return adjusted;
}

ArmRuns::ArmRuns(std::vector<std::vector<Judged>> runs, LabelSets const& sets, std::size_t groups, Bootstrap bootstrap,
                 std::uint64_t stream)
    : runs_(std::move(runs)), groups_(groups) {
  ensure(!runs_.empty(), "an arm has a run");
  std::vector<std::vector<std::vector<double>>> draws;  // [run][node][draw]
  for (auto const& run : runs_) {
    check_same_items(runs_.front(), run);
    auto const values = values_of(score_items(run, sets, groups, {0, bootstrap.seed}));
    nodes_.resize(values.size());
    for (std::size_t n = 0; n < values.size(); ++n) {
      if (!values[n]) continue;
      if (!nodes_[n]) nodes_[n].emplace();
      nodes_[n]->of_runs.push_back(*values[n]);
    }
    draws.push_back(draw_scores(run, sets, groups, bootstrap).mean_over_tasks);
  }
  auto const count = static_cast<double>(runs_.size());
  draws_.assign(nodes_.size(), std::vector<double>(draws.front().front().size()));
  for (std::size_t d = 0; d < draws_.front().size(); ++d)
    for (std::uint64_t r = 0; r < runs_.size(); ++r) {
      auto const picked = runs_.size() == 1 ? 0 : mix(mix(bootstrap.seed, 0x5eed, stream), d, r) % runs_.size();
      for (std::size_t n = 0; n < nodes_.size(); ++n) draws_[n][d] += draws[picked][n][d] / count;
    }
  for (std::size_t n = 0; n < nodes_.size(); ++n) {
    if (!nodes_[n]) continue;
    for (double const value : nodes_[n]->of_runs) nodes_[n]->value += value / count;
    nodes_[n]->ci95 = interval95(draws_[n]);
  }
}

ByNode<ArmScore> ArmRuns::scores() const { return ByNode<ArmScore>::of(nodes_, groups_); }

Comparison compare(ArmRuns const& a, ArmRuns const& b) {
  check_same_items(a.runs_.front(), b.runs_.front());
  std::size_t const groups = a.groups_;
  std::vector<std::optional<Difference>> nodes(a.nodes_.size());
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (!a.nodes_[n]) continue;
    Difference& one = nodes[n].emplace();
    one.value = a.nodes_[n]->value - b.nodes_[n]->value;
    one.p = 0;
    std::vector<double> differences = a.draws_[n];
    for (std::size_t d = 0; d < differences.size(); ++d) differences[d] -= b.draws_[n][d];
    one.ci95 = interval95(std::move(differences));
  }
  for (std::size_t r = 0; r < std::min(a.runs_.size(), b.runs_.size()); ++r) {
    std::vector<std::pair<std::int64_t, std::int64_t>> only(nodes.size());
    for (std::size_t i = 0; i < a.runs_[r].size(); ++i) {
      Judged const &of_a = a.runs_[r][i], &of_b = b.runs_[r][i];
      bool const right_a = of_a.prediction == of_a.truth, right_b = of_b.prediction == of_b.truth;
      if (right_a == right_b) continue;
      for (std::size_t const n :
           {std::size_t{0}, 1 + static_cast<std::size_t>(of_a.group), 1 + groups + static_cast<std::size_t>(of_a.task)})
        ++(right_a ? only[n].first : only[n].second);
    }
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      if (!nodes[n]) continue;
      nodes[n]->only_a += only[n].first;
      nodes[n]->only_b += only[n].second;
      nodes[n]->p = nodes[n]->p_holm = std::max(nodes[n]->p, mcnemar(only[n].first, only[n].second));
    }
  }
  std::vector<double> of_tasks;
  for (std::size_t n = 1 + groups; n < nodes.size(); ++n)
    if (nodes[n]) of_tasks.push_back(nodes[n]->p);
  std::vector<double> const adjusted = holm(of_tasks);
  std::size_t next = 0;
  for (std::size_t n = 1 + groups; n < nodes.size(); ++n)
    if (nodes[n]) nodes[n]->p_holm = adjusted[next++];
  return Comparison::of(nodes, groups);
}

Comparison compare(std::span<Judged const> a, std::span<Judged const> b, LabelSets const& sets, std::size_t groups,
                   Bootstrap bootstrap) {
  auto const arm = [&](std::span<Judged const> items, std::uint64_t stream) {
    return ArmRuns({std::vector<Judged>(items.begin(), items.end())}, sets, groups, bootstrap, stream);
  };
  return compare(arm(a, 0), arm(b, 1));
}

}  // namespace bsft
