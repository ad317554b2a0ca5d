#include "kernels/run/cuda.hpp"

#include <cuda_runtime.h>

#include <algorithm>
#include <string>

#include "data/base/error.hpp"
#include "kernels/body/all.hpp"
#include "kernels/team/cuda.hpp"

namespace bsft::run {
namespace {

// Blocks that an SM must be able to hold: a body may ask for more than one, at the price of registers.
template <class Kernel>
constexpr int resident() {
  if constexpr (requires { Kernel::resident; })
    return Kernel::resident;
  else
    return 1;
}

template <class Kernel, bool aligned>
__global__ void __launch_bounds__(Kernel::threads, aligned ? resident<Kernel>() : 1) one_block(Kernel const body) {
  __shared__ typename Kernel::Shared shared;
  kernel::CudaTeam<typename Kernel::Shared, aligned> team(kernel::CudaMachine{}, shared);
  body(team);
}

void check(cudaError_t error, char const* what) {
  if (error != cudaSuccess)
    throw Failed(Exit::unavailable, std::string("CUDA: ") + what, cudaGetErrorString(error), "see `bsft doctor`");
}

}  // namespace

template <class Kernel>
void launch_cuda(Kernel const& kernel, std::int64_t blocks, int device, void* stream) {
  if (blocks == 0) return;
  int before = 0;
  check(cudaGetDevice(&before), "no current device");
  if (before != device) check(cudaSetDevice(device), "the tensors' device cannot be chosen");
  // Blocks walk their rows, so that they keep what all rows share: no more than a few for each that is resident.
  constexpr std::int64_t most_blocks = 8192;
  auto const grid = static_cast<unsigned>(std::min(blocks, most_blocks));
  auto const run = kernel.aligned() ? one_block<Kernel, true> : one_block<Kernel, false>;
  run<<<grid, Kernel::threads, 0, static_cast<cudaStream_t>(stream)>>>(kernel);
  cudaError_t const launched = cudaGetLastError();
  if (before != device) check(cudaSetDevice(before), "the device cannot be changed back");
  check(launched, "a kernel was not launched");
}

bool cuda_is_built() { return true; }

using namespace kernel;
#define BSFT_INSTANTIATE(...) template void launch_cuda(__VA_ARGS__ const&, std::int64_t, int, void*);
BSFT_EACH_KERNEL(BSFT_INSTANTIATE)

}  // namespace bsft::run
