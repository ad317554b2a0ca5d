// Communicator over MPI (any MPI-3.1), host memory only.
//
// Messages are MPI_Isend and MPI_Irecv; who waits for them sleeps between looks, so that other ranks and threads have
// the core.  Where all ranks are of one host, sums and gathers go through memory that all of them see.  Fast sums are
// MPI_Allreduce; their bits may depend on the number of ranks and on the MPI library. Verbs are carried out in the
// background where MPI was opened with MPI_THREAD_MULTIPLE, else in the caller. Errors: Failed(peer_lost) with MPI's
// words.
#pragma once

#include <mpi.h>

#include <memory>

#include "trainer/comm/collectives.hpp"

namespace bsft {

enum class Neighbours { share_memory, send_messages };

// Of a duplicate of `group`: collective over it.
std::unique_ptr<Communicator> mpi_communicator(MPI_Comm group, Reduction reduction,
                                               std::int64_t segment_bytes = reduction_segment_bytes,
                                               FlightRecorder* recorder = nullptr,
                                               Neighbours neighbours = Neighbours::share_memory);

// Throws Failed(peer_lost) naming `call` unless `code` is MPI_SUCCESS.
void check_mpi(int code, char const* call);

}  // namespace bsft
