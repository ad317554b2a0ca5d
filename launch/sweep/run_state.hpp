// How a run of a sweep stands, by its files alone, from any node.
//
//   done      results.json is of this configuration and data, is whole, and has the metric
//   running   somebody has it in hand: a claim (of another host: touched in the last minute and a half), or the lock of
//             its folder, which this host sees
//   failed    its last attempt ended badly, or left no results: exit code, cause, how often
//   waiting   anything else: not begun, or stopped after some steps, from which it goes on unless halving left it
//   behind
// Errors: none; what is damaged is as if it were not there.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "launch/sweep/attempts.hpp"
#include "launch/sweep/halving.hpp"
#include "launch/sweep/sweep_runs.hpp"
#include "trainer/evaluate/claims.hpp"

namespace bsft {

enum class RunStage { waiting, running, done, failed };
inline constexpr std::array<char const*, 4> stage_names{"waiting", "running", "done", "failed"};

struct RunState {
  RunStage stage = RunStage::waiting;
  std::int64_t step = 0, total_steps = 0;  // total 0: not known
  std::optional<double> metric;            // of evaluate.final_split
  std::optional<double> dev;               // the same of evaluate.split, of the same checkpoint
  std::optional<double> selection;         // how well it chooses its behaviour, macro-F1
  int exit_code = 0;                       // of a failure
  std::string cause;
  Attempts attempts;
  RungScores rungs;
  std::int64_t dropped = 0;  // the step at which halving left it behind; 0: it did not

  // "done", "running, step 40 of 120", "failed, 3 times: exit code 65: …"
  std::string text() const;
};

// claims: of sweep.claims().
RunState state_of(SweepRuns const& sweep, SweepRun const& run, Claims& claims);
std::vector<RunState> states_of(SweepRuns const& sweep);
// Marks what halving leaves behind; the first rung that is not decided.
std::size_t halve(SweepRuns const& sweep, std::vector<RunState>& states);
std::size_t count_of(std::vector<RunState> const& states, RunStage stage);
// The sweep's metric in a row of evaluations.jsonl.
std::optional<double> score_in(OrderedJson const& row, SweepRuns const& sweep, SweepRun const& run);
// "suites.full.overall.macro_f1_tasks" -> full.
std::string suite_of(std::string const& metric);

}  // namespace bsft
