// Groups of ranks of each backend that can be had in this process.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "trainer/comm/communicator.hpp"

namespace bsft {
class Job;
}

namespace bsft::testing {

// The one of this process, over MPI.
Job& mpi_job();

struct Ranks {
  int count;
  // Runs the body on every rank of a new group; the first error is thrown.
  std::function<void(Reduction, std::int64_t segment_bytes, std::function<void(Communicator&)> const&)> run;
};

// Alone: self, threads and, with CUDA's headers, nccl_stand_in; under mpirun: mpi,
// through common memory and through messages.
std::vector<std::string> backends();
std::vector<Ranks> groups_of(std::string const& backend);

}  // namespace bsft::testing
