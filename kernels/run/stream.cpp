// Only in builds with CUDA: no_cuda.cpp has the other definition.
#include <c10/cuda/CUDAStream.h>

#include "kernels/run/cuda.hpp"

namespace bsft::run {

void* current_stream(int device) {
  return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device)).stream();
}

}  // namespace bsft::run
