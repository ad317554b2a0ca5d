// Communicator over NCCL for device tensors; what lies on the host, and control messages, go over MPI as before.
//
// Compiled and linked for every build with CUDA, never run by its authors, who have no GPU: treat the first run on one
// as a test (tests/gpu/run.sh).
// Exact all_reduce is mpi.hpp's halving and doubling, with grouped ncclSend and ncclRecv and an addition on the device:
// the same binary tree, so the same bits as over MPI and for any power of two of ranks.  Fast: ncclAllReduce.
// Work goes to a stream of its own, after what libtorch's current stream holds; that stream then waits for it, the host
// does not.  barrier() and all_gather() wait.
// Collective: all ranks in the same order.  `group` is not owned and must outlive it; NCCL's id travels over it.
// Errors: Unavailable where NCCL is not built (no_nccl.cpp), or where the library that was loaded has another major or
// minor version than the header, or is older; Failed(peer_lost) with NCCL's words; Invalid(config) for an exact sum
// over a number of ranks that is no power of two.
#pragma once

#include <ATen/ATen.h>
#include <mpi.h>

#include <memory>
#include <string>

#include "data/feed/lanes.hpp"
#include "trainer/comm/communicator.hpp"
#include "trainer/comm/flight_recorder.hpp"

namespace bsft {

// `device` is this rank's own GPU.
std::unique_ptr<Communicator> nccl_communicator(MPI_Comm group, Reduction reduction, at::Device device,
                                                FlightRecorder* recorder = nullptr);

// "NCCL 2.28.9, compiled for 2.28.9", or why there is none.
std::string nccl_version();

}  // namespace bsft
