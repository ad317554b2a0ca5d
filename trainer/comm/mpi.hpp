// Communicator over MPI (any MPI-3.1), host memory only.
//
// Exact all_reduce: halving and doubling over rank distance 1, 2, 4, …: in round k a rank sends one half of the part
// that it still holds to its partner at distance 2^k and adds the half that it receives, then the parts are gathered
// back. Every element is summed in the binary tree ((0+1)+(2+3))+…; addition of two numbers commutes, so all ranks hold
// the same bits, and with aligned lanes the bits do not depend on the number of ranks.  2 (W-1)/W of the tensor goes
// over the wire, in segments, so that one segment is all the extra memory. Fast: MPI_Allreduce; the bits may depend on
// the number of ranks and on the MPI library. Collective: all ranks in the same order, from the thread that made the
// world. Errors: Failed(peer_lost) with MPI's words; Invalid(config) for an exact sum over a number of ranks that is no
// power of two. Source: Rabenseifner's algorithm, with the distances in ascending order; tests/comm/mpi_test.cpp.
#pragma once

#include <mpi.h>

#include <memory>

#include "data/feed/lanes.hpp"
#include "trainer/comm/communicator.hpp"

namespace bsft {

constexpr std::int64_t reduction_segment_bytes = std::int64_t{4} << 20;

// Does not own `group`, which must outlive it.
std::unique_ptr<Communicator> mpi_communicator(MPI_Comm group, Reduction reduction,
                                               std::int64_t segment_bytes = reduction_segment_bytes);

// Throws Failed(peer_lost) naming `call` unless `code` is MPI_SUCCESS.
void check_mpi(int code, char const* call);

}  // namespace bsft
