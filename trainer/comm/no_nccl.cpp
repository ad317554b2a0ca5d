// For builds without CUDA: trainer/comm/CMakeLists.txt takes this file or nccl.cpp.
#include "data/base/error.hpp"
#include "trainer/comm/nccl.hpp"

namespace bsft {

std::unique_ptr<Communicator> nccl_communicator(MPI_Comm, Reduction, at::Device, FlightRecorder*) {
  throw Unavailable("parallel.backend: nccl", "this build has no CUDA",
                    "set parallel.backend: mpi, or configure with the cuda preset");
}

std::string nccl_version() { return "no NCCL in this build"; }

}  // namespace bsft
