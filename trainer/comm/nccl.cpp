// For builds with CUDA: trainer/comm/CMakeLists.txt takes this file and links bsft_nccl where BSFT_HAS_CUDA, else
// no_nccl.cpp.
#include "trainer/comm/nccl.hpp"

#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <nccl.h>

#include <algorithm>
#include <vector>

#include "data/base/error.hpp"
#include "trainer/comm/mpi.hpp"

namespace bsft {
namespace {

constexpr std::int64_t segment_bytes = std::int64_t{64} << 20;

[[noreturn]] void lost(ncclResult_t code, char const* call) {
  throw Failed(Exit::peer_lost, call, ncclGetErrorString(code),
               "look for the first rank that failed, then start again with --resume auto");
}

void check_nccl(ncclResult_t code, char const* call) {
  if (code != ncclSuccess) lost(code, call);
}

std::string text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

int loaded_version() {
  int version = 0;
  check_nccl(ncclGetVersion(&version), "ncclGetVersion");
  return version;
}

void require_version() {
  int const loaded = loaded_version();
  if (loaded / 100 != NCCL_VERSION_CODE / 100 || loaded < NCCL_VERSION_CODE)
    throw Unavailable("NCCL " + text(loaded), "this program was compiled for " + text(NCCL_VERSION_CODE),
                      "put the libnccl.so.2 that it was built with first in LD_LIBRARY_PATH");
}

ncclDataType_t type_of(at::Tensor const& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return ncclFloat32;
    case at::kDouble:
      return ncclFloat64;
    default:
      throw Error(Exit::internal, "a sum of type " + std::string(at::toString(tensor.scalar_type())),
                  "sums are of fp32 or fp64");
  }
}

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(MPI_Comm group, Reduction reduction, at::Device device)
      : host_(mpi_communicator(group, reduction)),
        reduction_(reduction),
        device_(device),
        stream_(c10::cuda::getStreamFromPool(false, device.index())) {
    ncclUniqueId id{};
    std::string refusal;
    if (host_->rank() == 0) {
      // The others wait for the id: what fails here is told to them in its place.
      ncclResult_t const made = ncclGetUniqueId(&id);
      if (made != ncclSuccess) refusal = ncclGetErrorString(made);
    }
    std::string const first = host_->all_gather(refusal).front();
    if (!first.empty()) throw Failed(Exit::peer_lost, "ncclGetUniqueId on the first rank", first, "see `bsft doctor`");
    check_mpi(MPI_Bcast(&id, sizeof id, MPI_BYTE, 0, group), "MPI_Bcast of NCCL's id");
    c10::cuda::CUDAGuard const guard(device_);
    check_nccl(ncclCommInitRank(&comm_, host_->size(), id, host_->rank()), "ncclCommInitRank");
  }
  ~NcclCommunicator() override {
    if (comm_) ncclCommAbort(comm_);  // destroy would wait for a peer that may be gone
  }
  NcclCommunicator(NcclCommunicator const&) = delete;
  NcclCommunicator& operator=(NcclCommunicator const&) = delete;

  int rank() const override { return host_->rank(); }
  int size() const override { return host_->size(); }
  std::string backend() const override { return "nccl"; }

  void all_reduce(at::Tensor tensor) override {
    if (tensor.device().is_cpu()) return host_->all_reduce(tensor);
    if (size() == 1 || tensor.numel() == 0) return;
    ncclDataType_t const type = type_of(tensor);
    auto const flat = on_device(tensor).view({-1});
    on_stream([&] {
      std::int64_t const segment = segment_bytes / std::int64_t(tensor.itemsize());
      for (std::int64_t begin = 0; begin < flat.numel(); begin += segment) {
        auto const part = flat.narrow(0, begin, std::min(segment, flat.numel() - begin));
        if (reduction_ == Reduction::exact)
          sum_segment(part, type);
        else
          check_nccl(ncclAllReduce(part.data_ptr(), part.data_ptr(), std::size_t(part.numel()), type, ncclSum, comm_,
                                   stream_.stream()),
                     "ncclAllReduce");
      }
    });
  }

