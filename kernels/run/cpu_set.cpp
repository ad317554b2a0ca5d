// Compiled once for each instruction set: BSFT_CPU_TAG is Baseline, V3 or V4.  No other header may be included here:
// an inline function of theirs could be merged with the narrow machine's copy.
#include "kernels/run/cpu_set.hpp"
#include "kernels/body/all.hpp"
#include "kernels/team/serial.hpp"

namespace bsft::run {

// flatten: a body and its lambdas become one loop.
template <class Tag, class Kernel>
__attribute__((flatten)) void run_blocks(Kernel const& kernel, std::int64_t begin, std::int64_t end, std::int64_t blocks) {
  using Shared = typename Kernel::Shared;
  Kernel const body = kernel;  // a copy that no store can alias
  for (std::int64_t block = begin; block < end; ++block) {
    Shared shared;
    kernel::SerialTeam<Tag, Shared> team(block, blocks, shared);
    body(team);
  }
}

using namespace kernel;
#define BSFT_INSTANTIATE(...) \
  template void run_blocks<BSFT_CPU_TAG>(__VA_ARGS__ const&, std::int64_t, std::int64_t, std::int64_t);
BSFT_EACH_KERNEL(BSFT_INSTANTIATE)

}  // namespace bsft::run
