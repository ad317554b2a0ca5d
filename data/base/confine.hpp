// Do in a child process what may crash, hang or take all memory.
//
// confine(where, limits, work) forks, sets the limits, runs `work` and waits.  What it throws there is thrown here with
// its code and line; a crash or a limit is Broken(where) that names it.  Nothing else comes back.
// The child writes no core and no output, ends without the exit handlers, and dies with its parent.  CPU time is
// counted from the fork; memory on top of what the process has mapped already.
// Requires: no lock that `work` takes is held by another thread.  Errors: Failed(unavailable) where it cannot fork.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace bsft {

struct ConfinedLimits {
  std::uint64_t memory = std::uint64_t{2} << 30;  // bytes
  unsigned cpu_seconds = 10;
};

void confine(std::string const& where, ConfinedLimits const& limits, std::function<void()> const& work);

}  // namespace bsft
