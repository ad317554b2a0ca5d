#include "trainer/comm/job.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "data/base/error.hpp"
#include "trainer/comm/agreement.hpp"
#include "trainer/comm/control_channel.hpp"
#include "trainer/comm/gpu_layout.hpp"
#include "trainer/comm/gpus.hpp"
#include "trainer/comm/mpi.hpp"
#include "trainer/comm/nccl.hpp"
#include "trainer/comm/watch.hpp"

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
  std::unique_ptr<Communicator> over_devices(Reduction) override {
    throw Unavailable("parallel.backend: nccl", "this job has no MPI to begin with", "start it with mpirun or srun");
  }
  bool watch(WatchLimits, std::function<void(Verdict const&)>) override { return true; }
  at::Device device() const override { return at::kCPU; }
  ControlChannel* channel() override { return nullptr; }
  bool wait_for_all(double, std::function<void()> const&) override { return true; }
  void leave(int code) override { std::_Exit(code); }
  void abort(int code) override { std::_Exit(code); }

 private:
  std::unique_ptr<Communicator> everyone_ = self_communicator();
};

class OverMpi final : public Job {
 public:
  explicit OverMpi(FlightRecorder* recorder) : recorder_(recorder) {
    // Open MPI's TCP wires carry large messages by "put", at half the rate where both sides send (measured at 1 Gbit/s:
    // 0.52 s for what takes 0.29 s without, and 0.27 s on the wire).
    ::setenv("OMPI_MCA_btl_tcp_flags", "send,inplace", 0);
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided_), "MPI_Init_thread");
    if (provided_ < MPI_THREAD_FUNNELED) {
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
    watch_.reset();
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
    return mpi_communicator(trainers_, reduction, reduction_segment_bytes, recorder_);
  }

  std::unique_ptr<Communicator> over_devices(Reduction reduction) override {
    MPI_Comm host;
    check_mpi(MPI_Comm_split_type(trainers_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &host), "MPI_Comm_split_type");
    int place = 0, count = 0;
    check_mpi(MPI_Comm_rank(host, &place), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(host, &count), "MPI_Comm_size");
    MPI_Comm_free(&host);
    auto const group = mpi_communicator(trainers_, reduction);
    std::vector<Gpu> gpus;
    together(*group, [&] {
      gpus = visible_gpus();
      if (gpu_of(count - 1, static_cast<int>(gpus.size())) >= 0) return;
      throw Unavailable("parallel.backend: nccl",
                        std::to_string(count) + " trainer ranks on host " + this_host().name + " with " +
                            std::to_string(gpus.size()) + " GPUs",
                        "start one trainer rank a GPU, or set parallel.backend: mpi");
    });
    int const mine = gpu_of(place, static_cast<int>(gpus.size()));
    std::vector<RankGpu> taken;
    std::string const line = to_line({rank_, this_host(), gpus[static_cast<std::size_t>(mine)].bus_id});
    for (std::string const& theirs : group->exchange(line)) taken.push_back(gpu_from(theirs));
    refuse_shared_gpus(taken);
    device_ = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(mine));
    return nccl_communicator(trainers_, reduction, device_, recorder_);
  }

  bool watch(WatchLimits limits, std::function<void(Verdict const&)> say) override {
    ensure(recorder_ != nullptr, "who is watched records what it does");
    if (trainers_ == MPI_COMM_NULL) return true;
    if (provided_ < MPI_THREAD_MULTIPLE) return false;
    watch_ = std::make_unique<Watch>(trainers_, *recorder_, limits, std::move(say));
    return true;
  }

  at::Device device() const override { return device_; }

  ControlChannel* channel() override { return channel_.get(); }

  bool wait_for_all(double limit, std::function<void()> const& meanwhile) override {
    return wait_for(world_, limit, meanwhile);
  }

  void leave(int code) override {
    watch_.reset();
    if (trainers_ != MPI_COMM_NULL) wait_for(trainers_, std::numeric_limits<double>::infinity(), {});
    std::fflush(nullptr);
    std::_Exit(code);
  }

  void abort(int code) override {
    MPI_Abort(MPI_COMM_WORLD, code);
    std::_Exit(code);
  }

 private:
  static bool wait_for(MPI_Comm group, double limit, std::function<void()> const& meanwhile) {
    MPI_Request all;
    check_mpi(MPI_Ibarrier(group, &all), "MPI_Ibarrier");
    for (double waited = 0;; waited += 0.02) {
      int done = 0;
      check_mpi(MPI_Test(&all, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done != 0) return true;
      if (waited >= limit) return false;
      if (meanwhile) meanwhile();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  MPI_Comm world_ = MPI_COMM_NULL, trainers_ = MPI_COMM_NULL;
  FlightRecorder* recorder_;
  int rank_ = 0, size_ = 1, provided_ = 0;
  at::Device device_{at::kCPU};
  std::unique_ptr<Communicator> everyone_;
  std::unique_ptr<ControlChannel> channel_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace

std::unique_ptr<Job> Job::alone() { return std::make_unique<Alone>(); }
std::unique_ptr<Job> Job::over_mpi(FlightRecorder* recorder) { return std::make_unique<OverMpi>(recorder); }

}  // namespace bsft
