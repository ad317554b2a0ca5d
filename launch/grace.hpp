// Say early that a step and its save do not fit between the launcher's SIGTERM and its SIGKILL.
//
// The time of a save is predicted as the doctor does it, by a short write into the run's folder; the step's is told
// once it is known.  Nothing is said where nobody would kill: started by hand, or by bsft launch, which asks by
// SIGUSR1. Errors: none; where the folder cannot be written to, the first save will say so.  One rank.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "launch/world.hpp"

namespace bsft {

class Grace {
 public:
  Grace(std::int64_t checkpoint_bytes, std::filesystem::path const& folder, Environment const& environment);
  // "warning: a save takes …: what to do", once; else empty.
  std::string before_the_first_step() { return judge(0); }
  std::string after_step(double median_step_seconds);

 private:
  std::string judge(double step_seconds);
  Launcher launcher_;
  bool kills_ = false, said_ = false;
  int steps_ = 0;
  double save_seconds_ = 0;
};

}  // namespace bsft
