// The CPU's Team: one thread is the whole block, and a tile is 16 floats in vector registers.
//
// Isa is a tag of the instruction set that this translation unit is compiled for, with its register's bytes: it keeps
// the instantiations apart, so that the linker cannot put wide instructions into a narrow machine's code.  The
// arithmetic and its order are the same for all of them (16 lanes, no fused multiply-add): so are the bits.
#pragma once

#include <cstring>

#include "kernels/team/math.hpp"

namespace bsft::kernel {

// Vector types spelled out for each size: GCC 12 does not convert vectors whose size depends on a template parameter.
template <int bytes>
struct Registers;
#define BSFT_REGISTERS(bytes)                                             \
  template <>                                                             \
  struct Registers<bytes> {                                               \
    typedef float Floats __attribute__((vector_size(bytes)));             \
    typedef std::int32_t Ints __attribute__((vector_size(bytes)));        \
    typedef std::uint32_t Words __attribute__((vector_size(bytes)));      \
    typedef std::uint16_t Halves __attribute__((vector_size(bytes / 2))); \
    typedef double Doubles __attribute__((vector_size(bytes)));           \
    typedef float HalfFloats __attribute__((vector_size(bytes / 2)));     \
  }
BSFT_REGISTERS(16);
BSFT_REGISTERS(32);
BSFT_REGISTERS(64);
#undef BSFT_REGISTERS

// n registers as a tree of named members: compilers keep these in registers, arrays of them they spill.
template <class V, int n>
struct Group {
  Group<V, n / 2> lo, hi;
};
template <class V>
struct Group<V, 1> {
  V v;
};

// f of each register, together with its neighbours of the other groups.
template <int n, class F, class... V>
BSFT_KERNEL auto each(F f, Group<V, n> const&... a) -> Group<decltype(f(V{}...)), n> {
  if constexpr (n == 1)
    return {f(a.v...)};
  else
    return {each<n / 2>(f, a.lo...), each<n / 2>(f, a.hi...)};
}

#define BSFT_INLINE __attribute__((always_inline))

template <class Isa>
struct Wide {
  static constexpr int width = 16, native = Isa::bytes / 4, parts = width / native;
  using Floats = typename Registers<Isa::bytes>::Floats;
  using Ints = typename Registers<Isa::bytes>::Ints;
  using Words = typename Registers<Isa::bytes>::Words;
  using Halves = typename Registers<Isa::bytes>::Halves;
  struct Mask {
    Group<Ints, parts> v;
  };
  Group<Floats, parts> v;

  Wide() = default;
  BSFT_KERNEL Wide(Group<Floats, parts> const& x) : v(x) {}
  BSFT_KERNEL Wide(float x) { fill(v, x - Floats{}); }

  BSFT_KERNEL friend Wide operator+(Wide a, Wide b) {
    return each<parts>([](Floats x, Floats y) BSFT_INLINE { return x + y; }, a.v, b.v);
  }
  BSFT_KERNEL friend Wide operator-(Wide a, Wide b) {
    return each<parts>([](Floats x, Floats y) BSFT_INLINE { return x - y; }, a.v, b.v);
  }
  BSFT_KERNEL friend Wide operator*(Wide a, Wide b) {
    return each<parts>([](Floats x, Floats y) BSFT_INLINE { return x * y; }, a.v, b.v);
  }
  BSFT_KERNEL friend Wide operator/(Wide a, Wide b) {
    return each<parts>([](Floats x, Floats y) BSFT_INLINE { return x / y; }, a.v, b.v);
  }
  BSFT_KERNEL friend Mask operator>(Wide a, Wide b) {
    return {each<parts>([](Floats x, Floats y) BSFT_INLINE -> Ints { return x > y; }, a.v, b.v)};
  }
  BSFT_KERNEL friend Mask operator==(Wide a, Wide b) {
    return {each<parts>([](Floats x, Floats y) BSFT_INLINE -> Ints { return x == y; }, a.v, b.v)};
  }
  BSFT_KERNEL friend Wide select(Mask m, Wide a, Wide b) {
    return each<parts>([](Ints yes, Floats x, Floats y) BSFT_INLINE -> Floats { return yes ? x : y; }, m.v, a.v, b.v);
  }
  BSFT_KERNEL friend Wide max(Wide a, Wide b) {
    return each<parts>([](Floats x, Floats y) BSFT_INLINE -> Floats { return x > y ? x : y; }, a.v, b.v);
  }
  BSFT_KERNEL friend Wide exp(Wide a) {
    return each<parts>([](Floats x) BSFT_INLINE { return exp_by_polynomial<Floats, Ints>(x); }, a.v);
  }
  BSFT_KERNEL friend Wide sqrt(Wide a) {
    return each<parts>(
        [](Floats x) BSFT_INLINE {
          for (int l = 0; l < native; ++l) x[l] = ::sqrtf(x[l]);
          return x;
        },
        a.v);
  }

