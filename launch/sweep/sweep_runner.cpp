#include "launch/sweep/sweep_runner.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "launch/stop_signals.hpp"
#include "launch/sweep/sweep_table.hpp"
#include "trainer/checkpoint/run_directory.hpp"
#include "trainer/report/run_status.hpp"

namespace bsft {
namespace {

constexpr double patience = 180;  // s, for the holder of named runs: longer than it takes to see that it was lost

void say(std::string const& line) {
  std::fprintf(stderr, "bsft: %s\n", line.c_str());
  std::fflush(stderr);
}

bool names(std::vector<std::string> const& only, SweepRun const& run, RunState const& state) {
  auto const name = [&](std::string const& word) {
    return word == run.id || word == stage_names[static_cast<std::size_t>(state.stage)];
  };
  return only.empty() || std::any_of(only.begin(), only.end(), name);
}

}  // namespace

SweepRunner::SweepRunner(SweepRuns const& sweep, RunRequest const& request)
    : sweep_(sweep),
      request_(request),
      shares_(shares_of(request.ranks, request.together, request.srun_args)),
      claims_(sweep.claims(), claim_stale),
      states_(states_of(sweep)),
      costs_(costs_of(sweep, states_, Files::must_exist)) {
  for (std::string const& word : request_.only) {
    bool const id = std::any_of(sweep.runs.begin(), sweep.runs.end(), [&](auto const& run) { return run.id == word; });
    if (!id && word != "failed" && word != "waiting")
      throw Invalid(Exit::usage, "--only " + word, "not a run of " + sweep.file.string() + ", nor failed or waiting",
                    "bsft sweep plan " + sweep.file.string() + " lists them");
  }
  std::vector<SweepRun const*> runs;
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) {
    if (states_[i].stage == RunStage::done || !names(request_.only, sweep.runs[i], states_[i])) continue;
    wanted_.push_back(i);
    runs.push_back(&sweep.runs[i]);
  }
  for (RunState const& state : states_) failed_before_.push_back(state.attempts.failed);
  tried_.resize(states_.size());
  for (std::size_t const index : wanted_)  // a failed one is tried again
    if (states_[index].stage == RunStage::failed) states_[index].stage = RunStage::waiting;
  prepare(sweep, runs);
}

double SweepRunner::elapsed() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

std::vector<RunState> const& SweepRunner::run() {
  for (;;) {
    if (running_.empty() && left_.empty() && !asked_ && !next_rung()) break;
    if (stop_signal() != 0) {
      pass_on_stop();
    } else {
      while (running_.size() < static_cast<std::size_t>(shares_.together) && start_one()) {
      }
    }
    if (running_.empty() && (asked_ || out_of_budget_)) break;
    bool const waits = running_.empty() && !left_.empty();  // for others
    if (waits && !request_.only.empty() && elapsed() > patience) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(waits ? 1000 : 50));
    look_after();
    stop_at_rung();
  }
  states_ = states_of(sweep_);
  write_table();
  return states_;
}

// What is to be done now: up to the first rung that is not decided.  False where that is nothing.
bool SweepRunner::next_rung() {
  rung_ = halve(sweep_, states_);
  for (std::size_t const index : wanted_)
    if (states_[index].dropped == 0 && !is_settled(index)) left_.push_back(index);
  return !left_.empty();
}

// Nothing is left to do with it, for this rung or at all.
bool SweepRunner::is_settled(std::size_t index) const {
  RunState const& state = states_[index];
  bool const at_rung = rung_ < state.rungs.scores.size() && state.rungs.scores[rung_];
  return tried_[index] || at_rung || state.stage == RunStage::done || state.attempts.failed > failed_before_[index];
}

void SweepRunner::stop_at_rung() {
  if (rung_ >= sweep_.halving.rungs.size() || Clock::now() - looked_ < std::chrono::milliseconds(200)) return;
  looked_ = Clock::now();
  for (Running& running : running_) {
    SweepRun const& run = sweep_.runs[running.index];
    if (running.asked || !rung_scores(sweep_, run).scores[rung_]) continue;
    running.asked = true;
    running.child.signal(SIGUSR1);
  }
}

