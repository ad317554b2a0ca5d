// A parent for each rank, so that one that is killed is named.
//
// Where a launcher started this process, guard() forks before anything else is started.  In the child it returns
// nothing, and the child is the rank.  The parent hands on TERM, INT, HUP, USR1 and USR2, waits, and returns the exit
// code: the child's own, or, where a signal ended the child and none of TERM, INT and HUP had asked for it, peer_lost:
// then it has said which rank of which host was doing what, by the recorder, and noted it in status.json; the launcher
// ends the job when it leaves.  An evaluator rank that serves is not missed: the parent stays, and has another process
// score in its place (evaluator_stand_in.hpp), also where the rank is stopped.  A child that a third signal ended is
// noted there, too.  The child dies with its parent. Requires: no thread and no MPI yet; the recorder was made in this
// process. Source: mpirun gives 137 for a rank killed by the system, and no name; tests/launch/hang_test.py.
#pragma once

#include <optional>

#include "trainer/comm/flight_recorder.hpp"

namespace bsft {

std::optional<int> guard(FlightRecorder& recorder);

}  // namespace bsft
