#include "launch/sweep/run_state.hpp"

#include <algorithm>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/checkpoint/run_directory.hpp"
#include "trainer/evaluate/results.hpp"
#include "trainer/report/run_status.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr double shown_as_held = 90;  // s

OrderedJson results_of(SweepRun const& run, fs::path const& file) {
  std::error_code error;
  if (!fs::exists(file, error)) return nullptr;
  try {
    OrderedJson results = parse_ordered_json(read_file(file), file.string());
    auto const is = [&](char const* key, std::string const& wanted) {
      return results.contains(key) && results[key].is_string() && results[key] == wanted;
    };
    bool const mine = results.is_object() && is("config_digest", run.arm.digest) && is("data_digest", run.data_digest);
    return mine && !results.contains("missing") ? results : nullptr;
  } catch (Error const&) {  // cut short
    return nullptr;
  }
}

// The metric of the results' own checkpoint on the split that is scored while training.
std::optional<double> dev_of(SweepRuns const& sweep, SweepRun const& run, OrderedJson const& results) {
  auto const step = value_at(results, "final.step");
  for (Json const& line : read_json_lines(sweep.run_dir(run) / "evaluations.jsonl")) {
    OrderedJson const row = line;
    if (value_at(row, "step") != step || row.value("split", "") != run.arm.config.evaluate.split) continue;
    return score_in(row, sweep, run);
  }
  return std::nullopt;
}

// Of an error line, what follows who says it.
std::string without_name(std::string line) {
  std::string const name = "bsft: error: ";
  return line.rfind(name, 0) == 0 ? line.substr(name.size()) : line;
}

}  // namespace

std::optional<double> score_in(OrderedJson const& row, SweepRuns const& sweep, SweepRun const& run) {
  auto const value = value_at(row, sweep.metric);
  return value || sweep.metric != run.arm.config.evaluate.metric ? value : value_at(row, "metric");
}

std::string suite_of(std::string const& metric) {
  std::string const head = "suites.";
  return metric.rfind(head, 0) == 0 ? metric.substr(head.size(), metric.find('.', head.size()) - head.size()) : "full";
}

std::string RunState::text() const {
  std::string const steps = "step " + std::to_string(step) + " of " + std::to_string(total_steps);
  if (stage == RunStage::running) return "running" + (total_steps > 0 ? ", " + steps : std::string());
  if (stage == RunStage::waiting && dropped > 0) return "left behind at step " + std::to_string(dropped);
  if (stage == RunStage::waiting) return step > 0 ? "waiting, goes on from " + steps : "waiting";
  if (stage == RunStage::done) return "done";
  std::string const often = attempts.failed > 1 ? ", " + std::to_string(attempts.failed) + " times" : "";
  return "failed" + often + ": " + (exit_code != 0 ? "exit code " + std::to_string(exit_code) + ": " : "") + cause;
}

RunState state_of(SweepRuns const& sweep, SweepRun const& run, Claims& claims) {
  RunState state;
  state.rungs.scores.resize(sweep.halving.rungs.size());
  if (run.id.empty()) return state;
  fs::path const folder = sweep.run_dir(run);
  state.attempts = read_attempts(sweep.arm_file(run, ".jsonl"));
  std::optional<RunStatus> const status = read_status(folder);
  if (status) {
    state.step = status->step;
    state.total_steps = status->total_steps;
  }
  state.rungs = rung_scores(sweep, run);
  OrderedJson const results = results_of(run, folder / "results.json");
  if (state.metric = value_at(results, sweep.metric); state.metric) {
    state.stage = RunStage::done;
    state.dev = dev_of(sweep, run, results);
    state.selection = value_at(results, "steer." + suite_of(sweep.metric) + ".selection.macro_f1");
    return state;
  }
  bool const last_failed = state.attempts.last && state.attempts.last->exit_code != static_cast<int>(Exit::start_again);
  bool const held = claims.is_held(run.id) && claims.seconds_untouched(run.id) < shown_as_held;
  if (held || is_in_use(folder)) {
    state.stage = RunStage::running;
  } else if (last_failed) {
    state.stage = RunStage::failed;
    state.exit_code = state.attempts.last->exit_code;
    state.cause = state.exit_code != 0 ? without_name(state.attempts.last->error)
                                       : "no " + sweep.metric + " in " + (folder / "results.json").string();
  } else if (status && status->state == "failed" && state.attempts.started == 0) {  // started by hand
    state.stage = RunStage::failed;
    state.exit_code = status->exit_code;
    state.cause = status->message;
  }
  return state;
}

std::vector<RunState> states_of(SweepRuns const& sweep) {
  Claims claims(sweep.claims(), claim_stale);
  std::vector<RunState> states;
  for (SweepRun const& run : sweep.runs) states.push_back(state_of(sweep, run, claims));
  halve(sweep, states);
  return states;
}

std::size_t halve(SweepRuns const& sweep, std::vector<RunState>& states) {
  std::vector<RungScores> scores;
  for (RunState const& state : states) {
    scores.push_back(state.rungs);
    scores.back().failed = state.stage == RunStage::failed;
  }
  HalvingState const halving = halving_of(sweep, scores);
  for (std::size_t i = 0; i < states.size(); ++i) states[i].dropped = halving.dropped[i];
  return halving.rung;
}

std::size_t count_of(std::vector<RunState> const& states, RunStage stage) {
  return static_cast<std::size_t>(
      std::count_if(states.begin(), states.end(), [&](RunState const& state) { return state.stage == stage; }));
}

}  // namespace bsft
