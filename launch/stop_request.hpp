// Whether this job is asked to stop, by a signal to any of its ranks.
//
// A rank with a signal tells rank 0 by the control channel; the trainers agree by the step's sums (Notes), so that all
// stop after the same step.  Requires: one a rank; calls from the thread that trains or evaluates.
#pragma once

#include <cstdint>
#include <string>

#include "trainer/comm/job.hpp"

namespace bsft {

class StopRequest {
 public:
  explicit StopRequest(Job& job) : job_(job) {}
  // To this rank, or as rank 0 was told.  Never taken back.
  bool asked();
  // Error(start_again) where asked() before anything was trained.
  void leave_before_the_first_step();
  // "saved step 7, asked to stop by SIGUSR1: start again with --resume auto"
  std::string line(std::string const& done);

 private:
  Job& job_;
  int signal_ = 0;
  bool told_ = false;
};

}  // namespace bsft
