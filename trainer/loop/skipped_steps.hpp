// Which steps were skipped because they were not finite, and when that is too many.
//
// A loss or gradient that is not finite once and finite when computed again is used; one that is not finite twice is
// skipped by all ranks. Too many: 3 steps in a row, or 5 of the last 100.  Part of a run's state, so that a resumed run
// decides as an uninterrupted one. tests/loop/skipped_steps_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bsft {

struct SkippedSteps {
  static constexpr std::int64_t in_a_row = 3, window = 100, in_window = 5;

  std::int64_t total = 0;
  std::vector<std::int64_t> recent;  // steps done after them; of the last window, ascending

  void add(std::int64_t step);  // the newest
  // In words, after a step that was skipped; empty: not too many.
  std::string too_many() const;
};

}  // namespace bsft
