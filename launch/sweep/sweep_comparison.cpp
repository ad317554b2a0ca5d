#include "launch/sweep/sweep_comparison.hpp"

#include <algorithm>

#include "data/base/file.hpp"
#include "trainer/report/page/comparison_table.hpp"

namespace bsft {
namespace {

struct ArmScore {
  std::string name;
  std::size_t runs = 0, done = 0, on_dev = 0;
  double dev = 0, metric = 0;  // sums
};

std::vector<ArmScore> scores_of(SweepRuns const& sweep, std::vector<RunState> const& states) {
  std::vector<ArmScore> arms;
  for (NamedRuns const& named : runs_by_arm(sweep)) {
    ArmScore& arm = arms.emplace_back(ArmScore{.name = named.name, .runs = named.runs.size()});
    for (std::size_t const run : named.runs) {
      arm.done += states[run].metric.has_value();
      arm.on_dev += states[run].dev.has_value();
      arm.metric += states[run].metric.value_or(0);
      arm.dev += states[run].dev.value_or(0);
    }
  }
  return arms;
}

}  // namespace

std::vector<ArmFolders> arms_of(SweepRuns const& sweep, std::vector<RunState> const& states) {
  std::vector<ArmFolders> arms;
  for (NamedRuns const& named : runs_by_arm(sweep)) {
    ArmFolders arm{named.name, {}};
    for (std::size_t const run : named.runs)
      if (states[run].metric) arm.runs.push_back(sweep.run_dir(sweep.runs[run]));
    if (!arm.runs.empty()) arms.push_back(std::move(arm));
  }
  return arms;
}

OrderedJson best_of(SweepRuns const& sweep, std::vector<RunState> const& states) {
  std::optional<ArmScore> best;
  for (ArmScore const& arm : scores_of(sweep, states)) {
    bool const takes_part = arm.done == arm.runs && arm.on_dev == arm.runs;
    if (takes_part && (!best || arm.dev / static_cast<double>(arm.runs) > best->dev / static_cast<double>(best->runs)))
      best = arm;
  }
  if (!best) return nullptr;
  EvaluateConfig const& evaluate = sweep.runs.front().arm.config.evaluate;
  auto const runs = static_cast<double>(best->runs);
  return {{"arm", best->name},
          {"runs", best->runs},
          {"chosen_on", evaluate.split},
          {"chosen", best->dev / runs},
          {"reported_on", evaluate.final_split},
          {"reported", best->metric / runs}};
}

std::string best_text(OrderedJson const& best) {
  if (best.is_null()) return "";
  std::string const chosen = best["chosen_on"], reported = best["reported_on"];
  std::string const runs = std::to_string(best["runs"].get<std::size_t>());
  return "best on " + chosen + ": " + best["arm"].get<std::string>() + ", " + decimal(best["chosen"].get<double>()) +
         " over " + runs + (best["runs"] == 1 ? " run" : " runs") +
         (chosen == reported ? " (the split that it was chosen on: no held-out score)"
                             : "; on " + reported + " " + decimal(best["reported"].get<double>()));
}

OrderedJson compare_sweep(SweepRuns const& sweep, std::vector<RunState> const& states, std::string const& suite) {
  ComparisonRequest request;
  request.arms = arms_of(sweep, states);
  request.suite = suite;
  if (request.arms.size() < 2) return nullptr;
  OrderedJson comparison = compare_arms(request);
  comparison["best"] = best_of(sweep, states);
  write_atomically(sweep.folder / ("comparison." + suite + ".json"), comparison.dump(1) + "\n");
  write_atomically(sweep.folder / ("comparison." + suite + ".md"),
                   sweep_comparison_text(comparison, TableStyle::markdown));
  return comparison;
}

std::string sweep_comparison_text(OrderedJson const& comparison, TableStyle style) {
  std::string const best = best_text(comparison.at("best"));
  return page::comparison_text(comparison, style) + (best.empty() ? "" : best + "\n");
}

}  // namespace bsft
