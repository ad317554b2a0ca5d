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
  for (NamedRuns const& named : runs_by_arm(sweep)) {
    page::SweepArm arm{named.name, sweep.runs[named.runs.front()].arm.keys, {}, {}};
    std::erase_if(arm.keys, [](auto const& key) { return key.first == "run.seed"; });
    double scored = 0;
    for (std::size_t const run : named.runs) {
      if (sweep.runs[run].id.empty()) continue;
      if (plot::Points curve = curve_of(sweep, sweep.runs[run]); !curve.empty()) arm.curves.push_back(std::move(curve));
      if (!states[run].dev) continue;
      arm.score = arm.score.value_or(0) + (*states[run].dev - arm.score.value_or(0)) / ++scored;
    }
    page.arms.push_back(std::move(arm));
  }
  return page;
}

}  // namespace bsft
