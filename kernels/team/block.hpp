// A CUDA block as a Team: how threads share out tiles, on a machine that is the device or its emulator.
//
// Machine: rank() size() block() blocks() sync(site) shuffle_xor(value, mask, site), read(p, site) and
// write(p, x, site) of one element, read_pack / write_pack of 8 or 16 bytes at an address that is a multiple of that.
// aligned: the body's promise (see team.hpp).  Then tiles begin at multiples of a pack, full ones are whole packs, and
// what a range leaves at its ends goes by the element.  kernels/team/cuda.hpp and kernels/team/fiber.hpp run the same
// code.
#pragma once

#include <type_traits>

#include "kernels/team/pack.hpp"

namespace bsft::kernel {

// A whole tile of W columns from `begin`, moved 16 bytes at a time (8 where W floats are stored as Bf16).
template <class Machine, int W>
class PackAt {
 public:
  BSFT_KERNEL PackAt(Machine const& machine, std::int64_t begin, int slot = -1)
      : machine_(machine), begin_(begin), slot_(slot) {}
  BSFT_KERNEL int slot() const { return slot_; }

  template <class T>
  BSFT_KERNEL Pack<W> load(T const* p, float = 0, Site where = BSFT_HERE) const {
    Pack<W> x;
    read<W>(p + begin_, x.v, where);
    return x;
  }
  template <class T>
  BSFT_KERNEL void load_bits(T const* p, T (&v)[W], Site where = BSFT_HERE) const {
    machine_.read_pack(p + begin_, v, where);
  }
  template <class T>
  BSFT_KERNEL void store(T* p, Pack<W> x, Site where = BSFT_HERE) const {
    write<W>(p + begin_, x.v, where);
  }
  template <class T>
  BSFT_KERNEL Pack<W> load_twice(T const* p, Site where = BSFT_HERE) const {
    float v[W / 2];
    read<W / 2>(p + begin_ / 2, v, where);
    Pack<W> x;
    BSFT_UNROLL for (int l = 0; l < W; ++l) x.v[l] = v[l / 2];
    return x;
  }

 private:
  template <int n, class T>
  BSFT_KERNEL void read(T const* p, float (&v)[n], Site where) const {
    constexpr int each = lanes_of<T> < n ? lanes_of<T> : n;
    static_assert(n % each == 0);
    BSFT_UNROLL for (int part = 0; part < n / each; ++part) {
      T bits[each];
      machine_.read_pack(p + part * each, bits, where);
      BSFT_UNROLL for (int l = 0; l < each; ++l) v[part * each + l] = widen(bits[l]);
    }
  }
  template <int n, class T>
  BSFT_KERNEL void write(T* p, float const (&v)[n], Site where) const {
    constexpr int each = lanes_of<T> < n ? lanes_of<T> : n;
    static_assert(n % each == 0);
    BSFT_UNROLL for (int part = 0; part < n / each; ++part) {
      T bits[each];
      BSFT_UNROLL for (int l = 0; l < each; ++l) narrow(v[part * each + l], bits[l]);
      machine_.write_pack(p + part * each, bits, where);
    }
  }

  Machine const& machine_;
  std::int64_t begin_;
  int slot_;
};

// At most W columns from `begin`, moved by the element.
template <class Machine, int W>
class ElementAt {
 public:
  BSFT_KERNEL ElementAt(Machine const& machine, std::int64_t begin, std::int64_t end, int slot = -1)
      : machine_(machine), begin_(begin), count_(end - begin < W ? int(end - begin) : W), slot_(slot) {}
  BSFT_KERNEL int slot() const { return slot_; }

  template <class T>
  BSFT_KERNEL Pack<W> load(T const* p, float fill = 0, Site where = BSFT_HERE) const {
    Pack<W> x;
    BSFT_UNROLL for (int l = 0; l < W; ++l) x.v[l] = l < count_ ? widen(machine_.read(p + begin_ + l, where)) : fill;
    return x;
  }
  template <class T>
  BSFT_KERNEL void load_bits(T const* p, T (&v)[W], Site where = BSFT_HERE) const {
    BSFT_UNROLL for (int l = 0; l < W; ++l) v[l] = l < count_ ? machine_.read(p + begin_ + l, where) : T{};
  }
  template <class T>
  BSFT_KERNEL void store(T* p, Pack<W> x, Site where = BSFT_HERE) const {
    BSFT_UNROLL for (int l = 0; l < W; ++l) if (l < count_) machine_.write(p + begin_ + l, narrowed<T>(x.v[l]), where);
  }
  template <class T>
  BSFT_KERNEL Pack<W> load_twice(T const* p, Site where = BSFT_HERE) const {
    Pack<W> x;
    BSFT_UNROLL for (int l = 0; l < W; l += 2) x.v[l] = x.v[l + 1] =
        l < count_ ? widen(machine_.read(p + (begin_ + l) / 2, where)) : 0.0f;
    return x;
  }

