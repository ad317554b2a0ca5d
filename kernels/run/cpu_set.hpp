// What each compilation of the bodies for a CPU instruction set offers.  Includes the standard library's integers only:
// cpu_set.cpp is compiled with wide instructions, and an inline function here could be merged with a narrow copy.
#pragma once

#include <cstdint>

namespace bsft::run {

// x86-64-v3 is AVX2, v4 is AVX-512; the baseline is what the compiler takes by itself.  bytes: of a register.
struct Baseline {
  static constexpr int bytes = 16;
};
struct V3 {
  static constexpr int bytes = 32;
};
struct V4 {
  static constexpr int bytes = 64;
};

// Blocks [begin, end) of `blocks` on the calling thread.
template <class Tag, class Kernel>
void run_blocks(Kernel const& kernel, std::int64_t begin, std::int64_t end, std::int64_t blocks);

}  // namespace bsft::run
