#include "trainer/comm/watch.hpp"

#include <chrono>
#include <numeric>
#include <utility>
#include <vector>

#include "data/base/error.hpp"
#include "trainer/comm/mpi.hpp"

namespace bsft {
namespace {

constexpr int tag = 5;
constexpr double backup_waits = 2;  // s: longer than rank 0

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

Watch::Watch(MPI_Comm trainers, FlightRecorder& recorder, WatchLimits limits, Say say)
    : recorder_(recorder), limits_(limits), say_(std::move(say)) {
  check_mpi(MPI_Comm_dup(trainers, &group_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(group_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(group_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(group_, &size_), "MPI_Comm_size");
  Snapshot const mine = recorder_.snapshot();
  std::vector<Snapshot> all(static_cast<std::size_t>(size_));
  check_mpi(MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE, group_), "MPI_Allgather");
  if (rank_ == 0) {
    std::vector<int> ranks(all.size());
    std::iota(ranks.begin(), ranks.end(), 0);
    judge_ = std::make_unique<Judge>(size_, 0, ranks, Judge::Causes::all, limits_, now());
  } else if (rank_ == size_ - 1) {
    WatchLimits later = limits_;
    later.hang += backup_waits;
    judge_ = std::make_unique<Judge>(size_, rank_, std::vector<int>{0}, Judge::Causes::silence, later, now());
  }
  if (judge_) {
    for (int r = 0; r < size_; ++r) judge_->heard(r, all[static_cast<std::size_t>(r)], now());
  }
  thread_ = std::thread([this] { work(); });
}

Watch::~Watch() {
  recorder_.does(Activity::ending);
  {
    std::lock_guard const lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
  MPI_Comm_free(&group_);
}

// Returns whether the destructor waits.
bool Watch::pause(double seconds, bool ending) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return ends_ != ending; });
  return ends_;
}

void Watch::work() {
  try {
    for (bool ending = false;;) {
      bool const ends = pause(ending ? 0.05 : limits_.interval, ending);
      if (!ending) {
        if (ends) check_mpi(MPI_Wait(&request_, MPI_STATUS_IGNORE), "MPI_Wait");
        send();
        ending = ends;
      }
      receive();
      if (judge_) {
        if (rank_ == 0) judge_->heard(0, recorder_.snapshot(), now());
        if (auto const verdict = judge_->look(now())) say_(*verdict);
      }
      if (ending && (!judge_ || judge_->all_ended())) break;
    }
    check_mpi(MPI_Wait(&request_, MPI_STATUS_IGNORE), "MPI_Wait");
  } catch (Error const&) {  // a peer is lost: who waits for it says so
  }
}

// Small enough to leave at once; while one is held up the next waits.
void Watch::send() {
  if (size_ == 1) return;
  int done = 0;
  check_mpi(MPI_Test(&request_, &done, MPI_STATUS_IGNORE), "MPI_Test");
  if (done == 0) return;
  sent_ = recorder_.snapshot();
  check_mpi(MPI_Isend(&sent_, sizeof sent_, MPI_BYTE, rank_ == 0 ? size_ - 1 : 0, tag, group_, &request_), "MPI_Isend");
}

void Watch::receive() {
  if (!judge_) return;
  for (;;) {
    int here = 0;
    MPI_Status status;
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, tag, group_, &here, &status), "MPI_Iprobe");
    if (here == 0) return;
    Snapshot snapshot;
    check_mpi(MPI_Recv(&snapshot, sizeof snapshot, MPI_BYTE, status.MPI_SOURCE, tag, group_, MPI_STATUS_IGNORE),
              "MPI_Recv");
    judge_->heard(status.MPI_SOURCE, snapshot, now());
  }
}

}  // namespace bsft
