#include "trainer/comm/mpi.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "data/base/error.hpp"

namespace bsft {

void check_mpi(int code, char const* call) {
  if (code == MPI_SUCCESS) return;
  char words[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, words, &length);
  throw Failed(Exit::peer_lost, call, std::string(words, static_cast<std::size_t>(length)),
               "look for the first rank that failed, then start again with --resume auto");
}

namespace {

constexpr std::int64_t most_bytes = std::int64_t{1} << 30;  // of one message: a count is an int

class MpiLink final : public Link {
 public:
  MpiLink(MPI_Comm owned, Neighbours neighbours) : group_(owned), neighbours_(neighbours) {
    check_mpi(MPI_Comm_set_errhandler(group_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Comm_rank(group_, &rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(group_, &size_), "MPI_Comm_size");
  }
  ~MpiLink() override { MPI_Comm_free(&group_); }
  MpiLink(MpiLink const&) = delete;
  MpiLink& operator=(MpiLink const&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "mpi"; }

  void move(std::span<Message const> out, std::span<Message const> in) override {
    requests_.clear();
    for (Message const& message : in) {
      pieces(message, [&](char* data, int bytes) {
        check_mpi(MPI_Irecv(data, bytes, MPI_BYTE, message.rank, tag, group_, &requests_.emplace_back()), "MPI_Irecv");
      });
    }
    for (Message const& message : out) {
      pieces(message, [&](char* data, int bytes) {
        check_mpi(MPI_Isend(data, bytes, MPI_BYTE, message.rank, tag, group_, &requests_.emplace_back()), "MPI_Isend");
      });
    }
    // A look moves a message on by a piece, so long naps would make it slow; but the core is also for who computes. So
    // who waits looks all the time where messages are quick (shared memory), and where they are not naps, longer and
    // longer.
    using std::chrono::microseconds;
    constexpr microseconds quick(2000);
    microseconds const patience = slow_ ? microseconds(500) : quick;
    auto const start = std::chrono::steady_clock::now();
    for (;;) {
      int done = 0;
      check_mpi(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done, MPI_STATUSES_IGNORE),
                "MPI_Testall");
      auto const waited = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - start);
      slow_ = waited > quick;
      if (done != 0) return;
      if (stopped_) throw Failed(Exit::peer_lost, "this rank's part in its group", "it has left", "");
      if (waited < patience) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(std::clamp(waited / 100, microseconds(10), microseconds(200)));
      }
    }
  }

  bool sum(at::Tensor const& x) override {
    ensure(x.device().is_cpu() && x.nbytes() <= most_bytes, "MPI sums segments of host memory");
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, x.data_ptr(), static_cast<int>(x.numel()),
                            x.scalar_type() == at::kFloat ? MPI_FLOAT : MPI_DOUBLE, MPI_SUM, group_),
              "MPI_Allreduce");
    return true;
  }

  std::unique_ptr<Link> split(int color) override {
    MPI_Comm some = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split(group_, color < 0 ? MPI_UNDEFINED : color, rank_, &some), "MPI_Comm_split");
    return some == MPI_COMM_NULL ? nullptr : std::make_unique<MpiLink>(some, neighbours_);
  }

  bool may_share_memory() const override { return neighbours_ == Neighbours::share_memory; }

  void stop() override { stopped_ = true; }

 private:
  template <class F>
  static void pieces(Message const& message, F f) {
    ensure(message.x.is_contiguous() && message.x.device().is_cpu(), "MPI carries contiguous host tensors");
    auto* const data = static_cast<char*>(message.x.data_ptr());
    auto const bytes = static_cast<std::int64_t>(message.x.nbytes());
    for (std::int64_t at = 0; at < bytes; at += most_bytes)
      f(data + at, static_cast<int>(std::min(most_bytes, bytes - at)));
  }

  static constexpr int tag = 11;
  MPI_Comm group_;
  Neighbours neighbours_;
  int rank_ = 0, size_ = 1;
  std::atomic<bool> stopped_{false};
  bool slow_ = false;  // the last move
  std::vector<MPI_Request> requests_;
};

}  // namespace

std::unique_ptr<Communicator> mpi_communicator(MPI_Comm group, Reduction reduction, std::int64_t segment_bytes,
                                               FlightRecorder* recorder, Neighbours neighbours) {
  MPI_Comm mine = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(group, &mine), "MPI_Comm_dup");
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Query_thread(&provided), "MPI_Query_thread");
  return collectives(std::make_unique<MpiLink>(mine, neighbours), reduction,
                     provided == MPI_THREAD_MULTIPLE ? Progress::background : Progress::in_the_caller, segment_bytes,
                     recorder);
}

}  // namespace bsft
