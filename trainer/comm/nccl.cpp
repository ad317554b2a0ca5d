// For builds with CUDA: trainer/comm/CMakeLists.txt takes this file and links bsft_nccl where BSFT_HAS_CUDA, else
// no_nccl.cpp.
#include "trainer/comm/nccl.hpp"

#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <utility>

#include "data/base/error.hpp"
#include "trainer/comm/mpi.hpp"
#include "trainer/comm/nccl_link.hpp"

namespace bsft {
namespace {

constexpr std::int64_t segment_bytes = std::int64_t{64} << 20;

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

// The first rank's; what fails there is told to the others, who wait for it.
ncclUniqueId common_id(Communicator& host) {
  ncclUniqueId id{};
  std::string refusal;
  if (host.rank() == 0) {
    ncclResult_t const made = ncclGetUniqueId(&id);
    if (made != ncclSuccess) refusal = ncclGetErrorString(made);
  }
  std::string const first = host.exchange(refusal).front();
  if (!first.empty()) throw Failed(Exit::peer_lost, "ncclGetUniqueId on the first rank", first, "see `bsft doctor`");
  host.broadcast(at::from_blob(&id, {static_cast<std::int64_t>(sizeof id)}, at::kByte), 0).wait();
  return id;
}

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::unique_ptr<Communicator> host, std::unique_ptr<Communicator> over_link, at::Device device,
                   c10::cuda::CUDAStream stream)
      : host_(std::move(host)), over_link_(std::move(over_link)), device_(device), stream_(stream) {}

  int rank() const override { return host_->rank(); }
  int size() const override { return host_->size(); }
  std::string backend() const override { return "nccl"; }

  Pending all_reduce(at::Tensor x) override {
    if (x.device().is_cpu()) return host_->all_reduce(x);
    return on_stream([&] { over_link_->all_reduce(x).wait(); });
  }
  Pending reduce_scatter(at::Tensor x, std::int64_t grain) override {
    if (x.device().is_cpu()) return host_->reduce_scatter(x, grain);
    return on_stream([&] { over_link_->reduce_scatter(x, grain).wait(); });
  }
  Pending all_gather(at::Tensor x, std::int64_t grain) override {
    if (x.device().is_cpu()) return host_->all_gather(x, grain);
    return on_stream([&] { over_link_->all_gather(x, grain).wait(); });
  }
  Pending all_to_all(at::Tensor to, at::Tensor from) override {
    if (to.device().is_cpu()) return host_->all_to_all(to, from);
    return on_stream([&] { over_link_->all_to_all(to, from).wait(); });
  }
  Pending broadcast(at::Tensor x, int root) override {
    if (x.device().is_cpu()) return host_->broadcast(x, root);
    return on_stream([&] { over_link_->broadcast(x, root).wait(); });
  }
  std::vector<std::string> exchange(std::string const& bytes) override { return host_->exchange(bytes); }
  void barrier() override {
    stream_.synchronize();
    host_->barrier();
  }
  std::unique_ptr<Communicator> split(int color) override {
    auto host = host_->split(color);
    auto over_link = over_link_->split(color);
    if (!host) return nullptr;
    return std::make_unique<NcclCommunicator>(std::move(host), std::move(over_link), device_, stream_);
  }

 private:
  // Our stream runs f after what the current stream holds; who waits makes the stream that is current then wait, not
  // the host.
  template <class F>
  Pending on_stream(F f) {
    c10::cuda::CUDAGuard const guard(device_);
    at::cuda::CUDAEvent before;
    before.record(c10::cuda::getCurrentCUDAStream(device_.index()));
    before.block(stream_);
    {
      c10::cuda::CUDAStreamGuard const ours(stream_);
      f();
    }
    auto const after = std::make_shared<at::cuda::CUDAEvent>();
    after->record(stream_);
    return Pending([after, device = device_] { after->block(c10::cuda::getCurrentCUDAStream(device.index())); });
  }

  std::unique_ptr<Communicator> host_, over_link_;
  at::Device device_;
  c10::cuda::CUDAStream stream_;
};

}  // namespace

std::unique_ptr<Communicator> nccl_communicator(MPI_Comm group, Reduction reduction, at::Device device,
                                                FlightRecorder* recorder) {
  if (!device.is_cuda())
    throw Invalid(Exit::config, "parallel.backend: nccl", "the model is on " + device.str(),
                  "set parallel.backend: mpi");
  require_version();
  auto host = mpi_communicator(group, reduction, reduction_segment_bytes, recorder);
  c10::cuda::CUDAGuard const guard(device);
  auto const stream = c10::cuda::getStreamFromPool(false, device.index());
  auto link = nccl_link(common_id(*host), host->rank(), host->size(), stream.stream());
  auto over_link = collectives(std::move(link), reduction, Progress::in_the_caller, segment_bytes, recorder);
  return std::make_unique<NcclCommunicator>(std::move(host), std::move(over_link), device, stream);
}

std::string nccl_version() { return "NCCL " + text(loaded_version()) + ", compiled for " + text(NCCL_VERSION_CODE); }

}  // namespace bsft
