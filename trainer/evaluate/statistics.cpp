#include "trainer/evaluate/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <numeric>

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

Comparison compare(std::span<Judged const> a, std::span<Judged const> b, LabelSets const& sets, std::size_t groups,
                   Bootstrap bootstrap) {
  check_same_items(a, b);
  Bootstrap const none{0, bootstrap.seed};
  auto const of_a = values_of(score_items(a, sets, groups, none)), of_b = values_of(score_items(b, sets, groups, none));
  Draws const draws_a = draw_scores(a, sets, groups, bootstrap), draws_b = draw_scores(b, sets, groups, bootstrap);
  std::vector<std::optional<Difference>> nodes(of_a.size());
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (!of_a[n]) continue;
    Difference& one = nodes[n].emplace();
    one.value = *of_a[n] - *of_b[n];
    std::vector<double> differences = draws_a.mean_over_tasks[n];
    for (std::size_t d = 0; d < differences.size(); ++d) differences[d] -= draws_b.mean_over_tasks[n][d];
    one.ci95 = interval95(std::move(differences));
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    bool const right_a = a[i].prediction == a[i].truth, right_b = b[i].prediction == b[i].truth;
    if (right_a == right_b) continue;
    for (std::size_t const n :
         {std::size_t{0}, 1 + static_cast<std::size_t>(a[i].group), 1 + groups + static_cast<std::size_t>(a[i].task)})
      ++(right_a ? nodes[n]->only_a : nodes[n]->only_b);
  }
  std::vector<double> of_tasks;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (!nodes[n]) continue;
    nodes[n]->p = nodes[n]->p_holm = mcnemar(nodes[n]->only_a, nodes[n]->only_b);
    if (n > groups) of_tasks.push_back(nodes[n]->p);
  }
  std::vector<double> const adjusted = holm(of_tasks);
  std::size_t next = 0;
  for (std::size_t n = 1 + groups; n < nodes.size(); ++n)
    if (nodes[n]) nodes[n]->p_holm = adjusted[next++];
  return Comparison::of(nodes, groups);
}

}  // namespace bsft
