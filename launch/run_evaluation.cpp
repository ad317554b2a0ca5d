#include "launch/run_evaluation.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <thread>
#include <utility>

#include "data/base/error.hpp"
#include "launch/evaluator_stand_in.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/comm/control_channel.hpp"
#include "trainer/report/run_events.hpp"

namespace bsft {
namespace {

constexpr int done = static_cast<int>(Exit::done), start_again = static_cast<int>(Exit::start_again);
constexpr double patience = 10;  // s, for an evaluator rank's last word
constexpr int tries = 3;         // of an evaluator rank, in a row, where something that is not its child fails

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void warn(std::string const& line) { std::fprintf(stderr, "bsft: warning: %s\n", line.c_str()); }

// For people; a full disk does not matter here.
void note(std::filesystem::path const& run_dir, OrderedJson const& event) {
  try {
    note_event(run_dir, event);
  } catch (Error const&) {
  }
}

}  // namespace

RunEvaluation::RunEvaluation(Job& job, Config const& config, std::filesystem::path run_dir, std::int64_t owner,
                             int evaluator_ranks, StopRequest& stop, FlightRecorder& recorder)
    : job_(job),
      config_(config),
      run_dir_(std::move(run_dir)),
      owner_(owner),
      evaluators_(evaluator_ranks),
      stop_(stop),
      recorder_(recorder),
      folder_(run_dir_),
      wanted_(!config.evaluate.suites.empty()),
      serves_(job.rank() >= job.size() - evaluator_ranks) {
  if (!wanted_) return;
  if (leads()) {
    folder_.prepare();
    forget_lost(run_dir_);
    enter("open", 0);
    claims_ = std::make_unique<Claims>(folder_.work(), stale_after(config_));
  }
  if (!serves_) return;
  // Its thread says that this process lives; the guardian looks for that.
  worker_ = std::make_unique<EvaluationWorker>(
      config_, run_dir_, [this] { return gives_up(); }, [this] { recorder_.does(Activity::evaluation); });
  recorder_.does(Activity::evaluation);
}

void RunEvaluation::enter(std::string const& phase, std::int64_t last_step) {
  EvaluationPhase now;
  now.owner = owner_;
  now.phase = phase;
  now.last_step = last_step;
  folder_.enter(now);
}

EvaluationWorker& RunEvaluation::own_worker() {
  if (!worker_) worker_ = std::make_unique<EvaluationWorker>(config_, run_dir_, [this] { return gives_up(); });
  return *worker_;
}

void RunEvaluation::take_up(std::int64_t last_step) {
  if (!wanted_) return;
  if (leads()) reconcile(config_, run_dir_, last_step);
  if (evaluators_ > 0) return;
  if (leads()) until([this] { return folder_.waiting().empty(); });
  job_.wait_for_all(std::numeric_limits<double>::infinity(), [this] { stop_.asked(); });
}

void RunEvaluation::published(std::int64_t step, bool last) {
  if (!wanted_) return;
  bool const due = is_scored(config_, step, last);
  if (leads()) {
    try {
      if (due)
        folder_.lease(step, folder_.rows().count(step) > 0);
      else
        skip(folder_, config_, step, "not due by evaluate.every");
    } catch (Failed const& error) {
      if (last) throw;
      warn(step_name(step) + " will not be scored: " + error.what());
    }
    if (evaluators_ > 0)
      nobody_scores();
    else if (due)
      until([this] { return folder_.waiting().empty(); });
  }
  if (evaluators_ == 0) job_.wait_for_all(std::numeric_limits<double>::infinity(), [this] { stop_.asked(); });
}

// The ear, also while a child computes.
bool RunEvaluation::gives_up() {
  if (stop_.asked()) return true;
  if (!serves_ || seconds_since(looked_) < 0.2) return false;
  looked_ = Clock::now();
  EvaluationPhase const now = folder_.phase();
  return now.owner == owner_ && now.phase == "abandoned";
}

// Rank 0: that no worker has been heard for so long is said once.
bool RunEvaluation::nobody_scores() {
  if (evaluators_ == 0 || worker_) return true;
  // A job that was stopped as a whole has not been silent: between two looks a second counts at most.
  unheard_ = any_worker(*claims_) ? 0 : unheard_ + std::min(seconds_since(looked_), 1.0);
  looked_ = Clock::now();
  bool const silent = unheard_ > stale_after(config_);
  if (silent && !told_) {
    told_ = true;
    std::string const line = "no evaluator has been heard for " + std::to_string(config_.parallel.hang_seconds) +
                             " s: training goes on, and what is missing at its end is scored by trainer rank 0";
    warn(line);
    note(run_dir_, {{"event", "evaluator_lost"}, {"message", line}});
  }
  return silent;
}

// Rank 0 works where nobody else does.
void RunEvaluation::until(std::function<bool()> const& holds) {
  while (!stop_.asked() && !holds()) {
    if (!nobody_scores() || !own_worker().work()) nap();
  }
}

bool RunEvaluation::enough(std::int64_t step) {
  if (!waits()) return false;
  recorder_.does(Activity::evaluation);
  ControlChannel* const channel = job_.channel();
  if (!leads()) {
    for (;; nap()) {
      stop_.asked();
      if (auto const word = channel->poll(0, ControlChannel::scored)) return *word != 0;
    }
  }
  Clock::time_point const start = Clock::now();
  until([this] { return folder_.waiting().empty(); });
  if (double const seconds = seconds_since(start); evaluators_ > 0)
    note(run_dir_, {{"event", "evaluation_wait"}, {"step", step}, {"seconds", seconds}});
  auto rows = folder_.rows();
  std::erase_if(rows, [&](auto const& row) { return row.first >= step || !is_scored(config_, row.first, false); });
  bool const ends = !stop_.asked() && patience_ran_out(rows, config_.evaluate.patience);
  for (int rank = 1; rank < trainers(); ++rank) channel->send(rank, ControlChannel::scored, ends ? 1 : 0);
  return ends;
}

int RunEvaluation::finish_here(std::int64_t last_step) {
  enter("complete", last_step);
  auto const closed = [this] { return folder_.phase().phase == "closed"; };
  until(closed);
  if (!closed()) {
    enter("abandoned", last_step);
    return start_again;
  }
  EvaluationPhase const end = folder_.phase();
  if (!end.message.empty()) std::fprintf(stderr, "bsft: error: %s\n", end.message.c_str());
  return end.exit_code;
}

int RunEvaluation::finish(std::int64_t last_step) {
  int const code = end(wanted_ && leads() ? finish_here(last_step) : done);
  worker_.reset();
  claims_.reset();
  if (wanted_ && leads() && code == done) folder_.tidy();
  return code;
}

int RunEvaluation::abandon() {
  try {
    if (wanted_ && leads()) enter("abandoned", 0);
  } catch (Error const& error) {
    warn(error.what());
  }
  return end(start_again);
}

bool RunEvaluation::comes_no_more(int evaluator, double limit) {
  for (Clock::time_point const start = Clock::now();; nap()) {
    if (job_.channel()->poll(evaluator, ControlChannel::finished)) return false;
    stop_.asked();
    if (is_lost(run_dir_, evaluator) || seconds_since(start) > limit) return true;
  }
}

// Rank 0's code, for all that will come to the end.
int RunEvaluation::end(int code) {
  ControlChannel* const channel = job_.channel();
  if (channel == nullptr) return code;
  if (!leads()) {
    for (;; nap()) {
      stop_.asked();
      if (auto const word = channel->poll(0, ControlChannel::ended)) {
        lost_ = *word >= ControlChannel::without;
        return static_cast<int>(*word % ControlChannel::without);
      }
    }
  }
  double const limit = code == start_again ? patience : std::max(patience, stale_after(config_));
  std::set<int> gone;
  for (int rank = trainers(); rank < job_.size(); ++rank) {
    if (comes_no_more(rank, limit)) gone.insert(rank);
  }
  lost_ = !gone.empty();
  for (int rank = 1; rank < job_.size(); ++rank) {
    if (gone.count(rank) == 0) channel->send(rank, ControlChannel::ended, code + (lost_ ? ControlChannel::without : 0));
  }
  return code;
}

int RunEvaluation::serve() {
  for (int failures = 0; wanted_ && failures < tries && !gives_up();) {
    try {
      EvaluationPhase const now = worker_->phase(owner_);
      if (now.phase == "closed" || now.phase == "abandoned") break;
      if (!worker_->work()) nap();
      failures = 0;
    } catch (std::exception const& error) {
      ++failures;
      warn("evaluator rank " + std::to_string(job_.rank()) + ": " + error.what());
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }
  worker_.reset();
  recorder_.does(Activity::ending);
  job_.channel()->send(0, ControlChannel::finished, 0);
  return end(done);
}

}  // namespace bsft
