// bsft sweep: many runs from one file.
#include <charconv>
#include <cstdio>
#include <iostream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "launch/commands/choices.hpp"
#include "launch/commands/commands.hpp"
#include "launch/stop_signals.hpp"
#include "launch/sweep/sweep_comparison.hpp"
#include "launch/sweep/sweep_page.hpp"
#include "launch/sweep/sweep_runner.hpp"
#include "launch/sweep/sweep_submission.hpp"
#include "launch/sweep/sweep_table.hpp"
#include "trainer/report/report_page.hpp"

namespace bsft {
namespace {

std::filesystem::path file_of(Arguments const& arguments) { return arguments.positional.front(); }

int print(OrderedJson const& json) {
  std::cout << json.dump(1) << std::endl;
  return 0;
}

std::string suite_for(Arguments const& arguments, SweepRuns const& sweep) {
  return arguments.has("suite") ? arguments.text("suite") : suite_of(sweep.metric);
}

// "90s", "45m", "2h", "1.5d" in seconds; empty where nothing was typed.
std::optional<double> duration(Arguments const& arguments, std::string const& option) {
  if (!arguments.has(option)) return std::nullopt;
  std::string const text = arguments.text(option);
  double value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  double const unit = std::string_view(end) == "s"   ? 1
                      : std::string_view(end) == "m" ? 60
                      : std::string_view(end) == "h" ? 3600
                      : std::string_view(end) == "d" ? 86400
                                                     : 0;
  if (error != std::errc() || unit == 0 || !(value > 0) || value > 1e6)
    throw Invalid(Exit::usage, "--" + option + " " + text, "not a duration", "write a number and s, m, h or d: 90m");
  return value * unit;
}

int plan(Arguments const& arguments) {
  Files const files = arguments.has("without-files") ? Files::may_lack : Files::must_exist;
  SweepRuns const sweep = open_sweep(file_of(arguments), files);
  std::vector<RunState> const states = states_of(sweep);
  std::vector<RunCost> const costs = costs_of(sweep, states, files);
  if (arguments.has("json")) return print(run_json(sweep, states, costs));
  std::cout << cost_table(sweep, states, costs).render(TableStyle::terminal) << counts_text(states) << "\n"
            << costs_text(states, costs) << std::endl;
  return 0;
}

int status(Arguments const& arguments) {
  SweepRuns const sweep = open_sweep(file_of(arguments), Files::may_lack);
  std::vector<RunState> const states = states_of(sweep);
  if (arguments.has("json")) return print(run_json(sweep, states));
  std::cout << run_table(sweep, states).render(TableStyle::terminal) << counts_text(states) << std::endl;
  return 0;
}

int run(Arguments const& arguments) {
  listen_for_stop(Answers::no);
  std::int64_t const ranks = arguments.has("ranks") ? at_least(arguments, "ranks", 1) : 0;
  RunRequest const request{ranks, at_least(arguments, "together", 1), arguments.list("srun-arg"),
                           duration(arguments, "budget"), arguments.list("only")};
  SweepRuns const sweep = open_sweep(file_of(arguments), Files::must_exist);
  SweepRunner runner(sweep, request);
  std::vector<RunState> const& states = runner.run();
  if (!request.only.empty()) return runner.conclude();
  std::cout << run_table(sweep, states).render(TableStyle::terminal) << std::endl;
  try {
    OrderedJson const comparison = compare_sweep(sweep, states, suite_of(sweep.metric));
    if (!comparison.is_null()) std::cout << sweep_comparison_text(comparison, TableStyle::terminal) << std::endl;
  } catch (Error const& error) {  // they may judge other records
    std::cerr << "bsft: the arms are not compared: " << error.what() << std::endl;
  }
  std::cerr << "bsft: the table is in " << (sweep.folder / "table.md").string() << " and table.csv" << std::endl;
  return runner.conclude();
}

int submit(Arguments const& arguments) {
  SweepRuns const sweep = open_sweep(file_of(arguments), Files::must_exist);
  std::vector<RunState> const states = states_of(sweep);
  SweepSubmission const jobs = submission_of(sweep, states, slurm::site_of(arguments.text("site")), most_array_tasks());
  if (jobs.runs == 0) {
    std::cout << counts_text(states) << ": nothing is left to submit" << std::endl;
    return 0;
  }
  if (arguments.has("print")) {
    for (slurm::BatchJob const& array : jobs.arrays) std::cout << slurm::script_of(array, jobs.site) << "\n";
    std::cout << slurm::script_of(jobs.report, slurm::alone(jobs.site)) << std::flush;
    return 0;
  }
  prepare(sweep, {});
  std::vector<std::string> const ids = submit_sweep(jobs);
  std::string const file = file_of(arguments).string();
  for (std::size_t i = 0; i + 1 < ids.size(); ++i)
    std::cout << "job " << ids[i] << ": " << jobs.arrays[i].words.size() << " runs, " << jobs.site.array_parallelism
              << " at a time\n";
  std::cout << "job " << ids.back() << ": the report, behind them\n  bsft sweep status " << file << "\n  scancel "
            << ids.front() << "   ends them; submitted again, what is left goes on\n  logs    "
            << slurm::log_file(jobs.arrays.front()).string() << "\n  results " << sweep.folder.string() << std::endl;
  return 0;
}

int report(Arguments const& arguments) {
  SweepRuns const sweep = open_sweep(file_of(arguments), Files::may_lack);
  std::vector<RunState> const states = states_of(sweep);
  OrderedJson const comparison = compare_sweep(sweep, states, suite_for(arguments, sweep));
  if (count_of(states, RunStage::done) > 0) {
    std::filesystem::path const page =
        arguments.has("out") ? std::filesystem::path(arguments.text("out")) : sweep.folder / "report.html";
    write_atomically(page, sweep_html(page_of(sweep, states, best_text(best_of(sweep, states))), comparison));
    write_atomically(sweep.folder / "table.csv", run_csv(sweep, states));
    std::cerr << "bsft: the page is " << page.string() << std::endl;
  }
  if (comparison.is_null())
    throw Invalid(Exit::data, "sweep " + sweep.name, "fewer than two arms have results",
                  "bsft sweep run " + file_of(arguments).string());
  std::cout << sweep_comparison_text(comparison, TableStyle::terminal) << std::flush;
  return 0;
}

}  // namespace

std::vector<Command> sweep_commands() {
  Option const json{"json", "", "as JSON", "", false, false};
  return {
      {"sweep plan",
       "Run",
       "the runs of a sweep, their ids, what they cost, and what is done already",
       "SWEEP.yaml",
       {{"without-files", "", "model.path and data.file need not be there", "", false, false}, json},
       {"bsft sweep plan configs/sweeps/loss_weight.yaml"},
       plan},
      {"sweep run",
       "Run",
       "train the runs of a sweep, each in runs/SWEEP/ID; what is done is kept, a failed one stops no other",
       "SWEEP.yaml",
       {{"ranks", "N", "MPI ranks of a run (default 1: a plain process; in a Slurm job its tasks, split among K)", "",
         false, false},
        {"together", "K", "runs at a time, each with its share of the CPUs or of the job", "1", false, false},
        {"budget", "TIME", "start none that would not end within 90m, 2h, …, as done ones have taken", "", false,
         false},
        {"only", "WHICH", "these ids, or what is failed or waiting", "", false, true},
        {"srun-arg", "WORD", "one more word to srun, as --srun-arg=--cpu-bind=cores", "", false, true}},
       {"bsft sweep run configs/sweeps/loss_weight.yaml --ranks 3",
        "bsft sweep run configs/sweeps/loss_weight.yaml --together 4 --budget 2h"},
       run},
      {"sweep submit",
       "Run",
       "the runs that are not done as an array of Slurm jobs, and the report behind them",
       "SWEEP.yaml",
       {{"site", "FILE.yaml", "in place of slurm/site.yaml", "", false, false},
        {"print", "", "only print the scripts", "", false, false}},
       {"bsft sweep submit configs/sweeps/loss_weight.yaml", "bsft sweep submit SWEEP.yaml --print"},
       submit},
      {"sweep status",
       "Run",
       "how the runs of a sweep stand, by their files, from any node",
       "SWEEP.yaml",
       {json},
       {"bsft sweep status configs/sweeps/loss_weight.yaml"},
       status},
      {"sweep report",
       "Run",
       "the arms side by side, over their seeds, with intervals and paired tests",
       "SWEEP.yaml",
       {{"suite", "SUITE", "of this suite (default: the metric's)", "", false, false},
        {"out", "FILE.html", "the page (default: report.html in the sweep's folder)", "", false, false}},
       {"bsft sweep report configs/sweeps/paper_table.yaml --suite contrast"},
       report},
  };
}

}  // namespace bsft
