// A process in place of an evaluator rank that was lost, so that neither training nor evaluation ends with it.
//
// The rank's guardian (guardian.hpp) calls it: where the rank served, stand_in() says so on standard error and in
// events.jsonl ({"event": "evaluator_lost", "rank", "message"}), leaves a mark for rank 0, which will not wait for that
// rank any more, and runs `bsft evaluate --attach RUN_DIR --watch` until the run ends, three times at most.  MPI takes
// the guardian for the rank: were it to leave, the launcher would end the job; so it stays until the run has said in
// status.json how it ended.  Returns the exit code: 0, or 128 + a signal that asked for it.
// EvaluatorWatch: whether the rank is stopped, by its recorder, which its worker's thread moves once a second
// (parallel.hang_seconds of RUN_DIR/config.yaml); seconds in which this process itself was stopped do not count.
// Requires: `signals` are blocked; no thread and no MPI here.
#pragma once

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>

#include "trainer/comm/flight_recorder.hpp"

namespace bsft {

// Whether the rank is an evaluator's and has begun to serve.
bool serves(FlightRecorder const& recorder);
int stand_in(FlightRecorder const& recorder, sigset_t const& signals, std::string const& line);

class EvaluatorWatch {
 public:
  explicit EvaluatorWatch(FlightRecorder const& recorder) : recorder_(recorder) {}
  // Called once a second.
  bool is_stopped();
  std::int64_t limit() const { return limit_; }

 private:
  FlightRecorder const& recorder_;
  std::int64_t progress_ = -1, quiet_ = 0, limit_ = 0;  // s
};

// The marks of an earlier attempt.
void forget_lost(std::filesystem::path const& run_dir);
bool is_lost(std::filesystem::path const& run_dir, int rank);

}  // namespace bsft
