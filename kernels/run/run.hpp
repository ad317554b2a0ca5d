// Launch a kernel body where its data lies.
//
//   auto const place = place_of(x);
//   launch(kernel::RmsNormForward<float>{...}, rows(T, D, place), place);
// On the CPU blocks are dealt to libtorch's threads (at::parallel_for), at least `grain` to one; what a block computes
// does not depend on who runs it.  On CUDA blocks run on libtorch's current stream of the tensor's device;
// asynchronous. Instantiated for the kernels of kernels/body/all.hpp and for no other. Throws Unavailable where the
// device is not built in, Failed(unavailable) with CUDA's words.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "kernels/body/all.hpp"

namespace bsft::run {

struct Place {
  bool cuda = false;
  int device = 0;
  void* stream = nullptr;
};

// Throws Unavailable for a device that is neither.
Place place_of(at::Tensor const& tensor);
inline constexpr Place host{};

struct Grid {
  std::int64_t blocks = 0;
  std::int64_t grain = 1;  // CPU: blocks a thread takes at least
};

// A block for each of n units of `cost` elements.
Grid units(std::int64_t n, std::int64_t cost);
// n elements cut anywhere.
Grid elements(std::int64_t n, Place const& place);

template <class Kernel>
void launch(Kernel const& kernel, Grid grid, Place const& place);

}  // namespace bsft::run
