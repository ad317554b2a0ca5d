#include "launch/sweep/sweep_page.hpp"

#include <algorithm>

#include "data/base/json.hpp"
#include "launch/sweep/sweep_table.hpp"
#include "trainer/evaluate/results.hpp"

namespace bsft {
namespace {

constexpr std::size_t most_rows = 500;

// The metric of its checkpoints, by step.
plot::Points curve_of(SweepRuns const& sweep, SweepRun const& run) {
  std::string const& split = run.arm.config.evaluate.split;
  plot::Points points;
  for (Json const& line : read_json_lines(sweep.run_dir(run) / "evaluations.jsonl")) {
    OrderedJson const row = line;
    auto const step = value_at(row, "step"), value = score_in(row, sweep, run);
    if (step && value && row.value("split", "") == split) points.emplace_back(*step, *value);
  }
  return points;
}

}  // namespace

page::SweepPage page_of(SweepRuns const& sweep, std::vector<RunState> const& states, std::string const& best) {
  SweepRuns shown{sweep.name, sweep.metric, sweep.file, sweep.folder, {}, {}, nullptr};
  shown.runs.assign(sweep.runs.begin(),
                    sweep.runs.begin() + static_cast<std::ptrdiff_t>(std::min(sweep.runs.size(), most_rows)));
  page::SweepPage page{sweep.name,
                       sweep.metric,
                       sweep.runs.front().arm.config.evaluate.split,
                       counts_text(states),
                       best,
                       {},
                       run_table(shown, states)};
  if (sweep.runs.size() > most_rows)
    page.counts += "; the table has the first " + std::to_string(most_rows) + ", table.csv has all";
  std::vector<std::size_t> scored;
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) {
    SweepRun const& run = sweep.runs[i];
    auto arm = std::ranges::find(page.arms, run.arm.name, &page::SweepArm::name);
    if (arm == page.arms.end()) {
      arm = page.arms.insert(page.arms.end(), {run.arm.name, run.arm.keys, {}, {}});
      std::erase_if(arm->keys, [](auto const& key) { return key.first == "run.seed"; });
      scored.push_back(0);
    }
    if (run.id.empty()) continue;
    if (plot::Points curve = curve_of(sweep, run); !curve.empty()) arm->curves.push_back(std::move(curve));
    if (!states[i].dev) continue;
    auto const count = static_cast<double>(++scored[static_cast<std::size_t>(arm - page.arms.begin())]);
    arm->score = arm->score.value_or(0) + (*states[i].dev - arm->score.value_or(0)) / count;
  }
  return page;
}

}  // namespace bsft
