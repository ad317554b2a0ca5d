// Whether a job that has ended is started again.
//
//   lost   exit code 87, or an end that left none of its own (a killed launcher, a dead host)
// A lost job is started again, unless it was asked to stop; given up after `most` restarts in a row without a new
// checkpoint.  Every other exit code would come again, or is an end.  Pure.
#pragma once

namespace bsft {

struct Attempt {
  int exit_code = 0;        // its own where it left one, else the launcher's
  bool own_code = false;    // status.json has it
  bool claimed = false;     // it got as far as the run folder
  bool asked = false;       // to stop
  bool progressed = false;  // a checkpoint is new
};

enum class Next { end, restart, give_up };

class RestartPolicy {
 public:
  explicit RestartPolicy(int most) : most_(most) {}
  Next after(Attempt const& attempt);
  int restarts() const { return restarts_; }

 private:
  int most_, restarts_ = 0, in_vain_ = 0;
};

}  // namespace bsft