  // The tree l + 8, l + 4, l + 2, l + 1, whatever the register's width.
  BSFT_KERNEL friend float total(Wide a) {
    return fold(a.v, [](auto x, auto y) BSFT_INLINE { return x + y; });
  }
  BSFT_KERNEL friend float top(Wide a) {
    return fold(a.v, [](auto x, auto y) BSFT_INLINE -> decltype(x) { return x > y ? x : y; });
  }

  template <class T>
  BSFT_KERNEL static Wide read(T const* p) {
    Wide x;
    read(x.v, p);
    return x;
  }
  template <class T>
  BSFT_KERNEL void write(T* p) const {
    write(v, p);
  }

 private:
  template <int n>
  BSFT_KERNEL static void fill(Group<Floats, n>& g, Floats x) {
    if constexpr (n == 1) {
      g.v = x;
    } else {
      fill(g.lo, x);
      fill(g.hi, x);
    }
  }
  template <int n, class T>
  BSFT_KERNEL static void read(Group<Floats, n>& g, T const* p) {
    if constexpr (n > 1) {
      read(g.lo, p);
      read(g.hi, p + n / 2 * native);
    } else if constexpr (sizeof(T) == 4) {
      std::memcpy(&g.v, p, sizeof g.v);
    } else {
      Halves h;
      std::memcpy(&h, p, sizeof h);
      g.v = __builtin_bit_cast(Floats, Words(__builtin_convertvector(h, Words) << 16));
    }
  }
  template <int n, class T>
  BSFT_KERNEL static void write(Group<Floats, n> const& g, T* p) {
    if constexpr (n > 1) {
      write(g.lo, p);
      write(g.hi, p + n / 2 * native);
    } else if constexpr (sizeof(T) == 4) {
      std::memcpy(p, &g.v, sizeof g.v);
    } else {
      Words const bits = __builtin_bit_cast(Words, g.v);
      Words const rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
      Words const all = g.v == g.v ? rounded : Words{} + 0x7FC0u;
      Halves const h = __builtin_convertvector(all, Halves);
      std::memcpy(p, &h, sizeof h);
    }
  }
  template <int n, class Op>
  BSFT_KERNEL static float fold(Group<Floats, n> const& g, Op op) {
    if constexpr (n > 1) {
      return fold(each<n / 2>(op, g.lo, g.hi), op);
    } else {
      float lane[native];
      std::memcpy(lane, &g.v, sizeof lane);
      for (int h = native / 2; h > 0; h /= 2)
        for (int l = 0; l < h; ++l) lane[l] = op(lane[l], lane[l + h]);
      return lane[0];
    }
  }
};

// [-x1, x0, -x3, x2, ...]: each pair a quarter turn on.
template <class Isa>
BSFT_KERNEL Wide<Isa> turned(Wide<Isa> x) {
  alignas(64) float lane[Wide<Isa>::width], turn[Wide<Isa>::width];
  x.write(lane);
  for (int l = 0; l < Wide<Isa>::width; l += 2) turn[l] = -lane[l + 1], turn[l + 1] = lane[l];
  return Wide<Isa>::read(turn);
}

// As storage of T would hold it.
template <class T, class Isa>
BSFT_KERNEL Wide<Isa> rounded(Wide<Isa> x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
    T lane[Wide<Isa>::width];
    x.write(lane);
    return Wide<Isa>::read(lane);
  }
}

// fp64 sums of the 16 lanes: twice the registers.
template <class Isa>
struct ExactWide {
  static constexpr int parts = 2 * Wide<Isa>::parts;
  using Floats = typename Registers<Isa::bytes>::Floats;
  using HalfFloats = typename Registers<Isa::bytes>::HalfFloats;
  using Doubles = typename Registers<Isa::bytes>::Doubles;
  Group<Doubles, parts> v{};

  BSFT_KERNEL void add_product(Wide<Isa> a, Wide<Isa> b) { add<Wide<Isa>::parts>(v, a.v, b.v); }
  BSFT_KERNEL double sum() const {
    double lane[16], all = 0;
    std::memcpy(lane, &v, sizeof lane);
    for (double x : lane) all += x;
    return all;
  }

