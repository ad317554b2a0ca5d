// The verbs of a Communicator over a Link, each written once for all backends.
//
//   reduce_scatter   every rank sends part r to rank r; a rank adds what it got in the tree over ranks
//   all_gather       every rank sends its part to all
//   all_reduce       both, a segment after another, so that one segment is all the extra memory
//   broadcast        a binomial tree
// So a tensor of n bytes puts 2 n (W-1)/W on the wire, as a ring does, in 2 (W-1) messages a segment.
// Where all ranks are of one host and the link allows it, the first three go through common memory (host_verbs.hpp),
// with the same bits. Verbs run on a thread of the group's own (`background`), or in the caller: the results are the
// same. What is carried out is noted in `recorder`, where one is given, but not what goes on in groups split off; it
// must outlive the communicator. Errors: a verb that failed fails all that follow on this group.
#pragma once

#include <memory>

#include "trainer/comm/communicator.hpp"
#include "trainer/comm/flight_recorder.hpp"
#include "trainer/comm/link.hpp"

namespace bsft {

constexpr std::int64_t reduction_segment_bytes = std::int64_t{2} << 20;

enum class Progress { background, in_the_caller };

std::unique_ptr<Communicator> collectives(std::unique_ptr<Link> link, Reduction reduction, Progress progress,
                                          std::int64_t segment_bytes = reduction_segment_bytes,
                                          FlightRecorder* recorder = nullptr);

}  // namespace bsft
