#include "launch/run_evaluation.hpp"

#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>
#include <vector>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/comm/control_channel.hpp"

namespace bsft {

RunEvaluation::RunEvaluation(Job& job, Config const& config, std::filesystem::path run_dir, int evaluator_ranks)
    : job_(job),
      config_(config),
      run_dir_(std::move(run_dir)),
      wanted_(!config.evaluate.suites.empty()),
      has_rank_(evaluator_ranks > 0),
      evaluator_(job.size() - 1) {
  if (!wanted_) return;
  if (job_.rank() == (has_rank_ ? evaluator_ : 0)) scorer_ = std::make_unique<CheckpointScorer>(config_, run_dir_);
}

void RunEvaluation::published(std::int64_t step, std::int64_t ordinal, bool last) {
  bool const due = last || ordinal % config_.evaluate.every == 0;
  if (!wanted_ || !due) return;
  if (has_rank_) {
    if (job_.rank() != 0) return;
    try {
      write_atomically(lease_of(run_dir_, step), "");
    } catch (Failed const& error) {
      if (last) throw;
      std::fprintf(stderr, "bsft: warning: %s will not be scored: %s\n", step_name(step).c_str(), error.what());
      return;
    }
    job_.channel()->send(evaluator_, ControlChannel::published, step);
    return;
  }
  if (scorer_) scorer_->score(step);
  job_.wait_for_all();
}

int RunEvaluation::finish_scoring(std::int64_t last_step) {
  try {
    scorer_->finish(last_step);
    return static_cast<int>(Exit::done);
  } catch (Error const& error) {
    std::fprintf(stderr, "bsft: error: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}

int RunEvaluation::finish(std::int64_t last_step) {
  int code = static_cast<int>(Exit::done);
  if (wanted_ && has_rank_ && job_.rank() == 0) {
    job_.channel()->send(evaluator_, ControlChannel::published, ControlChannel::no_more);
    code = static_cast<int>(job_.channel()->wait(evaluator_, ControlChannel::finished));
  } else if (wanted_ && scorer_) {
    code = finish_scoring(last_step);
  }
  job_.wait_for_all();
  return code;
}

int RunEvaluation::serve() {
  std::int64_t last_step = 0;
  std::vector<std::int64_t> waiting;
  bool more = true;
  while (more || !waiting.empty()) {
    while (auto const message = job_.channel()->poll(0, ControlChannel::published)) {
      if (*message == ControlChannel::no_more) {
        more = false;
      } else {
        waiting.push_back(*message);
        last_step = *message;
      }
    }
    if (waiting.empty()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      continue;
    }
    // "latest": what is older than the newest is given up, and its lease with it.
    if (config_.evaluate.policy == "latest" && waiting.size() > 1) {
      for (std::size_t i = 0; i + 1 < waiting.size(); ++i) {
        std::error_code ignored;
        if (waiting[i] != 0) std::filesystem::remove(lease_of(run_dir_, waiting[i]), ignored);
      }
      waiting = {waiting.back()};
    }
    scorer_->score(waiting.front());
    waiting.erase(waiting.begin());
  }
  int const code = finish_scoring(last_step);
  job_.channel()->send(0, ControlChannel::finished, code);
  job_.wait_for_all();
  return code;
}

}  // namespace bsft
