#include "launch/restart_policy.hpp"

#include "data/base/error.hpp"

namespace bsft {

Next RestartPolicy::after(Attempt const& attempt) {
  // 64 to 88 are bsft's, also where it ended before it had a folder to write them to; below are a launcher's.
  constexpr int lowest_own = 64, by_signal = 128;
  bool const launchers = attempt.exit_code > 0 && attempt.exit_code < lowest_own;
  bool const nameless = !attempt.own_code && (attempt.exit_code >= by_signal || (launchers && attempt.claimed));
  bool const lost = attempt.exit_code == static_cast<int>(Exit::peer_lost) || nameless;
  if (!lost || attempt.asked || attempt.exit_code == static_cast<int>(Exit::start_again)) return Next::end;
  if (attempt.progressed) in_vain_ = 0;
  if (in_vain_ == most_) return Next::give_up;
  ++in_vain_;
  ++restarts_;
  return Next::restart;
}

}  // namespace bsft
