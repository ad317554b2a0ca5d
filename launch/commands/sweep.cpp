#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "launch/commands/commands.hpp"
#include "trainer/config/sweep.hpp"
#include "trainer/evaluate/child.hpp"
#include "trainer/evaluate/comparison.hpp"
#include "trainer/evaluate/results.hpp"
#include "trainer/report/page/comparison_table.hpp"
#include "trainer/report/table.hpp"

namespace bsft {
namespace fs = std::filesystem;
namespace {

struct ArmOutcome {
  std::string status = "waiting";  // done, kept (from an earlier run), failed: why
  std::optional<double> metric, selection;
};

fs::path folder_of(Sweep const& sweep) { return fs::path("runs") / sweep.name; }

std::string suite_of(std::string const& metric) {
  std::string const head = "suites.";
  return metric.rfind(head, 0) == 0 ? metric.substr(head.size(), metric.find('.', head.size()) - head.size()) : "full";
}

// "suites.full.overall.macro_f1_tasks" -> how well the model chooses its behaviour in the same suite.
std::string selection_path(std::string const& metric) { return "steer." + suite_of(metric) + ".selection.macro_f1"; }

// Empty where results.json is not there, damaged, of another configuration, or lacks the metric.
std::optional<ArmOutcome> results_of_arm(Sweep const& sweep, Arm const& arm, fs::path const& run_dir) {
  fs::path const file = run_dir / "results.json";
  if (!fs::exists(file)) return std::nullopt;
  OrderedJson results;
  try {
    results = parse_ordered_json(read_file(file), file.string());
  } catch (Broken const&) {  // cut short: the arm runs again
    return std::nullopt;
  }
  std::string const digest = digest_of(arm.config);
  if (results.is_object() && results.contains("config_digest") && results["config_digest"] != digest)
    return std::nullopt;
  ArmOutcome outcome{"done", value_at(results, sweep.metric), value_at(results, selection_path(sweep.metric))};
  return outcome.metric ? std::optional<ArmOutcome>(outcome) : std::nullopt;
}

std::string shown(std::optional<double> value) {
  if (!value) return "–";
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4f", *value);
  return buffer;
}

// The keys that any arm sets, in the file's order.
std::vector<std::string> keys_of(Sweep const& sweep) {
  std::vector<std::string> names;
  for (Arm const& arm : sweep.arms)
    for (auto const& [key, value] : arm.keys)
      if (std::find(names.begin(), names.end(), key) == names.end()) names.push_back(key);
  return names;
}

Table table_of(Sweep const& sweep, std::vector<ArmOutcome> const& outcomes) {
  std::vector<std::string> const names = keys_of(sweep);
  std::vector<Column> columns = {{"run"}, {"arm"}};
  for (std::string const& name : names) columns.push_back({name, Align::right});
  columns.insert(columns.end(), {{sweep.metric, Align::right}, {"self-selection F1", Align::right}, {"status"}});
  Table table(columns);
  for (std::size_t i = 0; i < sweep.arms.size(); ++i) {
    auto const& keys = sweep.arms[i].keys;
    std::vector<std::string> row = {sweep.arms[i].id, sweep.arms[i].name};
    for (std::string const& name : names) {
      auto const found = std::find_if(keys.begin(), keys.end(), [&](auto const& key) { return key.first == name; });
      row.push_back(found == keys.end() ? "" : found->second);
    }
    row.insert(row.end(), {shown(outcomes[i].metric), shown(outcomes[i].selection), outcomes[i].status});
    table.add(row);
  }
  return table;
}

// Runs that differ in their seed alone, as one arm; without those that have no results.
std::vector<ArmFolders> arms_of(Sweep const& sweep, std::vector<ArmOutcome> const& outcomes) {
  std::vector<ArmFolders> arms;
  for (std::size_t i = 0; i < sweep.arms.size(); ++i) {
    if (!outcomes[i].metric) continue;
    std::string const& name = sweep.arms[i].name;
    auto found = std::find_if(arms.begin(), arms.end(), [&](ArmFolders const& arm) { return arm.name == name; });
    if (found == arms.end()) found = arms.insert(arms.end(), {name, {}});
    found->runs.push_back(folder_of(sweep) / sweep.arms[i].id);
  }
  return arms;
}

// The arms side by side, over their seeds; empty where fewer than two have results.
std::string write_comparison(Sweep const& sweep, std::vector<ArmOutcome> const& outcomes, std::string const& suite) {
  ComparisonRequest request;
  request.arms = arms_of(sweep, outcomes);
  request.suite = suite;
  if (request.arms.size() < 2) return "";
  OrderedJson const comparison = compare_arms(request);
  write_atomically(folder_of(sweep) / ("comparison." + suite + ".json"), comparison.dump(1) + "\n");
  write_atomically(folder_of(sweep) / ("comparison." + suite + ".md"),
                   page::comparison_table(comparison).render(TableStyle::markdown));
  return page::comparison_text(comparison, TableStyle::terminal);
}

fs::path on_path(std::string const& program) {
  if (program.find('/') != std::string::npos) return program;
  char const* variable = std::getenv("PATH");
  std::stringstream folders(variable != nullptr ? variable : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (fs::path const file = fs::path(folder) / program; ::access(file.c_str(), X_OK) == 0) return file;
  throw Unavailable(program, "not on PATH", "load an MPI, or run with --ranks 1");
}

// One arm as a process of its own: its end, however bad, costs the others nothing.
ArmOutcome run_arm(Sweep const& sweep, Arm arm, std::int64_t ranks) {
  fs::path const folder = folder_of(sweep), run_dir = folder / arm.id;
  if (auto kept = results_of_arm(sweep, arm, run_dir)) {
    kept->status = "kept";
    return *kept;
  }
  arm.config.run.dir = run_dir.string();
  fs::path const config = folder / "arms" / (arm.id + ".yaml"), log = folder / "arms" / (arm.id + ".log");
  write_atomically(config, to_yaml(arm.config));
  std::vector<std::string> arguments = {"train", "--config", config.string(), "--resume", "auto"};
  fs::path program = this_program();
  if (ranks > 1) {
    arguments.insert(arguments.begin(), {"-np", std::to_string(ranks), program.string()});
    program = on_path("mpirun");
  }
  ChildEnd const end = run_child(program, arguments, log, Variables::kept);
  if (auto done = results_of_arm(sweep, arm, run_dir); done && end.exit_code == 0) return *done;
  ArmOutcome failed;
  failed.status = "failed: " + (end.exit_code != 0 ? end.error : "no " + sweep.metric + " in results.json") + " (" +
                  log.string() + ")";
  return failed;
}

int report(Arguments const& arguments) {
  Sweep const sweep = read_sweep(arguments.positional.front(), Files::may_lack);
  std::vector<ArmOutcome> outcomes;
  for (Arm const& arm : sweep.arms)
    outcomes.push_back(results_of_arm(sweep, arm, folder_of(sweep) / arm.id).value_or(ArmOutcome{}));
  std::string const suite = arguments.text("suite").empty() ? suite_of(sweep.metric) : arguments.text("suite");
  std::string const text = write_comparison(sweep, outcomes, suite);
  if (text.empty())
    throw Invalid(Exit::data, "sweep " + sweep.name, "fewer than two arms have results",
                  "bsft sweep run " + arguments.positional.front());
  std::fputs(text.c_str(), stdout);
  return 0;
}

int plan(Arguments const& arguments) {
  Files const files = arguments.has("without-files") ? Files::may_lack : Files::must_exist;
  Sweep const sweep = read_sweep(arguments.positional.front(), files);
  std::vector<ArmOutcome> outcomes(sweep.arms.size());
  for (std::size_t i = 0; i < sweep.arms.size(); ++i)
    if (auto const kept = results_of_arm(sweep, sweep.arms[i], folder_of(sweep) / sweep.arms[i].id))
      outcomes[i] = *kept;
  std::fputs(table_of(sweep, outcomes).render(TableStyle::terminal).c_str(), stdout);
  return 0;
}

int run(Arguments const& arguments) {
  std::int64_t const ranks = arguments.integer("ranks");
  if (ranks < 1 || ranks > 100000) throw Invalid(Exit::usage, "--ranks " + arguments.text("ranks"), "at least 1");
  Sweep const sweep = read_sweep(arguments.positional.front());
  fs::create_directories(folder_of(sweep) / "arms");
  std::vector<ArmOutcome> outcomes(sweep.arms.size());
  std::vector<std::string> failed;
  fs::path const table_file = folder_of(sweep) / "table.md";
  for (std::size_t i = 0; i < sweep.arms.size(); ++i) {
    Arm const& arm = sweep.arms[i];
    std::string keys;
    for (auto const& [key, value] : arm.keys) keys += " " + key + "=" + value;
    std::fprintf(stderr, "arm %zu of %zu, %s:%s\n", i + 1, sweep.arms.size(), arm.id.c_str(), keys.c_str());
    outcomes[i] = run_arm(sweep, arm, ranks);
    std::fprintf(stderr, "  %s\n", outcomes[i].status.c_str());
    if (outcomes[i].status.rfind("failed", 0) == 0) failed.push_back("arm " + arm.id + " " + outcomes[i].status);
    write_atomically(table_file, table_of(sweep, outcomes).render(TableStyle::markdown));
  }
  std::fputs(table_of(sweep, outcomes).render(TableStyle::terminal).c_str(), stdout);
  std::fputs(("\n" + write_comparison(sweep, outcomes, suite_of(sweep.metric))).c_str(), stdout);
  std::fprintf(stderr, "the table is in %s\n", table_file.c_str());
  if (!failed.empty()) throw Findings(Exit::evaluation_incomplete, failed);
  return 0;
}

}  // namespace

std::vector<Command> sweep_commands() {
  return {
      {"sweep plan",
       "Run",
       "the arms of a sweep, their ids and what is done already",
       "SWEEP.yaml",
       {{"without-files", "", "model.path and data.file need not be there", "", false, false}},
       {"bsft sweep plan configs/sweeps/loss_weight.yaml"},
       plan},
      {"sweep run",
       "Run",
       "train the arms one after another, each in runs/SWEEP/ID; arms with results are kept, a failed one stops no "
       "other",
       "SWEEP.yaml",
       {{"ranks", "N", "MPI ranks of an arm (mpirun -np N); 1: without mpirun", "1", false, false}},
       {"bsft sweep run configs/sweeps/loss_weight.yaml --ranks 3"},
       run},
      {"sweep report",
       "Run",
       "the arms side by side, over their seeds, with intervals and paired tests",
       "SWEEP.yaml",
       {{"suite", "SUITE", "of this suite (default: the metric's)", "", false, false}},
       {"bsft sweep report configs/sweeps/paper_table.yaml --suite contrast"},
       report},
  };
}

}  // namespace bsft
