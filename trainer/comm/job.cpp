#include "trainer/comm/job.hpp"

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "data/base/error.hpp"
#include "trainer/comm/control_channel.hpp"
#include "trainer/comm/mpi.hpp"

namespace bsft {
namespace {

void check_roles(int size, int evaluators) {
  if (evaluators >= 0 && evaluators < size) return;
  throw Invalid(Exit::config, "parallel.evaluator_ranks is " + std::to_string(evaluators),
                "the job has " + std::to_string(size) + (size == 1 ? " rank" : " ranks") + ", and one must train",
                "start " + std::to_string(evaluators + 1) + " ranks or more with mpirun or srun, or lower the key");
}

class Alone final : public Job {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  Communicator& everyone() override { return *everyone_; }
  std::unique_ptr<Communicator> split(int evaluators, Reduction) override {
    check_roles(1, evaluators);
    return self_communicator();
  }
  ControlChannel* channel() override { return nullptr; }
  void wait_for_all() override {}
  void abort(int code) override { std::_Exit(code); }

 private:
  std::unique_ptr<Communicator> everyone_ = self_communicator();
};

class OverMpi final : public Job {
 public:
  OverMpi() {
    int provided = 0;
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_FUNNELED) {
      throw Unavailable("this MPI library", "it supports no threads beside the one that calls it",
                        "use one built with thread support");
    }
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &world_), "MPI_Comm_dup");
    check_mpi(MPI_Comm_set_errhandler(world_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Comm_rank(world_, &rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(world_, &size_), "MPI_Comm_size");
    everyone_ = mpi_communicator(world_, Reduction::fast);
    channel_ = std::make_unique<ControlChannel>(world_);
  }
  ~OverMpi() override {
    channel_.reset();
    everyone_.reset();
    if (trainers_ != MPI_COMM_NULL) MPI_Comm_free(&trainers_);
    MPI_Comm_free(&world_);
    MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Communicator& everyone() override { return *everyone_; }

  std::unique_ptr<Communicator> split(int evaluators, Reduction reduction) override {
    check_roles(size_, evaluators);
    bool const trains = rank_ < size_ - evaluators;
    check_mpi(MPI_Comm_split(world_, trains ? 0 : MPI_UNDEFINED, rank_, &trainers_), "MPI_Comm_split");
    if (!trains) return nullptr;
    return mpi_communicator(trainers_, reduction);
  }

  ControlChannel* channel() override { return channel_.get(); }

  void wait_for_all() override {
    MPI_Request all;
    check_mpi(MPI_Ibarrier(world_, &all), "MPI_Ibarrier");
    for (int done = 0; done == 0;) {
      check_mpi(MPI_Test(&all, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  void abort(int code) override {
    MPI_Abort(MPI_COMM_WORLD, code);
    std::_Exit(code);
  }

 private:
  MPI_Comm world_ = MPI_COMM_NULL, trainers_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  std::unique_ptr<Communicator> everyone_;
  std::unique_ptr<ControlChannel> channel_;
};

}  // namespace

std::unique_ptr<Job> Job::alone() { return std::make_unique<Alone>(); }
std::unique_ptr<Job> Job::over_mpi() { return std::make_unique<OverMpi>(); }

}  // namespace bsft
