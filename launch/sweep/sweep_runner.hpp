// Run what is not done of a sweep, several runs at a time, each a process of its own under `bsft launch`.
//
// A run is claimed (claims.hpp) before it is looked at and started, so that of several callers, also on other hosts,
// one has it, and what is done is not done again.  A run that somebody else has in hand is waited for at the end, and
// taken up where that one was lost; one that was asked for by its id is left to a living holder after three minutes.
// Each is tried once; one that fails costs the others nothing.
//   USR1, TERM, …   every run is asked to save and stop, and no other is started
//   halving         a run that has its score at the rung (halving.hpp) is asked to save and stop, and goes on once the
//                   rung is decided and its arm is kept
//   budget          no run is started that would not fit, by what done runs of this sweep took (cost.hpp)
// The files of attempts.hpp and the table are kept while it goes on.  Where it is killed, its runs save and stop.
// Requires: listen_for_stop.  Errors: Invalid of shares_of and for an unknown id; Findings(evaluation_incomplete) of
// conclude().
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/base/child.hpp"
#include "launch/sweep/cost.hpp"
#include "launch/sweep/start_words.hpp"

namespace bsft {

struct RunRequest {
  std::int64_t ranks = 0, together = 1;  // start_words.hpp
  std::vector<std::string> srun_args;
  std::optional<double> budget;   // s, from now on
  std::vector<std::string> only;  // ids, "failed" or "waiting"; empty: all that is not done
};

class SweepRunner {
 public:
  SweepRunner(SweepRuns const& sweep, RunRequest const& request);
  // Until nothing is left; how all runs stand then.
  std::vector<RunState> const& run();
  // After it: the exit code, start_again where runs are left for another call; throws what failed, a run a line.
  int conclude() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Running {
    std::size_t index, share;
    std::string way;
    Child child;
    Clock::time_point since;
    bool asked = false;  // to stop at the rung
  };
  bool tries_another_way(Running const& running, ChildEnd const& end);
  enum class Start { begun, settled, elsewhere, too_long };

  bool next_rung();
  bool is_settled(std::size_t index) const;
  void stop_at_rung();
  bool start_one();
  Start try_to_start(std::size_t index);
  void begin(std::size_t index);
  std::size_t free_share() const;
  void look_after();
  void ended(Running const& running, ChildEnd const& end);
  void pass_on_stop();
  bool fits(std::size_t index) const;
  double elapsed() const;
  void write_table() const;

  SweepRuns const& sweep_;
  RunRequest request_;
  Shares shares_;
  Claims claims_;
  std::vector<RunState> states_;
  std::vector<RunCost> costs_;
  std::vector<int> failed_before_;          // attempts of each run
  std::vector<bool> tried_;                 // by this call, to its end or a failure
  std::vector<std::size_t> wanted_, left_;  // in the file's order; not yet begun
  std::size_t rung_ = 0;                    // up to which runs go now; as many as there are rungs: to their end
  std::vector<Running> running_;
  Clock::time_point const begin_ = Clock::now();
  Clock::time_point looked_ = begin_;  // for scores at the rung
  bool asked_ = false, told_of_others_ = false, out_of_budget_ = false;
};

}  // namespace bsft
