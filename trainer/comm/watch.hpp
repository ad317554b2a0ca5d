// Heartbeats between trainer ranks, and the ranks that judge by them.
//
// A thread of each rank sends its recorder's snapshot every `interval` seconds to rank 0, which judges all (judge.hpp);
// rank 0 sends to the last rank, which judges rank 0's silence alone, 2 s later, so that one speaks.  The messages go
// over a communicator of their own.
// say(verdict) is called from that thread; it ends the job where the verdict does.
// Collective over `trainers`: the constructor, and the destructor, which says `ending` and returns when all have.
// Requires MPI_THREAD_MULTIPLE.  Errors: of the constructor Failed(peer_lost) with MPI's words; later ones end the
// thread.
// Source: tests/launch/hang_test.py stops, kills and derails ranks.
#pragma once

#include <mpi.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "trainer/comm/judge.hpp"

namespace bsft {

class Watch {
 public:
  using Say = std::function<void(Verdict const&)>;
  Watch(MPI_Comm trainers, FlightRecorder& recorder, WatchLimits limits, Say say);
  ~Watch();
  Watch(Watch const&) = delete;
  Watch& operator=(Watch const&) = delete;

 private:
  bool pause(double seconds, bool ending);
  void work();
  void send();
  void receive();

  MPI_Comm group_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  FlightRecorder& recorder_;
  WatchLimits limits_;
  Say say_;
  std::unique_ptr<Judge> judge_;  // null: this rank only sends
  Snapshot sent_;
  MPI_Request request_ = MPI_REQUEST_NULL;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace bsft
