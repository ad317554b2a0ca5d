// The device's Team: one CUDA block, packs of 16 bytes.  Compiled by nvcc only.
#pragma once

#include "kernels/team/pack.hpp"

namespace bsft::kernel {

// A tile: W columns from begin(), fewer at the end of the range.
template <int W>
class CudaAt {
 public:
  BSFT_KERNEL CudaAt(std::int64_t begin, std::int64_t end)
      : begin_(begin), count_(end - begin < W ? int(end - begin) : W) {}

  BSFT_KERNEL std::int64_t begin() const { return begin_; }

  template <class T>
  BSFT_KERNEL Pack<W> load(T const* p, float fill = 0) const {
    constexpr int each = lanes_of<T>;
    static_assert(W % each == 0);
    T const* const from = p + begin_;
    Pack<W> x;
    if (count_ == W && aligned(from)) {
      BSFT_UNROLL for (int part = 0; part < W / each; ++part) {
        Bits<T> const bits = *reinterpret_cast<Bits<T> const*>(from + part * each);
        BSFT_UNROLL for (int l = 0; l < each; ++l) x.v[part * each + l] = widen(bits.v[l]);
      }
    } else {
      BSFT_UNROLL for (int l = 0; l < W; ++l) x.v[l] = l < count_ ? widen(from[l]) : fill;
    }
    return x;
  }

  template <class T>
  BSFT_KERNEL void store(T* p, Pack<W> x) const {
    constexpr int each = lanes_of<T>;
    T* const to = p + begin_;
    if (count_ == W && aligned(to)) {
      BSFT_UNROLL for (int part = 0; part < W / each; ++part) {
        Bits<T> bits;
        BSFT_UNROLL for (int l = 0; l < each; ++l) narrow(x.v[part * each + l], bits.v[l]);
        *reinterpret_cast<Bits<T>*>(to + part * each) = bits;
      }
    } else {
      BSFT_UNROLL for (int l = 0; l < W; ++l) if (l < count_) narrow(x.v[l], to[l]);
    }
  }

 private:
  template <class T>
  struct alignas(16) Bits {
    T v[lanes_of<T>];
  };
  static BSFT_KERNEL bool aligned(void const* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

  std::int64_t begin_;
  int count_;
};

template <class Shared>
class CudaTeam {
 public:
  template <class T>
  using Value = Pack<lanes_of<T>>;
  template <class T>
  using Exact = ExactPack<lanes_of<T>>;

  BSFT_KERNEL explicit CudaTeam(Shared& shared) : shared_(shared) {}
  BSFT_KERNEL int rank() const { return int(threadIdx.x); }
  BSFT_KERNEL int size() const { return int(blockDim.x); }
  BSFT_KERNEL std::int64_t block() const { return blockIdx.x; }
  BSFT_KERNEL std::int64_t blocks() const { return gridDim.x; }
  BSFT_KERNEL Shared& shared() const { return shared_; }
  BSFT_KERNEL void sync() const { __syncthreads(); }

  template <class V>
  BSFT_KERNEL V shuffle_xor(V value, int mask) const {
    static_assert(sizeof(V) % 4 == 0);
    unsigned words[sizeof(V) / 4];
    memcpy(words, &value, sizeof(V));
    BSFT_UNROLL for (unsigned& word : words) word = __shfl_xor_sync(0xFFFFFFFFu, word, mask);
    memcpy(&value, words, sizeof(V));
    return value;
  }

  template <class T, class F>
  BSFT_KERNEL void tiles(std::int64_t n, F f) const {
    constexpr int W = lanes_of<T>;
    for (std::int64_t i = std::int64_t(rank()) * W; i < n; i += std::int64_t(size()) * W) f(CudaAt<W>(i, n));
  }
  template <class T, class F>
  BSFT_KERNEL void grid_tiles(std::int64_t n, F f) const {
    constexpr int W = lanes_of<T>;
    for (std::int64_t i = (block() * size() + rank()) * W; i < n; i += blocks() * size() * W) f(CudaAt<W>(i, n));
  }
  template <class T, class F>
  BSFT_KERNEL void grid_tiles(std::int64_t rows, std::int64_t cols, F f) const {
    constexpr int W = lanes_of<T>;
    std::int64_t const tiles = (cols + W - 1) / W;
    for (std::int64_t i = block() * size() + rank(); i < rows * tiles; i += blocks() * size()) {
      std::int64_t const row = i / tiles;
      f(row, CudaAt<W>((i - row * tiles) * W, cols));
    }
  }

 private:
  Shared& shared_;
};

}  // namespace bsft::kernel
