// Which ranks work slower than the fastest, window after window.
//
//   score = the fastest rank's seconds / the rank's own, of work in a window: waiting for others is left out
// add() takes each rank's seconds of some steps more; a window ends when the slowest has worked `window` s.  A rank
// whose score was below 0.75 in three windows in a row is found, once until it has caught up. A function of what was
// added: where all ranks add the same, all find the same. Source: reliability.md, row 18;
// tests/loop/stragglers_test.cpp.
#pragma once

#include <vector>

namespace bsft {

struct Straggler {
  int rank = 0;
  double score = 1;    // of the last window
  double seconds = 0;  // of work, in its windows
};

class Stragglers {
 public:
  static constexpr double low = 0.75;
  static constexpr int windows_in_a_row = 3;

  Stragglers(int ranks, double window);
  std::vector<Straggler> add(std::vector<double> const& seconds);  // [W]

 private:
  struct Rank {
    double now = 0, slow = 0;  // s in this window; in its slow windows
    int windows = 0;           // slow ones in a row
  };
  double window_;
  std::vector<Rank> ranks_;
};

}  // namespace bsft
