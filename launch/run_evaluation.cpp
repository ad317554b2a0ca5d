#include "launch/run_evaluation.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <string>
#include <thread>
#include <utility>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/comm/control_channel.hpp"

namespace bsft {
namespace {

constexpr int start_again = static_cast<int>(Exit::start_again);
constexpr double patience = 10;  // s for the last to come, once the job is asked to stop

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

}  // namespace

RunEvaluation::RunEvaluation(Job& job, Config const& config, std::filesystem::path run_dir, int evaluator_ranks,
                             StopRequest& stop)
    : job_(job),
      config_(config),
      run_dir_(std::move(run_dir)),
      stop_(stop),
      wanted_(!config.evaluate.suites.empty()),
      has_rank_(evaluator_ranks > 0),
      evaluator_(job.size() - 1) {
  if (!wanted_ || job_.rank() != (has_rank_ ? evaluator_ : 0)) return;
  scorer_ = std::make_unique<CheckpointScorer>(config_, run_dir_, "", [this] { return gives_up(); });
}

bool RunEvaluation::wait_for_all(double limit) {
  return job_.wait_for_all(limit, [this] { stop_.asked(); });
}

void RunEvaluation::announce(std::int64_t step, bool last) {
  if (job_.rank() != 0) return;
  try {
    write_atomically(lease_of(run_dir_, step), "");
  } catch (Failed const& error) {
    if (last) throw;
    std::fprintf(stderr, "bsft: warning: %s will not be scored: %s\n", step_name(step).c_str(), error.what());
    return;
  }
  if (has_rank_) job_.channel()->send(evaluator_, ControlChannel::published, step);
  if (scorer_) scorer_->score(step);
}

void RunEvaluation::published(std::int64_t step, bool last) {
  if (!wanted_ || !is_scored(config_, step, last)) return;
  announce(step, last);
  if (!has_rank_) wait_for_all();
}

void RunEvaluation::take_up(std::vector<std::int64_t> const& steps) {
  if (!wanted_) return;
  for (std::int64_t const step : steps) write_atomically(lease_of(run_dir_, step), "");
  for (std::int64_t const step : steps) announce(step, false);
  if (!has_rank_) wait_for_all();
}

int RunEvaluation::finish_scoring(std::int64_t last_step) {
  try {
    scorer_->finish(last_step);
    return static_cast<int>(Exit::done);
  } catch (Error const& error) {
    if (error.code() != Exit::start_again) std::fprintf(stderr, "bsft: error: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}

int RunEvaluation::wait_for_evaluator() {
  for (bool told = false;; nap()) {
    if (auto const code = job_.channel()->poll(evaluator_, ControlChannel::finished)) return static_cast<int>(*code);
    if (told || !stop_.asked()) continue;
    job_.channel()->send(evaluator_, ControlChannel::published, ControlChannel::abandoned);
    told = true;
  }
}

// The worst code of any rank, for all.
int RunEvaluation::leave(int code) {
  if (!wait_for_all(code == start_again ? patience : std::numeric_limits<double>::infinity())) job_.abort(start_again);
  for (std::string const& theirs : job_.everyone().exchange(std::to_string(code)))
    code = std::max(code, std::stoi(theirs));
  return code;
}

int RunEvaluation::finish(std::int64_t last_step) {
  int code = static_cast<int>(Exit::done);
  if (wanted_ && has_rank_ && job_.rank() == 0) {
    job_.channel()->send(evaluator_, ControlChannel::published, ControlChannel::no_more);
    code = wait_for_evaluator();
  } else if (wanted_ && scorer_) {
    code = finish_scoring(last_step);
  }
  return leave(code);
}

int RunEvaluation::abandon() {
  if (wanted_ && has_rank_ && job_.rank() == 0)
    job_.channel()->send(evaluator_, ControlChannel::published, ControlChannel::abandoned);
  return leave(start_again);
}

// The evaluator's ear, also while its child computes: rank 0's messages, and signals, which rank 0 is told.
bool RunEvaluation::gives_up() {
  bool const asked = stop_.asked();
  if (job_.rank() != evaluator_ || !has_rank_) return asked;
  while (auto const message = job_.channel()->poll(0, ControlChannel::published)) {
    if (*message >= 0) waiting_.push_back(*message);
    abandoned_ = abandoned_ || *message == ControlChannel::abandoned;
    complete_ = complete_ || *message == ControlChannel::no_more;
  }
  return asked || abandoned_;
}

int RunEvaluation::serve() {
  std::int64_t last_step = 0;
  for (;;) {
    bool const stops = gives_up();
    if (!waiting_.empty()) last_step = waiting_.back();
    if (abandoned_ || (complete_ && (stops || waiting_.empty()))) break;
    if (stops || waiting_.empty()) {
      nap();
      continue;
    }
    // "latest": what is older than the newest is given up, and its lease with it.
    if (config_.evaluate.policy == "latest" && waiting_.size() > 1) {
      for (std::size_t i = 0; i + 1 < waiting_.size(); ++i) {
        std::error_code ignored;
        if (waiting_[i] != 0) std::filesystem::remove(lease_of(run_dir_, waiting_[i]), ignored);
      }
      waiting_ = {waiting_.back()};
    }
    std::int64_t const step = waiting_.front();
    waiting_.erase(waiting_.begin());
    scorer_->score(step);
  }
  int const code = abandoned_ ? start_again : finish_scoring(last_step);
  job_.channel()->send(0, ControlChannel::finished, code);
  return leave(code);
}

}  // namespace bsft
