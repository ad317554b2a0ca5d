// Tell every rank what failed on one of them, before their next collective call.
//
// together(group, work) runs `work` on all ranks; where it threw on any, all ranks throw Told with the line and exit
// code of the first failing rank.  So nobody waits for a rank that has left.  Collective. Told is for rank 0 of the
// group to print; the others leave silently with the same exit code.
#pragma once

#include <functional>

#include "data/base/error.hpp"
#include "trainer/comm/communicator.hpp"

namespace bsft {

struct Told : Findings {
  using Findings::Findings;
};

void together(Communicator& group, std::function<void()> const& work);

}  // namespace bsft
