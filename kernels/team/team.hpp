// What a kernel body may ask of the machine.
//
// A body is a struct with its pointers and sizes, `static constexpr int threads`, a `Shared` struct, and
//   template <class Team> BSFT_KERNEL void operator()(Team& team) const
// A Team runs one block of it and offers
//   rank() size() block() blocks() shared() sync() shuffle_xor(value, mask)
//   Team::Value<T>        the floats of one 16-byte pack of T (device) or of one vector register tile (CPU): + - * /,
//                         exp, sqrt, max, select(a > b, x, y), total(v), top(v)
//   Team::Exact<T>        the same lanes in fp64, to sum into
//   tiles<T>(n, f)        f(at) for each tile of [0,n), shared out over the threads of the block
//   grid_tiles<T>(n, f)   likewise over all blocks
//   grid_tiles<T>(rows, cols, f)   f(row, at); no tile crosses a row
// and `at` offers begin(), load(p, fill), store(p, value), index() - the lanes' columns as floats below 2^24.
// Storage is float or Bf16, arithmetic is fp32 (sums may be fp64).  Loads are 16 bytes wide where aligned.
// No atomics; results depend on the shape alone, never on the number of host threads.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define BSFT_KERNEL __device__ __forceinline__
#else
#define BSFT_KERNEL inline __attribute__((always_inline))
#endif

namespace bsft::kernel {

inline constexpr int warp = 32;

// Storage of bfloat16: the upper half of a float.
struct Bf16 {
  std::uint16_t bits;
};

struct None {};  // a body without shared memory

struct Add {
  template <class T>
  BSFT_KERNEL T operator()(T a, T b) const {
    return a + b;
  }
};

// One value of each thread becomes one value that all know.  scratch: a slot a warp, in shared memory; two barriers.
// Requires: size() is a power of two up to 32, or a multiple of 32 up to 1024.
template <class Team, class T, class Op>
BSFT_KERNEL T reduce(Team& team, T value, T identity, Op op, T* scratch) {
  int const lanes = team.size() < warp ? team.size() : warp;
  for (int mask = lanes / 2; mask > 0; mask /= 2) value = op(value, team.shuffle_xor(value, mask));
  if (team.size() <= warp) return value;
  if (team.rank() % warp == 0) scratch[team.rank() / warp] = value;
  team.sync();
  T all = team.rank() % warp < team.size() / warp ? scratch[team.rank() % warp] : identity;
  for (int mask = warp / 2; mask > 0; mask /= 2) all = op(all, team.shuffle_xor(all, mask));
  team.sync();
  return all;
}

}  // namespace bsft::kernel