 private:
  Machine const& machine_;
  std::int64_t begin_;
  int count_, slot_;
};

template <class Machine, class Shared, bool aligned>
class BlockTeam {
  template <int W>
  using At = std::conditional_t<aligned, PackAt<Machine, W>, ElementAt<Machine, W>>;

 public:
  template <class T>
  using Value = Pack<lanes_of<T>>;
  template <class T>
  using Exact = ExactPack<lanes_of<T>>;
  static constexpr std::int64_t stretch = std::int64_t(1) << 40;  // hundreds of threads have short sums as it is

  BSFT_KERNEL BlockTeam(Machine machine, Shared& shared) : machine_(machine), shared_(shared) {}
  BSFT_KERNEL int rank() const { return machine_.rank(); }
  BSFT_KERNEL int size() const { return machine_.size(); }
  BSFT_KERNEL std::int64_t block() const { return machine_.block(); }
  BSFT_KERNEL std::int64_t blocks() const { return machine_.blocks(); }
  BSFT_KERNEL Shared& shared() const { return shared_; }
  BSFT_KERNEL void sync(Site where = BSFT_HERE) const { machine_.sync(where); }
  template <class V>
  BSFT_KERNEL V shuffle_xor(V value, int mask, Site where = BSFT_HERE) const {
    return machine_.shuffle_xor(value, mask, where);
  }
  template <class T>
  BSFT_KERNEL T read(T const* p, Site where = BSFT_HERE) const {
    return machine_.read(p, where);
  }
  template <class T>
  BSFT_KERNEL void write(T* p, T x, Site where = BSFT_HERE) const {
    machine_.write(p, x, where);
  }

  template <class T, class F>
  BSFT_KERNEL void tiles(std::int64_t begin, std::int64_t end, F f) const {
    constexpr int W = lanes_of<T>;
    for (std::int64_t i = begin + std::int64_t(rank()) * W; i < end; i += std::int64_t(size()) * W) f(at<W>(i, end));
  }
  template <class T, class F>
  BSFT_KERNEL void grid_tiles(std::int64_t n, F f) const {
    constexpr int W = lanes_of<T>;
    std::int64_t const mine = block() * size() + rank(), last = n / W * W;
    for (std::int64_t i = mine * W; i < last; i += blocks() * size() * W) f(at<W>(i, n));
    ends<W>(0, 0, last, n, mine, f);
  }
  template <class T, class F>
  BSFT_KERNEL void grid_tiles(std::int64_t rows, std::int64_t cols, F f) const {
    constexpr int W = lanes_of<T>;
    std::int64_t const tiles = (cols + W - 1) / W;
    for (std::int64_t i = block() * size() + rank(); i < rows * tiles; i += blocks() * size()) {
      std::int64_t const row = i / tiles;
      f(row, at<W>((i - row * tiles) * W, cols));
    }
  }

  template <class Tile, class T, class F>
  BSFT_KERNEL void stream(T const* p, std::int64_t begin, std::int64_t end, float fill, F f,
                          Site where = BSFT_HERE) const {
    constexpr int W = lanes_of<Tile>, ahead = aligned ? 4 : 1;
    std::int64_t const step = std::int64_t(size()) * W;
    std::int64_t const first = aligned ? (begin + W - 1) / W * W : begin;
    std::int64_t const last = aligned ? end / W * W : begin + (end - begin) / W * W;
    std::int64_t i = first + std::int64_t(rank()) * W;
    for (; i + (ahead - 1) * step < last; i += ahead * step) {
      Pack<W> x[ahead];
      BSFT_UNROLL for (int k = 0; k < ahead; ++k) x[k] = at<W>(i + k * step, end).load(p, fill, where);
      BSFT_UNROLL for (int k = 0; k < ahead; ++k) f(at<W>(i + k * step, end), x[k]);
    }
    for (; i < last; i += step) f(at<W>(i, end), at<W>(i, end).load(p, fill, where));
    ends<W>(begin, first, last, end, rank(), [&](auto edge) { f(edge, edge.load(p, fill, where)); });
  }

  template <class T, class F>
  BSFT_KERNEL void elements(T const* p, std::int64_t begin, std::int64_t end, float fill, F f,
                            Site where = BSFT_HERE) const {
    constexpr int W = lanes_of<T>;
    for (std::int64_t i = begin + std::int64_t(rank()) * W; i < end; i += std::int64_t(size()) * W) {
      ElementAt<Machine, W> const at(machine_, i, end);
      f(at, at.load(p, fill, where));
    }
  }

