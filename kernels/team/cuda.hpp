// The device's Team: one CUDA block.  Compiled by nvcc only.
#pragma once

#include "kernels/team/block.hpp"

namespace bsft::kernel {

struct CudaMachine {
  BSFT_KERNEL int rank() const { return int(threadIdx.x); }
  BSFT_KERNEL int size() const { return int(blockDim.x); }
  BSFT_KERNEL std::int64_t block() const { return blockIdx.x; }
  BSFT_KERNEL std::int64_t blocks() const { return gridDim.x; }
  BSFT_KERNEL void sync(Site) const { __syncthreads(); }

  template <class V>
  BSFT_KERNEL V shuffle_xor(V value, int mask, Site) const {
    static_assert(sizeof(V) % 4 == 0);
    unsigned words[sizeof(V) / 4];
    memcpy(words, &value, sizeof(V));
    BSFT_UNROLL for (unsigned& word : words) word = __shfl_xor_sync(0xFFFFFFFFu, word, mask);
    memcpy(&value, words, sizeof(V));
    return value;
  }

  template <class T>
  BSFT_KERNEL T read(T const* p, Site) const {
    return *p;
  }
  template <class T>
  BSFT_KERNEL void write(T* p, T x, Site) const {
    *p = x;
  }
  template <class T, int n>
  BSFT_KERNEL void read_pack(T const* p, T (&v)[n], Site) const {
    Bits<T, n> const bits = *reinterpret_cast<Bits<T, n> const*>(p);
    BSFT_UNROLL for (int l = 0; l < n; ++l) v[l] = bits.v[l];
  }
  template <class T, int n>
  BSFT_KERNEL void write_pack(T* p, T const (&v)[n], Site) const {
    // By the intrinsic: a store through a pointer is taken apart where the value comes from several branches.
    using Words = std::conditional_t<n * sizeof(T) == 16, uint4, uint2>;
    static_assert(sizeof(Words) == n * sizeof(T));
    Words words;
    memcpy(&words, v, sizeof words);
    __stwb(reinterpret_cast<Words*>(p), words);
  }

 private:
  template <class T, int n>
  struct alignas(n * sizeof(T)) Bits {
    T v[n];
  };
};

template <class Shared, bool aligned>
using CudaTeam = BlockTeam<CudaMachine, Shared, aligned>;

}  // namespace bsft::kernel