 private:
  BSFT_KERNEL static Group<Doubles, 2> widened(Floats const& x) {
    HalfFloats lo, hi;
    std::memcpy(&lo, &x, sizeof lo);
    std::memcpy(&hi, reinterpret_cast<char const*>(&x) + sizeof lo, sizeof hi);
    return {{__builtin_convertvector(lo, Doubles)}, {__builtin_convertvector(hi, Doubles)}};
  }
  template <int n>
  BSFT_KERNEL static void add(Group<Doubles, 2 * n>& sum, Group<Floats, n> const& a, Group<Floats, n> const& b) {
    if constexpr (n > 1) {
      add<n / 2>(sum.lo, a.lo, b.lo);
      add<n / 2>(sum.hi, a.hi, b.hi);
    } else {
      auto const x = widened(a.v), y = widened(b.v);
      sum.lo.v += x.lo.v * y.lo.v;
      sum.hi.v += x.hi.v * y.hi.v;
    }
  }
};

// Lane l holds p[l / 2], below count.
template <class Isa, class T>
BSFT_KERNEL Wide<Isa> load_twice_of(T const* p, int count) {
  alignas(64) float lane[Wide<Isa>::width] = {};
  for (int l = 0; l < count; ++l) lane[l] = widen(p[l / 2]);
  return Wide<Isa>::read(lane);
}

template <class Isa>
class FullAt {
 public:
  BSFT_KERNEL explicit FullAt(std::int64_t begin) : begin_(begin) {}
  template <class T>
  BSFT_KERNEL Wide<Isa> load(T const* p, float = 0) const {
    return Wide<Isa>::read(p + begin_);
  }
  template <class T>
  BSFT_KERNEL void store(T* p, Wide<Isa> x) const {
    x.write(p + begin_);
  }
  template <class T>
  BSFT_KERNEL Wide<Isa> load_twice(T const* p) const {
    return load_twice_of<Isa>(p + begin_ / 2, Wide<Isa>::width);
  }

 private:
  std::int64_t begin_;
};

// A row of the CPU is in its cache: every visit loads it again.
template <class Team, class T>
class SerialRow {
 public:
  BSFT_KERNEL SerialRow(Team const& team, T const* p, std::int64_t n) : team_(team), p_(p), n_(n) {}
  template <class F>
  BSFT_KERNEL void each(SerialRow const& b, F f) const {
    team_.template tiles<T>(0, n_, [&](auto at) BSFT_INLINE { f(at, at.load(p_), b.value(at)); });
  }
  template <class F>
  BSFT_KERNEL void each(SerialRow const& b, SerialRow const& c, F f) const {
    team_.template tiles<T>(0, n_, [&](auto at) BSFT_INLINE { f(at, at.load(p_), b.value(at), c.value(at)); });
  }

 private:
  template <class At>
  BSFT_KERNEL auto value(At at) const {
    return n_ > 0 ? at.load(p_) : typename Team::template Value<T>(0.0f);
  }
  Team const& team_;
  T const* p_;
  std::int64_t n_;
};

class SerialSums {
 public:
  BSFT_KERNEL SerialSums(float* p, std::int64_t n) : p_(p) {
    for (std::int64_t i = 0; i < n; ++i) p[i] = 0;
  }
  template <class At, class V>
  BSFT_KERNEL void add(At at, V x) {
    at.store(p_, at.load(p_) + x);
  }
  BSFT_KERNEL void flush() const {}

 private:
  float* p_;
};

template <class Isa>
class TailAt {
 public:
  BSFT_KERNEL TailAt(std::int64_t begin, int count) : begin_(begin), count_(count) {}
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
  template <class T>
  BSFT_KERNEL Wide<Isa> load_twice(T const* p) const {
    return load_twice_of<Isa>(p + begin_ / 2, count_);
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
  static constexpr std::int64_t stretch = 4096;

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

  template <class T>
  BSFT_KERNEL T read(T const* p) const {
    return *p;
  }
  template <class T>
  BSFT_KERNEL void write(T* p, T x) const {
    *p = x;
  }

  template <class T, class F>
  BSFT_KERNEL void tiles(std::int64_t begin, std::int64_t end, F f) const {
    range(begin, end, f);
  }
  template <class Tile, class T, class F>
  BSFT_KERNEL void stream(T const* p, std::int64_t begin, std::int64_t end, float fill, F f) const {
    range(begin, end, [&](auto at) BSFT_INLINE { f(at, at.load(p, fill)); });
  }
  template <class T, class F>
  BSFT_KERNEL void elements(T const* p, std::int64_t begin, std::int64_t end, float fill, F f) const {
    stream<T>(p, begin, end, fill, f);
  }
  template <class T, int most>
  BSFT_KERNEL auto row(T const* p, std::int64_t n) const {
    return SerialRow<SerialTeam, T>(*this, p, n);
  }
  template <class T, int most>
  BSFT_KERNEL auto sums(float* p, std::int64_t n) const {
    return SerialSums(p, n);
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
