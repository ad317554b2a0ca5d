// What trainer rank 0 and the others say to each other between collectives: one int64 a message, over the world's
// communicator.
//
//   tag 1, rank 0 -> every other     the exit code of the job's end, once; + without where some rank will not come
//   tag 2, evaluator -> rank 0       it has nothing more to do, once
//   tag 3, any other -> rank 0       the signal by which that rank was asked to stop, once
//   tag 4, rank 0 -> trainer         the checkpoints before this one are scored: 0 go on, 1 train no more
// Sends never wait for the receiver; poll() never waits, wait() sleeps between looks (a waiting MPI call would burn the
// core that the other side computes on). Errors: Failed(peer_lost) with MPI's words.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <deque>
#include <optional>

namespace bsft {

class ControlChannel {
 public:
  enum Tag : int { ended = 1, finished = 2, stop = 3, scored = 4 };
  static constexpr std::int64_t without = 256;

  explicit ControlChannel(MPI_Comm world);
  ~ControlChannel();
  ControlChannel(ControlChannel const&) = delete;
  ControlChannel& operator=(ControlChannel const&) = delete;

  void send(int rank, Tag tag, std::int64_t value);
  // The next message of `rank`, if one has come.
  std::optional<std::int64_t> poll(int rank, Tag tag);
  // The same of whichever rank.
  std::optional<std::int64_t> poll(Tag tag);
  std::int64_t wait(int rank, Tag tag);

 private:
  struct Sent {
    std::int64_t value;
    MPI_Request request;
  };
  void settle();

  MPI_Comm world_;
  std::deque<Sent> sent_;
};

}  // namespace bsft