  // Tile i of thread r begins at (i size + r) W.  Kept as it is stored: half the registers for Bf16.
  template <class T, int most>
  class Row {
   public:
    BSFT_KERNEL Row(BlockTeam const& team, T const* p, std::int64_t n) : team_(team), p_(p), n_(n) {
      BSFT_UNROLL for (int i = 0; i < most; ++i) if (begin(i) < n_) at(i).load_bits(p_, bits_[i]);
    }
    template <class F>
    BSFT_KERNEL void each(Row const& b, F f) const {
      BSFT_UNROLL for (int i = 0; i < most; ++i) if (begin(i) < n_) f(at(i), kept(i), b.kept(i));
      for (int i = most; begin(i) < n_; ++i) f(at(i), again(i), b.again(i));
    }
    template <class F>
    BSFT_KERNEL void each(Row const& b, Row const& c, F f) const {
      BSFT_UNROLL for (int i = 0; i < most; ++i) if (begin(i) < n_) f(at(i), kept(i), b.kept(i), c.kept(i));
      for (int i = most; begin(i) < n_; ++i) f(at(i), again(i), b.again(i), c.again(i));
    }

   private:
    static constexpr int W = lanes_of<T>;
    BSFT_KERNEL std::int64_t begin(int i) const { return (std::int64_t(i) * team_.size() + team_.rank()) * W; }
    BSFT_KERNEL At<W> at(int i) const { return team_.template at<W>(begin(i), n_, i); }
    BSFT_KERNEL Pack<W> kept(int i) const {
      Pack<W> x(0.0f);
      if (begin(i) < n_) BSFT_UNROLL for (int l = 0; l < W; ++l) x.v[l] = widen(bits_[i][l]);
      return x;
    }
    BSFT_KERNEL Pack<W> again(int i) const { return begin(i) < n_ ? at(i).load(p_) : Pack<W>(0.0f); }
    BlockTeam const& team_;
    T const* p_;
    std::int64_t n_;
    T bits_[most][W];
  };
  template <class T, int most>
  BSFT_KERNEL Row<T, most> row(T const* p, std::int64_t n) const {
    return {*this, p, n};
  }

  template <class T, int most>
  class Sums {
   public:
    BSFT_KERNEL Sums(BlockTeam const& team, float* p, std::int64_t n) : team_(team), p_(p), n_(n) {
      BSFT_UNROLL for (int i = 0; i < most; ++i) value_[i] = Pack<W>(0.0f);
      for (int i = most; begin(i) < n_; ++i) at(i).store(p_, Pack<W>(0.0f));
    }
    template <class Where>
    BSFT_KERNEL void add(Where where, Pack<lanes_of<T>> x) {
      BSFT_UNROLL for (int i = 0; i < most; ++i) if (where.slot() == i) value_[i] = value_[i] + x;
      if (where.slot() >= most) where.store(p_, where.load(p_) + x);
    }
    BSFT_KERNEL void flush() const {
      BSFT_UNROLL for (int i = 0; i < most; ++i) if (begin(i) < n_) at(i).store(p_, value_[i]);
    }

   private:
    static constexpr int W = lanes_of<T>;
    BSFT_KERNEL std::int64_t begin(int i) const { return (std::int64_t(i) * team_.size() + team_.rank()) * W; }
    BSFT_KERNEL At<W> at(int i) const { return team_.template at<W>(begin(i), n_, i); }
    BlockTeam const& team_;
    float* p_;
    std::int64_t n_;
    Pack<W> value_[most];
  };
  template <class T, int most>
  BSFT_KERNEL Sums<T, most> sums(float* p, std::int64_t n) const {
    return {*this, p, n};
  }

 private:
  template <int W>
  BSFT_KERNEL At<W> at(std::int64_t begin, std::int64_t end, int slot = -1) const {
    if constexpr (aligned)
      return {machine_, begin, slot};
    else
      return {machine_, begin, end, slot};
  }

  // What whole tiles leave over, [begin, first) and [last, end), to the first worker.
  template <int W, class F>
  BSFT_KERNEL void ends(std::int64_t begin, std::int64_t first, std::int64_t last, std::int64_t end, std::int64_t mine,
                        F f) const {
    if (mine != 0) return;
    std::int64_t const head = first < end ? first : end, tail = last > head ? last : head;
    if (begin < head) f(ElementAt<Machine, W>(machine_, begin, head));
    if (tail < end) f(ElementAt<Machine, W>(machine_, tail, end));
  }

  Machine machine_;
  Shared& shared_;
};

}  // namespace bsft::kernel
