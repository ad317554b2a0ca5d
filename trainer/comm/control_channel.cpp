#include "trainer/comm/control_channel.hpp"

#include <chrono>
#include <thread>

#include "trainer/comm/mpi.hpp"

namespace bsft {

ControlChannel::ControlChannel(MPI_Comm world) : world_(world) {}

ControlChannel::~ControlChannel() {
  for (Sent& message : sent_) MPI_Wait(&message.request, MPI_STATUS_IGNORE);
}

void ControlChannel::settle() {
  while (!sent_.empty()) {
    int done = 0;
    check_mpi(MPI_Test(&sent_.front().request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done == 0) return;
    sent_.pop_front();
  }
}

void ControlChannel::send(int rank, Tag tag, std::int64_t value) {
  settle();
  Sent& message = sent_.emplace_back(Sent{value, MPI_REQUEST_NULL});
  check_mpi(MPI_Isend(&message.value, 1, MPI_INT64_T, rank, tag, world_, &message.request), "MPI_Isend");
}

std::optional<std::int64_t> ControlChannel::poll(int rank, Tag tag) {
  int here = 0;
  MPI_Status status;
  check_mpi(MPI_Iprobe(rank, tag, world_, &here, &status), "MPI_Iprobe");
  if (here == 0) return std::nullopt;
  std::int64_t value = 0;
  check_mpi(MPI_Recv(&value, 1, MPI_INT64_T, status.MPI_SOURCE, tag, world_, MPI_STATUS_IGNORE), "MPI_Recv");
  return value;
}

std::optional<std::int64_t> ControlChannel::poll(Tag tag) { return poll(MPI_ANY_SOURCE, tag); }

std::int64_t ControlChannel::wait(int rank, Tag tag) {
  for (;;) {
    if (std::optional<std::int64_t> const value = poll(rank, tag)) return *value;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace bsft
