// The CPU's Team: one thread is the whole block, and a tile is 16 floats in vector registers.
//
// Isa is a tag of the instruction set that this translation unit is compiled for: it keeps the instantiations apart, so
// that the linker cannot put wide instructions into a narrow machine's code.  The arithmetic and its order are the same
// for all of them (16 lanes, no fused multiply-add): so are the bits.
#pragma once

#include <cstring>

#include "kernels/team/math.hpp"

namespace bsft::kernel {

template <class Isa>
struct Wide {
  static constexpr int width = 16;
  typedef float Floats __attribute__((vector_size(64)));
  typedef std::int32_t Ints __attribute__((vector_size(64)));
  typedef std::uint32_t Words __attribute__((vector_size(64)));
  typedef std::uint16_t Halves __attribute__((vector_size(32)));
  struct Mask {
    Ints v;
  };
  Floats v;

  Wide() = default;
  BSFT_KERNEL Wide(Floats x) : v(x) {}
  BSFT_KERNEL Wide(float x) : v(x - Floats{}) {}

  BSFT_KERNEL friend Wide operator+(Wide a, Wide b) { return a.v + b.v; }
  BSFT_KERNEL friend Wide operator-(Wide a, Wide b) { return a.v - b.v; }
  BSFT_KERNEL friend Wide operator*(Wide a, Wide b) { return a.v * b.v; }
  BSFT_KERNEL friend Wide operator/(Wide a, Wide b) { return a.v / b.v; }
  BSFT_KERNEL friend Mask operator>(Wide a, Wide b) { return {a.v > b.v}; }
  BSFT_KERNEL friend Mask operator==(Wide a, Wide b) { return {a.v == b.v}; }
  BSFT_KERNEL friend Wide select(Mask m, Wide a, Wide b) { return m.v ? a.v : b.v; }
  BSFT_KERNEL friend Wide max(Wide a, Wide b) { return a.v > b.v ? a.v : b.v; }
  BSFT_KERNEL friend Wide exp(Wide a) { return exp_by_polynomial<Floats, Ints>(a.v); }
  BSFT_KERNEL friend Wide sqrt(Wide a) {
    for (int l = 0; l < width; ++l) a.v[l] = ::sqrtf(a.v[l]);
    return a;
  }
  BSFT_KERNEL friend float total(Wide a) {
    float lane[width];
    std::memcpy(lane, &a.v, sizeof lane);
    for (int h = width / 2; h > 0; h /= 2)
      for (int l = 0; l < h; ++l) lane[l] += lane[l + h];
    return lane[0];
  }
  BSFT_KERNEL friend float top(Wide a) {
    float lane[width];
    std::memcpy(lane, &a.v, sizeof lane);
    for (int h = width / 2; h > 0; h /= 2)
      for (int l = 0; l < h; ++l) lane[l] = lane[l] > lane[l + h] ? lane[l] : lane[l + h];
    return lane[0];
  }

  BSFT_KERNEL static Wide read(float const* p) {
    Wide x;
    std::memcpy(&x.v, p, sizeof x.v);
    return x;
  }
  BSFT_KERNEL void write(float* p) const { std::memcpy(p, &v, sizeof v); }
  BSFT_KERNEL static Wide read(Bf16 const* p) {
    Halves h;
    std::memcpy(&h, p, sizeof h);
    return __builtin_bit_cast(Floats, Words(__builtin_convertvector(h, Words) << 16));
  }
  BSFT_KERNEL void write(Bf16* p) const {
    Words const bits = __builtin_bit_cast(Words, v);
    Words const rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    Words const all = v == v ? rounded : Words{} + 0x7FC0u;
    Halves const h = __builtin_convertvector(all, Halves);
    std::memcpy(p, &h, sizeof h);
  }
};

template <class Isa>
struct ExactWide {
  static constexpr int width = 16;
  double v[width] = {};
  BSFT_KERNEL void add(Wide<Isa> a) {
    for (int l = 0; l < width; ++l) v[l] += double(a.v[l]);
  }
  BSFT_KERNEL void add_product(Wide<Isa> a, Wide<Isa> b) {
    for (int l = 0; l < width; ++l) v[l] += double(a.v[l]) * double(b.v[l]);
  }
  BSFT_KERNEL double sum() const {
    double all = 0;
    for (double x : v) all += x;
    return all;
  }
};

template <class Isa>
class FullAt {
 public:
  BSFT_KERNEL explicit FullAt(std::int64_t begin) : begin_(begin) {}
  BSFT_KERNEL std::int64_t begin() const { return begin_; }
  template <class T>
  BSFT_KERNEL Wide<Isa> load(T const* p, float = 0) const {
    return Wide<Isa>::read(p + begin_);
  }
  template <class T>
  BSFT_KERNEL void store(T* p, Wide<Isa> x) const {
    x.write(p + begin_);
  }

