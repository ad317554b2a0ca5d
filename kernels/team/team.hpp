// What a kernel body may ask of the machine.
//
// A body is a struct with its pointers and sizes, `static constexpr int threads`, a `Shared` struct, and
//   template <class Team> BSFT_KERNEL void operator()(Team& team) const
// A Team runs one block of it and offers
//   rank() size() block() blocks() shared() sync() shuffle_xor(value, mask)
//   read(p) write(p, x)   one element of global or shared memory
//   Value<T>              the floats of one 16-byte pack of T (device) or of one vector register tile (CPU): + - * /,
//                         exp, sqrt, max, select(a > b, x, y), total(v), top(v)
//   Exact<T>              the same lanes in fp64, to sum into
//   tiles<T>(begin, end, f)   f(at) for each tile of a range, shared out over the threads of the block; aligned bodies
//                             begin and end at a pack
//   stream<T>(p, begin, end, fill, f)   any range: f(at, what p holds there), with several loads under way before the
//                             first f
//   elements<T>(p, begin, end, fill, f)   likewise, by the element: for short rows that no promise covers
//   row<T, most>(p, n)        n columns from p, read once where `most` packs a thread hold them (0s where n is 0);
//                             .each(b, f) and .each(b, c, f) visit rows together: f(at, value, value of b, …)
//   sums<T, most>(p, n)       fp32 sums of the columns, in registers where they fit, else in p: add(at, value), flush()
//   grid_tiles<T>(n, f)       like tiles, over all blocks
//   grid_tiles<T>(rows, cols, f)   f(row, at); no tile crosses a row
//   stretch                   elements after which a lane puts its sum aside: no lane adds more than a few hundred
// and `at` offers load(p, fill), store(p, value) and load_twice(p): lane l holds p[column / 2].  turned(x) is
// [-x1, x0, -x3, x2, ...].
// Storage is float or Bf16, arithmetic is fp32 (sums may be fp64).
// A body says `bool aligned() const`: are all its rows multiples of 16 bytes at addresses that are?  Then every access
// of a tile is 16 bytes wide; else it goes by the element.
// No atomics; results depend on the shape alone, never on the number of host threads.
#pragma once

#include <cstdint>
#include <type_traits>

#if defined(__CUDACC__)
#define BSFT_KERNEL __device__ __forceinline__
#define BSFT_UNROLL _Pragma("unroll")
#define BSFT_ROLLED _Pragma("unroll 1")
#else
#define BSFT_UNROLL _Pragma("GCC unroll 8")
#define BSFT_ROLLED _Pragma("GCC unroll 1")
#define BSFT_KERNEL inline __attribute__((always_inline))
#endif

namespace bsft::kernel {

inline constexpr int warp = 32;

// Storage of bfloat16: the upper half of a float.
struct Bf16 {
  std::uint16_t bits;
};

// Where in a body something was asked of a Team: what the emulator's accusations name.
#if defined(__CUDACC__)
struct Site {};
#define BSFT_HERE \
  {}
#else
struct Site {
  char const* file;
  int line;
};
#define BSFT_HERE \
  { __builtin_FILE(), __builtin_LINE() }  // `= Site{...}` would name the callee's line in GCC 12
#endif

// Host: rows of this many bytes at these addresses can be walked 16 bytes at a time.
template <class... P>
inline bool rows_of_packs(std::int64_t row_bytes, P const*... p) {
  return row_bytes % 16 == 0 && (... && (reinterpret_cast<std::uintptr_t>(p) % 16 == 0));
}

template <class T>
using Other = std::conditional_t<std::is_same_v<T, float>, Bf16, float>;

struct None {};  // a body without shared memory

struct Add {
  template <class T>
  BSFT_KERNEL T operator()(T a, T b) const {
    return a + b;
  }
};

// One value of each thread becomes one value that all know; all threads have met when it returns.
// scratch: a slot a warp, in shared memory.
// Requires: size() is a power of two up to 32, or a multiple of 32 up to 1024.
template <class Team, class T, class Op>
BSFT_KERNEL T reduce(Team& team, T value, T identity, Op op, T* scratch) {
  int const lanes = team.size() < warp ? team.size() : warp;
  for (int mask = lanes / 2; mask > 0; mask /= 2) value = op(value, team.shuffle_xor(value, mask));
  if (team.size() <= warp) {
    team.sync();
    return value;
  }
  if (team.rank() % warp == 0) team.write(scratch + team.rank() / warp, value);
  team.sync();
  T all = team.rank() % warp < team.size() / warp ? team.read(scratch + team.rank() % warp) : identity;
  for (int mask = warp / 2; mask > 0; mask /= 2) all = op(all, team.shuffle_xor(all, mask));
  team.sync();
  return all;
}

}  // namespace bsft::kernel
