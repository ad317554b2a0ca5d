// The page of a sweep, from its runs' files.
#pragma once

#include "launch/sweep/run_state.hpp"
#include "trainer/report/page/sweep_section.hpp"

namespace bsft {

// best: a line about the best arm, or nothing.
page::SweepPage page_of(SweepRuns const& sweep, std::vector<RunState> const& states, std::string const& best);

}  // namespace bsft