 private:
  std::int64_t begin_;
};

template <class Isa>
class TailAt {
 public:
  BSFT_KERNEL TailAt(std::int64_t begin, int count) : begin_(begin), count_(count) {}
  BSFT_KERNEL std::int64_t begin() const { return begin_; }
  template <class T>
  BSFT_KERNEL Wide<Isa> load(T const* p, float fill = 0) const {
    alignas(64) float lane[Wide<Isa>::width];
    for (float& x : lane) x = fill;
    for (int l = 0; l < count_; ++l) lane[l] = widen(p[begin_ + l]);
    return Wide<Isa>::read(lane);
  }
  template <class T>
  BSFT_KERNEL void store(T* p, Wide<Isa> x) const {
    alignas(64) float lane[Wide<Isa>::width];
    x.write(lane);
    for (int l = 0; l < count_; ++l) narrow(lane[l], p[begin_ + l]);
  }

 private:
  std::int64_t begin_;
  int count_;
};

template <class Isa, class Shared>
class SerialTeam {
 public:
  template <class T>
  using Value = Wide<Isa>;
  template <class T>
  using Exact = ExactWide<Isa>;
  static constexpr int width = Wide<Isa>::width;

  SerialTeam(std::int64_t block, std::int64_t blocks, Shared& shared)
      : block_(block), blocks_(blocks), shared_(shared) {}
  BSFT_KERNEL int rank() const { return 0; }
  BSFT_KERNEL int size() const { return 1; }
  BSFT_KERNEL std::int64_t block() const { return block_; }
  BSFT_KERNEL std::int64_t blocks() const { return blocks_; }
  BSFT_KERNEL Shared& shared() const { return shared_; }
  BSFT_KERNEL void sync() const {}
  template <class V>
  BSFT_KERNEL V shuffle_xor(V value, int) const {
    return value;
  }

  template <class T, class F>
  BSFT_KERNEL void tiles(std::int64_t n, F f) const {
    range(0, n, f);
  }
  // Blocks cut [0,n) at multiples of the tile, so a lane never depends on the cut.
  template <class T, class F>
  BSFT_KERNEL void grid_tiles(std::int64_t n, F f) const {
    std::int64_t const tiles = (n + width - 1) / width, each = (tiles + blocks_ - 1) / blocks_;
    std::int64_t const begin = block_ * each * width, end = begin + each * width;
    range(begin < n ? begin : n, end < n ? end : n, f);
  }
  template <class T, class F>
  BSFT_KERNEL void grid_tiles(std::int64_t rows, std::int64_t cols, F f) const {
    std::int64_t const each = (rows + blocks_ - 1) / blocks_;
    std::int64_t const begin = block_ * each, end = begin + each < rows ? begin + each : rows;
    for (std::int64_t row = begin; row < end; ++row) range(0, cols, [&](auto at) { f(row, at); });
  }

 private:
  template <class F>
  BSFT_KERNEL static void range(std::int64_t begin, std::int64_t end, F f) {
    for (; begin + width <= end; begin += width) f(FullAt<Isa>(begin));
    if (begin < end) f(TailAt<Isa>(begin, int(end - begin)));
  }

  std::int64_t block_, blocks_;
  Shared& shared_;
};

}  // namespace bsft::kernel