// False where nothing can be started now.
bool SweepRunner::start_one() {
  for (std::size_t at = 0; at < left_.size() && !out_of_budget_; ++at) {
    std::size_t const index = left_[at];
    Start const start = try_to_start(index);
    if (start == Start::too_long) out_of_budget_ = true;
    if (start == Start::elsewhere || start == Start::too_long) continue;
    left_.erase(left_.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
  }
  if (running_.empty() && !left_.empty() && !out_of_budget_ && !std::exchange(told_of_others_, true))
    say("waiting for what another process has in hand: " + std::to_string(left_.size()) + " of " +
        std::to_string(sweep_.runs.size()) + " runs");
  return false;
}

SweepRunner::Start SweepRunner::try_to_start(std::size_t index) {
  SweepRun const& run = sweep_.runs[index];
  if (!claims_.take(run.id)) return Start::elsewhere;
  if (is_in_use(sweep_.run_dir(run))) {  // by hand, or it saves: who started it is gone
    claims_.drop(run.id);
    return Start::elsewhere;
  }
  states_[index] = state_of(sweep_, run, claims_);
  bool const settled = is_settled(index);
  if (!settled && fits(index)) {
    begin(index);
    return Start::begun;
  }
  claims_.drop(run.id);
  return settled ? Start::settled : Start::too_long;
}

bool SweepRunner::fits(std::size_t index) const {
  if (!request_.budget) return true;
  std::optional<double> const rate = seconds_a_step(states_);
  auto const left = static_cast<double>(std::max<std::int64_t>(costs_[index].steps - states_[index].step, 0));
  return elapsed() + rate.value_or(0) * left < *request_.budget;
}

std::size_t SweepRunner::free_share() const {
  std::size_t share = 0;
  while (std::any_of(running_.begin(), running_.end(), [&](Running const& one) { return one.share == share; })) ++share;
  return share;
}

void SweepRunner::begin(std::size_t index) {
  SweepRun const& run = sweep_.runs[index];
  std::string keys;
  for (auto const& [key, value] : run.arm.keys) keys += " " + key + "=" + value;
  say("run " + std::to_string(index + 1) + " of " + std::to_string(sweep_.runs.size()) + ", " + run.id + ":" + keys);
  std::size_t const share = free_share();
  std::optional<OnCpus> own;
  if (!shares_.cpus.empty()) own.emplace(shares_.cpus[share]);
  note_start(sweep_.arm_file(run, ".jsonl"), shares_.ranks);
  running_.push_back({index, share, shares_.ways.front(),
                      Child(this_program(), start_words(shares_, sweep_.arm_file(run, ".yaml").string()),
                            sweep_.arm_file(run, ".log"), Variables::kept),
                      Clock::now()});
}

void SweepRunner::pass_on_stop() {
  if (std::exchange(asked_, true)) return;
  say(name_of_signal(stop_signal()) + ": what runs (" + std::to_string(running_.size()) +
      ") is asked to save and stop, and nothing else is started");
  for (Running const& running : running_) running.child.signal(SIGUSR1);
}

void SweepRunner::look_after() {
  for (std::size_t i = 0; i < running_.size();) {
    std::optional<ChildEnd> const end = running_[i].child.ended();
    if (end) {
      ended(running_[i], *end);
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

// MPI sees other ranks than were started: nothing was written, and the next way may do.
bool SweepRunner::tries_another_way(Running const& running, ChildEnd const& end) {
  bool const first = shares_.ways.front() == running.way;
  if (end.exit_code != static_cast<int>(Exit::unavailable) || (first && shares_.ways.size() < 2)) return false;
  if (first) shares_.ways.erase(shares_.ways.begin());
  say("not by " + running.way + ", by " + shares_.ways.front() + " then (" + end.error + ")");
  left_.insert(std::lower_bound(left_.begin(), left_.end(), running.index), running.index);
  return true;
}

void SweepRunner::ended(Running const& running, ChildEnd const& end) {
  SweepRun const& run = sweep_.runs[running.index];
  AttemptEnd attempt{end.exit_code, end.error, 0, std::chrono::duration<double>(Clock::now() - running.since).count()};
  bool const own_code = end.exit_code == 0 || (end.exit_code >= 64 && end.exit_code <= 88);  // else a launcher's
  if ((asked_ || running.asked) && !own_code) attempt.exit_code = static_cast<int>(Exit::start_again);
  if (auto const status = read_status(sweep_.run_dir(run))) attempt.step = status->step;
  if (tries_another_way(running, end))
    attempt.exit_code = static_cast<int>(Exit::start_again);
  else
    tried_[running.index] = !running.asked;
  note_end(sweep_.arm_file(run, ".jsonl"), attempt);
  claims_.drop(run.id);
  RunState& state = states_[running.index];
  state = state_of(sweep_, run, claims_);
  say("run " + run.id + ": " + state.text() + (state.metric ? ", " + decimal(state.metric, 4) : std::string()));
  if (request_.only.empty()) write_table();
}

void SweepRunner::write_table() const {
  write_atomically(sweep_.folder / "table.md", run_table(sweep_, states_).render(TableStyle::markdown));
  write_atomically(sweep_.folder / "table.csv", run_csv(sweep_, states_));
}

int SweepRunner::conclude() const {
  std::vector<std::string> failed;
  std::size_t waiting = 0;
  for (std::size_t const index : wanted_) {
    SweepRun const& run = sweep_.runs[index];
    RunState const& state = states_[index];
    bool const is_ours = state.stage == RunStage::waiting || (asked_ && state.stage == RunStage::running);
    waiting += state.dropped == 0 && is_ours;
    if (state.stage == RunStage::failed)
      failed.push_back("run " + run.id + " " + state.text() + " (" + sweep_.arm_file(run, ".log").string() + ")");
  }
  if (waiting == 0 && !failed.empty()) throw Findings(Exit::evaluation_incomplete, failed);
  if (waiting == 0) return 0;
  for (std::string const& line : failed) say(line);
  std::string const why = asked_           ? "asked to stop by " + name_of_signal(stop_signal())
                          : out_of_budget_ ? "the next one would not fit --budget"
                                           : "they were asked to stop";
  say(one_line(
      sweep_.name + ": " + std::to_string(waiting) + " of " + std::to_string(sweep_.runs.size()) + " runs left", why,
      "start it again: what is done is kept"));
  return static_cast<int>(Exit::start_again);
}

}  // namespace bsft
