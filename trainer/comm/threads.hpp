// A group of threads of one process, for tests: the same verbs without MPI.
//
// threads_communicators(n, …) makes the n ranks' communicators, one for each thread; they may outlive each other, but
// not a verb that others still wait in.
#pragma once

#include <memory>
#include <vector>

#include "trainer/comm/communicator.hpp"

namespace bsft {

std::vector<std::unique_ptr<Communicator>> threads_communicators(int ranks, Reduction reduction,
                                                                 std::int64_t segment_bytes);

}  // namespace bsft
