// The CUDA executor, without a CUDA or torch header.  cuda.cu defines it, or no_cuda.cpp where there is no toolkit.
#pragma once

#include <cstdint>

namespace bsft::run {

// Enqueues blocks x Kernel::threads on the stream of the device.  Throws Failed with CUDA's words; Unavailable without.
template <class Kernel>
void launch_cuda(Kernel const& kernel, std::int64_t blocks, int device, void* stream);

bool cuda_is_built();
// The current stream of libtorch for that device.
void* current_stream(int device);

}  // namespace bsft::run
