// The ranks of this job: trainers first, the evaluator ranks last.
//
// Job::over_mpi starts MPI, with MPI_THREAD_MULTIPLE where the library has it so that sums go on beside the
// computation, and ends it; Job::alone is one rank without MPI.  split() makes the trainers' communicator; an evaluator
// rank gets none, so trainers never wait for it. What the trainers' communicators carry out is noted in `recorder`,
// which must outlive the job and know who this is; by it watch() sees ranks that hang (watch.hpp), until the job ends.
// Collective: split, everyone()'s verbs, wait_for_all; over the trainers: watch, and the end of a watched job.  Errors:
// Failed(peer_lost) with MPI's words; Invalid(config) where no trainer would be left. One a process.
#pragma once

#include <functional>
#include <limits>
#include <memory>

#include "data/feed/lanes.hpp"
#include "trainer/comm/communicator.hpp"
#include "trainer/comm/judge.hpp"

namespace bsft {

class ControlChannel;

class Job {
 public:
  static std::unique_ptr<Job> alone();
  static std::unique_ptr<Job> over_mpi(FlightRecorder* recorder = nullptr);
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
  // After split(): from now on, who hangs is told to `say`, on one rank and from another thread.  False where that
  // cannot be: MPI without MPI_THREAD_MULTIPLE.  One rank without MPI, or an evaluator's, is not watched.
  virtual bool watch(WatchLimits limits, std::function<void(Verdict const&)> say) = 0;
  // The device of over_devices: the rank's number among the trainers of its host, or the only one that it sees.
  virtual at::Device device() const = 0;
  // Between rank 0 and the others; null without MPI.
  virtual ControlChannel* channel() = 0;
  // Returns when all ranks have called it; sleeps meanwhile, so that who still works has the cores, and calls
  // `meanwhile` between naps.  False where they have not within the limit [s]: then the job can only be aborted.
  virtual bool wait_for_all(double limit = std::numeric_limits<double>::infinity(),
                            std::function<void()> const& meanwhile = {}) = 0;
  // Ends this process where a rank of the job will not come to its end: the trainers wait for each other alone, and MPI
  // is not finalised, which could wait for the lost one.  Collective over the trainers.
  [[noreturn]] virtual void leave(int code) = 0;
  // Ends every rank at once with this exit code.
  [[noreturn]] virtual void abort(int code) = 0;
};

}  // namespace bsft