  void broadcast(at::Tensor tensor, int root) override {
    if (tensor.device().is_cpu()) return host_->broadcast(tensor, root);
    if (size() == 1 || tensor.numel() == 0) return;
    on_device(tensor);
    on_stream([&] {
      check_nccl(ncclBroadcast(tensor.data_ptr(), tensor.data_ptr(), tensor.nbytes(), ncclUint8, root, comm_,
                               stream_.stream()),
                 "ncclBroadcast");
    });
  }

  void barrier() override {
    stream_.synchronize();
    check_progress();
    host_->barrier();
  }

  std::vector<std::string> all_gather(std::string const& bytes) override { return host_->all_gather(bytes); }

 private:
  at::Tensor const& on_device(at::Tensor const& tensor) const {
    ensure(tensor.is_contiguous() && tensor.device() == device_,
           "NCCL carries contiguous tensors of this rank's device");
    return tensor;
  }

  void check_progress() const {
    ncclResult_t state = ncclSuccess;
    check_nccl(ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError");
    if (state != ncclSuccess && state != ncclInProgress) lost(state, "NCCL, in the background");
  }

  // Our stream runs f after what the current stream holds; the current stream goes on after f.
  template <class F>
  void on_stream(F f) {
    check_progress();
    c10::cuda::CUDAGuard const guard(device_);
    auto const current = c10::cuda::getCurrentCUDAStream(device_.index());
    at::cuda::CUDAEvent before, after;
    before.record(current);
    before.block(stream_);
    {
      c10::cuda::CUDAStreamGuard const ours(stream_);
      f();
    }
    after.record(stream_);
    after.block(current);
  }

  void exchange(at::Tensor const& give, at::Tensor const& take, ncclDataType_t type, int partner) {
    check_nccl(ncclGroupStart(), "ncclGroupStart");
    ncclResult_t const sent =
        ncclSend(give.data_ptr(), std::size_t(give.numel()), type, partner, comm_, stream_.stream());
    ncclResult_t const taken =
        ncclRecv(take.data_ptr(), std::size_t(take.numel()), type, partner, comm_, stream_.stream());
    ncclResult_t const done = ncclGroupEnd();
    check_nccl(sent, "ncclSend");
    check_nccl(taken, "ncclRecv");
    check_nccl(done, "ncclGroupEnd");
  }

  // As MpiCommunicator's: after the round of distance d, ranks that agree in their lower bits hold the same part.
  void sum_segment(at::Tensor const& all, ncclDataType_t type) {
    std::vector<at::Tensor> held{all};
    auto const inbox = at::empty_like(all);
    for (int distance = 1; distance < size(); distance *= 2) {
      auto const part = held.back();
      std::int64_t const middle = part.numel() / 2;
      auto const low = part.narrow(0, 0, middle), high = part.narrow(0, middle, part.numel() - middle);
      bool const lower = (rank() & distance) == 0;
      auto keep = lower ? low : high;
      auto const received = inbox.narrow(0, 0, keep.numel());
      exchange(lower ? high : low, received, type, rank() ^ distance);
      keep.add_(received);
      held.push_back(keep);
    }
    for (int distance = size() / 2; distance >= 1; distance /= 2) {
      auto const mine = held.back();
      held.pop_back();
      auto const part = held.back();
      std::int64_t const middle = part.numel() / 2;
      bool const lower = (rank() & distance) == 0;
      exchange(mine, lower ? part.narrow(0, middle, part.numel() - middle) : part.narrow(0, 0, middle), type,
               rank() ^ distance);
    }
  }

  std::unique_ptr<Communicator> host_;
  Reduction reduction_;
  at::Device device_;
  c10::cuda::CUDAStream stream_;
  ncclComm_t comm_ = nullptr;
};

}  // namespace

std::unique_ptr<Communicator> nccl_communicator(MPI_Comm group, Reduction reduction, at::Device device) {
  if (!device.is_cuda())
    throw Invalid(Exit::config, "parallel.backend: nccl", "the model is on " + device.str(),
                  "set parallel.backend: mpi");
  require_version();
  return std::make_unique<NcclCommunicator>(group, reduction, device);
}

std::string nccl_version() { return "NCCL " + text(loaded_version()) + ", compiled for " + text(NCCL_VERSION_CODE); }

}  // namespace bsft
