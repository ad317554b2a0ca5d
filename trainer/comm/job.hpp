// The ranks of this job: trainers first, the evaluator ranks last.
//
// Job::over_mpi starts MPI, with MPI_THREAD_MULTIPLE where the library has it so that sums go on beside the
// computation, and ends it; Job::alone is one rank without MPI.  split() makes the trainers' communicator; an evaluator
// rank gets none, so trainers never wait for it. Collective: split, everyone()'s verbs, wait_for_all. Errors:
// Failed(peer_lost) with MPI's words; Invalid(config) where no trainer would be left. One a process.
#pragma once

#include <memory>

#include "data/feed/lanes.hpp"
#include "trainer/comm/communicator.hpp"

namespace bsft {

class ControlChannel;

class Job {
 public:
  static std::unique_ptr<Job> alone();
  static std::unique_ptr<Job> over_mpi();
  virtual ~Job() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // All ranks, for agreement and small messages.
  virtual Communicator& everyone() = 0;
  // The trainers [0, size - evaluators); null on an evaluator rank.
  virtual std::unique_ptr<Communicator> split(int evaluators, Reduction reduction) = 0;
  // The trainers again, for device tensors, after split(): one GPU a rank.  Collective over the trainers; Unavailable
  // where the build or the host has not enough of them, or where two ranks would take the same one (by PCI bus id).
  virtual std::unique_ptr<Communicator> over_devices(Reduction reduction) = 0;
  // The device of over_devices: the rank's number among the trainers of its host, or the only one that it sees.
  virtual at::Device device() const = 0;
  // Between trainer rank 0 and the evaluator; null without MPI.
  virtual ControlChannel* channel() = 0;
  // Returns when all ranks have called it; sleeps meanwhile, so that who still works has the cores.
  virtual void wait_for_all() = 0;
  // Ends every rank at once with this exit code.
  [[noreturn]] virtual void abort(int code) = 0;
};

}  // namespace bsft
