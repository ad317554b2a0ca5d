#include "launch/sweep/sweep_table.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "trainer/report/progress.hpp"

namespace bsft {
namespace {

// Who each run is, and behind it what `more` says of it, under these columns.
template <class More>
Table table_of(SweepRuns const& sweep, std::vector<Column> const& last_columns, More const& more) {
  std::vector<std::string> const keys = keys_of(sweep);
  std::vector<Column> columns{{"run"}, {"arm"}};
  for (std::string const& key : keys) columns.push_back({key, Align::right});
  columns.insert(columns.end(), last_columns.begin(), last_columns.end());
  Table table(columns);
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) {
    SweepRun const& run = sweep.runs[i];
    std::vector<std::string> cells{run.id.empty() ? "–" : run.id, run.arm.name};
    for (std::string const& key : keys) cells.push_back(value_of(run, key));
    for (std::string const& cell : more(i)) cells.push_back(cell);
    table.add(cells);
  }
  return table;
}

std::string csv_cell(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char const c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string csv_line(std::vector<std::string> const& cells) {
  std::string line;
  for (std::string const& cell : cells) line += (line.empty() ? "" : ",") + csv_cell(cell);
  return line + "\n";
}

std::string exact(std::optional<double> value) { return value ? OrderedJson(*value).dump() : ""; }

template <class T>
T total_of(std::vector<RunCost> const& costs, T RunCost::*member) {
  return std::accumulate(costs.begin(), costs.end(), T{}, [&](T sum, RunCost const& one) { return sum + one.*member; });
}

std::optional<double> seconds_in_all(std::vector<RunCost> const& costs) {
  double sum = 0;
  for (RunCost const& cost : costs) {
    if (!cost.seconds) return std::nullopt;
    sum += *cost.seconds;
  }
  return sum;
}

OrderedJson number(std::optional<double> value) { return value ? OrderedJson(*value) : OrderedJson(); }

}  // namespace

Table run_table(SweepRuns const& sweep, std::vector<RunState> const& states) {
  return table_of(sweep,
                  {{"dev", Align::right}, {sweep.metric, Align::right}, {"self-selection F1", Align::right}, {"state"}},
                  [&](std::size_t i) {
                    RunState const& state = states[i];
                    return std::vector<std::string>{decimal(state.dev, 4), decimal(state.metric, 4),
                                                    decimal(state.selection, 4), state.text()};
                  });
}

Table cost_table(SweepRuns const& sweep, std::vector<RunState> const& states, std::vector<RunCost> const& costs) {
  auto const count = [](std::int64_t n) { return n > 0 ? grouped(n) : std::string("–"); };
  return table_of(sweep, {{"steps", Align::right}, {"records", Align::right}, {"left", Align::right}, {"state"}},
                  [&](std::size_t i) {
                    RunCost const& cost = costs[i];
                    return std::vector<std::string>{count(cost.steps), count(cost.records),
                                                    cost.seconds ? duration_text(*cost.seconds) : std::string("–"),
                                                    states[i].text()};
                  });
}

std::string counts_text(std::vector<RunState> const& states) {
  std::string text = std::to_string(states.size()) + (states.size() == 1 ? " run: " : " runs: ");
  for (std::size_t s = 0; s < stage_names.size(); ++s)
    text += (s == 0 ? "" : ", ") + std::to_string(count_of(states, static_cast<RunStage>(s))) + " " + stage_names[s];
  return text;
}

std::string costs_text(std::vector<RunState> const& states, std::vector<RunCost> const& costs) {
  std::int64_t const records = total_of(costs, &RunCost::records);
  std::string text = grouped(total_of(costs, &RunCost::steps)) + " steps" +
                     (records > 0 ? " of " + grouped(records) + " records" : "") + " in all";
  std::optional<double> const rate = seconds_a_step(states), seconds = seconds_in_all(costs);
  if (count_of(states, RunStage::done) == states.size()) return text + "; all of it is done";
  if (!rate || !seconds) return text + "; the time is known once a run is done";
  return text + "; about " + duration_text(*seconds) + " are left, one run after another (" + decimal(*rate) +
         " s a step, the median of the runs that are done, their start and evaluation in it)";
}

std::string duration_text(double seconds) {
  auto const whole = std::llround(seconds);
  if (whole < 100) return std::to_string(whole) + " s";
  auto const minutes = std::llround(seconds / 60);
  if (minutes < 100) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

std::string run_csv(SweepRuns const& sweep, std::vector<RunState> const& states) {
  std::vector<std::string> const keys = keys_of(sweep);
  std::vector<std::string> head{"run", "arm"};
  head.insert(head.end(), keys.begin(), keys.end());
  head.insert(head.end(), {"dev." + sweep.metric, sweep.metric, "self_selection_macro_f1", "state", "step",
                           "total_steps", "attempts", "failures", "seconds", "exit_code", "cause"});
  std::string text = csv_line(head);
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) {
    RunState const& state = states[i];
    std::vector<std::string> cells{sweep.runs[i].id, sweep.runs[i].arm.name};
    for (std::string const& key : keys) cells.push_back(value_of(sweep.runs[i], key));
    cells.insert(cells.end(), {exact(state.dev), exact(state.metric), exact(state.selection),
                               stage_names[static_cast<std::size_t>(state.stage)], std::to_string(state.step),
                               std::to_string(state.total_steps), std::to_string(state.attempts.started),
                               std::to_string(state.attempts.failed), exact(state.attempts.seconds),
                               state.stage == RunStage::failed ? std::to_string(state.exit_code) : "", state.cause});
    text += csv_line(cells);
  }
  return text;
}

OrderedJson run_json(SweepRuns const& sweep, std::vector<RunState> const& states, std::vector<RunCost> const& costs) {
  OrderedJson json{{"sweep", sweep.name}, {"metric", sweep.metric}};
  for (std::size_t s = 0; s < stage_names.size(); ++s)
    json["counts"][stage_names[s]] = count_of(states, static_cast<RunStage>(s));
  if (!costs.empty())
    json["cost"] = {{"steps", total_of(costs, &RunCost::steps)},
                    {"records", total_of(costs, &RunCost::records)},
                    {"seconds_left", number(seconds_in_all(costs))},
                    {"seconds_a_step", number(seconds_a_step(states))}};
  json["runs"] = OrderedJson::array();
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) {
    SweepRun const& run = sweep.runs[i];
    RunState const& state = states[i];
    OrderedJson one{{"id", run.id},
                    {"name", run.arm.name},
                    {"keys", OrderedJson::object()},
                    {"folder", run.id.empty() ? "" : sweep.run_dir(run).string()},
                    {"state", stage_names[static_cast<std::size_t>(state.stage)]},
                    {"step", state.step},
                    {"total_steps", state.total_steps},
                    {"metric", number(state.metric)},
                    {"dev", number(state.dev)},
                    {"left_behind", state.dropped},
                    {"attempts", state.attempts.started},
                    {"failures", state.attempts.failed}};
    for (auto const& [key, value] : run.arm.keys) one["keys"][key] = value;
    if (state.stage == RunStage::failed) {
      one["exit_code"] = state.exit_code;
      one["cause"] = state.cause;
    }
    if (!costs.empty())
      one["cost"] = {
          {"steps", costs[i].steps}, {"records", costs[i].records}, {"seconds_left", number(costs[i].seconds)}};
    json["runs"].push_back(std::move(one));
  }
  return json;
}

}  // namespace bsft
