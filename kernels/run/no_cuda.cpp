#include "data/base/error.hpp"
#include "kernels/body/all.hpp"
#include "kernels/run/cuda.hpp"

namespace bsft::run {
namespace {

[[noreturn]] void unavailable() {
  throw Unavailable("device kernels", "this build has no CUDA",
                    "configure with the cuda preset, or keep tensors on the CPU");
}

}  // namespace

template <class Kernel>
void launch_cuda(Kernel const&, std::int64_t, int, void*) {
  unavailable();
}

bool cuda_is_built() { return false; }
void* current_stream(int) { unavailable(); }

using namespace kernel;
#define BSFT_INSTANTIATE(...) template void launch_cuda(__VA_ARGS__ const&, std::int64_t, int, void*);
BSFT_EACH_KERNEL(BSFT_INSTANTIATE)

}  // namespace bsft::run
