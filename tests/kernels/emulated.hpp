// Every kernel as the emulator's tests run it: inputs, minimal bytes, and what may differ from the CPU's Team.
#pragma once

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/body/all.hpp"
#include "kernels/run/cpu_set.hpp"
#include "kernels/team/fiber.hpp"

namespace bsft::test {

using kernel::Bf16;
using kernel::Use;

// Arrays that a kernel may touch; two made by the same steps hold the same values.  Each ends where its bytes end, so
// that ASan sees what the emulator sees.
class Arrays {
 public:
  explicit Arrays(std::uint64_t seed) : random_(seed) {}

  template <class T, class Value>
  T* make(std::string const& name, std::int64_t n, Use use, Value value) {
    T* const p = place<T>(name, n, use);
    for (std::int64_t i = 0; i < n; ++i) p[i] = value(i);
    return p;
  }
  template <class T>
  T* normal(std::string const& name, std::int64_t n, Use use = Use::input) {
    return make<T>(name, n, use, [&](std::int64_t) { return kernel::narrowed<T>(float(normal_(random_))); });
  }
  template <class T>
  T* output(std::string const& name, std::int64_t n) {
    T* const p = place<T>(name, n, Use::output);
    std::memset(static_cast<void*>(p), 0xFF, std::size_t(n) * sizeof(T));
    return p;
  }
  std::int64_t below(std::int64_t n) { return std::int64_t(random_() % std::uint64_t(n)); }

  void give(kernel::Emulator& emulator) const {
    for (Array const& a : arrays_) emulator.give(a.name, a.bytes.get(), std::int64_t(a.size), a.use);
  }
  // Where the outputs differ by more than tolerance max(1, |value|); empty where they agree.  0: the same bits.
  std::string difference(Arrays const& other, double tolerance) const {
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
      Array const &a = arrays_[i], &b = other.arrays_[i];
      if (a.use == Use::input || std::memcmp(a.bytes.get(), b.bytes.get(), a.size) == 0) continue;
      if (tolerance == 0 || !a.value) return a.name + " has other bits";
      for (std::size_t at = 0; at < a.size; at += a.width) {
        double const x = a.value(a.bytes.get() + at), y = b.value(b.bytes.get() + at);
        bool const same = x == y || (std::isnan(x) && std::isnan(y));
        if (!same && !(std::fabs(x - y) <= tolerance * std::max(1.0, std::fabs(x))))
          return a.name + "[" + std::to_string(at / a.width) + "] is " + std::to_string(y) + ", wanted " +
                 std::to_string(x);
      }
    }
    return "";
  }

 private:
  struct Array {
    std::string name;
    Use use;
    std::unique_ptr<std::byte, void (*)(void*)> bytes;
    std::size_t size, width;
    std::function<double(std::byte const*)> value;
  };
  template <class T>
  T* place(std::string const& name, std::int64_t n, Use use) {
    std::size_t const size = std::size_t(n) * sizeof(T);
    void* p = nullptr;
    if (::posix_memalign(&p, 256, std::max<std::size_t>(size, 1)) != 0) std::abort();
    std::function<double(std::byte const*)> value;
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, Bf16>)
      value = [](std::byte const* b) { return double(kernel::widen(*reinterpret_cast<T const*>(b))); };
    else if constexpr (std::is_same_v<T, double>)
      value = [](std::byte const* b) { return *reinterpret_cast<double const*>(b); };
    arrays_.push_back({name, use, {static_cast<std::byte*>(p), std::free}, size, sizeof(T), value});
    return static_cast<T*>(p);
  }
  std::deque<Array> arrays_;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
};

// A kernel at one size.
struct Emulated {
  std::string name;
  std::int64_t blocks = 1;
  int threads = 0;
  double tolerance = 0;  // against the CPU's Team; 0: the same bits
  double minimum = 0;    // bytes of kernels/README.md's formula
  double again = 0;      // bytes that it asks for again, to be found in a cache
  bool ragged = false;   // its lists begin anywhere: only what reaches the memory is held to the formula
  std::function<void(Arrays&)> on_cpu;
  std::function<void(Arrays&, kernel::Emulator&)> emulated;
};

template <class Kernel>
Emulated emulated(std::string name, std::int64_t blocks, std::function<Kernel(Arrays&)> build, double tolerance,
                  double minimum, double again = 0) {
  Emulated e{std::move(name), blocks, Kernel::threads, tolerance, minimum, again, false, {}, {}};
  e.on_cpu = [=](Arrays& arrays) { run::run_blocks<run::Baseline>(build(arrays), 0, 1, 1); };
  e.emulated = [=](Arrays& arrays, kernel::Emulator& emulator) {
    Kernel const kernel = build(arrays);
    arrays.give(emulator);
    kernel::emulate(emulator, kernel, blocks);
  };
  return e;
}

// A size in storage T, and the letters of the formulas.
template <class T>
struct Shape {
  std::int64_t rows, cols, heads = 3;
  std::int64_t few() const { return std::min<std::int64_t>(rows, 3); }  // blocks
  double e() const { return sizeof(T); }
  double R() const { return double(rows); }
  double D() const { return double(cols); }
  double n() const { return R() * D(); }
  double sums() const { return (sizeof(T) == 2 ? 1.0 / 100 : 2e-6) * (1 + 0.1 * std::sqrt(D())); }
};
inline constexpr kernel::BehaviorIds three{3, {2, 61, 60}};

template <class T>
std::vector<Emulated> embedding_kernels(Shape<T> const& s) {
  using namespace kernel;
  std::vector<Emulated> list;
  std::int64_t const rows = s.rows, cols = s.cols, few = s.few();
  double const e = s.e(), R = s.R(), D = s.D();
  for (bool dial : {false, true})
    list.push_back(emulated<BehaviorGather<T>>(
        dial ? "BehaviorGather with a dial" : "BehaviorGather", few,
        [=](Arrays& a) {
          return BehaviorGather<T>{
              a.make<std::int64_t>(
                  "ids", rows, Use::input,
                  [&](std::int64_t t) {
                    return t % 4 == 1 ? three.id[a.below(3)] : t % 7 == 3 ? 65 : t % 7 == 5 ? 0 : a.below(60);
                  }),
              a.normal<T>("base", 60 * cols),
              a.normal<T>("rows", 3 * cols),
              dial ? a.make<Dial>("dials", rows, Use::input,
                                  [&](std::int64_t t) {
                                    return t % 3 == 0 ? Dial{-1, 0} : Dial{std::int32_t(a.below(3)), 0.25f};
                                  })
                   : nullptr,
              a.output<T>("y", rows * cols),
              rows,
              60,
              cols,
              three};
        },
        0, dial ? 0 : R * (2 * e * D + 8)));
  for (bool add : {false, true}) {
    std::int64_t const segments = (rows + 2) / 3;
    list.push_back(emulated<SegmentSum<T>>(
        add ? "SegmentSum into a gradient" : "SegmentSum", few,
        [=](Arrays& a) {
          auto const dy = a.normal<T>("dy", rows * cols);
          auto const order =
              a.make<std::int64_t>("order", rows, Use::input, [&](std::int64_t j) { return rows - 1 - j; });
          auto const start = a.make<std::int64_t>("start", segments + 1, Use::input,
                                                  [&](std::int64_t s) { return std::min(3 * s, rows); });
          auto const row =
              a.make<std::int64_t>("row", segments, Use::input, [&](std::int64_t s) { return segments - 1 - s; });
          auto const out = add ? a.normal<T>("out", segments * cols, Use::update) : a.output<T>("out", segments * cols);
          return SegmentSum<T>{dy, order, start, row, out, segments, cols, add};
        },
        0, R * (e * D + 8) + double(segments) * ((add ? 2 : 1) * e * D + 16), R * 2 * e * D / 32));
  }
  return list;
}

template <class T>
std::vector<Emulated> loss_kernels(Shape<T> const& s) {
  using namespace kernel;
  std::vector<Emulated> list;
  std::int64_t const rows = s.rows, cols = s.cols, few = s.few();
  double const e = s.e(), R = s.R(), D = s.D();
  for (bool gradient : {true, false})
    list.push_back(emulated<CrossEntropy<T>>(
        gradient ? "CrossEntropy" : "CrossEntropy without gradient", few,
        [=](Arrays& a) {
          KeptColumns kept{};
          std::int32_t from = 0;
          for (std::int32_t id : {2, 60, 61}) {
            if (id >= cols) break;
            if (id > from) kept.begin[kept.count] = from, kept.end[kept.count++] = id;
            from = id + 1;
          }
          if (from < cols) kept.begin[kept.count] = from, kept.end[kept.count++] = std::int32_t(cols);
          auto const base = a.normal<T>("base", rows * cols, gradient ? Use::update : Use::input);
          auto const behavior = a.normal<T>("behavior", rows * 3);
          return CrossEntropy<T>{
              base,
              behavior,
              gradient ? a.output<T>("behavior_gradient", rows * 3) : nullptr,
              a.make<std::int64_t>("targets", rows, Use::input,
                                   [&](std::int64_t r) {
                                     return r % 3 == 0 ? three.id[a.below(3)] : r % 5 == 4 ? -1 : a.below(cols);
                                   }),
              a.make<float>("weights", rows, Use::input,
                            [&](std::int64_t r) { return r % 4 == 3 ? 0.0f : 0.1f * float(r + 1); }),
              a.output<float>("loss", rows),
              a.output<float>("entropy", rows),
              a.output<bool>("correct", rows),
              rows,
              cols,
              gradient,
              three,
              kept};
        },
        sizeof(T) == 2 ? 1.0 / 64 : 1e-4, R * ((gradient ? 2 : 1) * e * D + 21 + (gradient ? 6 : 3) * e),
        gradient ? R * e * D : 0));
  return list;
}

template <class T>
std::vector<Emulated> scale_kernels(Shape<T> const& s) {
  using namespace kernel;
  std::vector<Emulated> list;
  std::int64_t const rows = s.rows, cols = s.cols, few = s.few();
  double const e = s.e(), n = s.n();
  list.push_back(emulated<Rescale<T>>(
      "Rescale", few,
      [=](Arrays& a) {
        return Rescale<T>{a.normal<T>("x", rows * cols, Use::update),
                          a.make<float>("factor", 1, Use::input, [](auto) { return 0.3f; }), rows * cols};
      },
      0, 2 * e * n + 4));
  list.push_back(emulated<CastScale<T>>(
      "CastScale", few,
      [=](Arrays& a) {
        auto const x = a.normal<Other<T>>("x", rows * cols);
        return CastScale<T>{x, a.output<T>("y", rows * cols),
                            a.make<float>("factor", 1, Use::input, [](auto) { return 0.3f; }), rows * cols};
      },
      0, 6 * n + 4));
  return list;
}

template <class T>
std::vector<Emulated> norm_kernels(Shape<T> const& s) {
  using namespace kernel;
  std::vector<Emulated> list;
  std::int64_t const rows = s.rows, cols = s.cols, few = s.few();
  double const e = s.e(), R = s.R(), D = s.D(), n = s.n(), sums = s.sums();
  for (bool residual : {false, true})
    list.push_back(emulated<RmsNormForward<T>>(
        residual ? "RmsNormForward with a residual" : "RmsNormForward", few,
        [=](Arrays& a) {
          auto const x = a.normal<T>("x", rows * cols);
          auto const add = residual ? a.normal<T>("residual", rows * cols) : nullptr;
          auto const w = a.normal<T>("w", cols);
          auto const h = residual ? a.output<T>("h", rows * cols) : nullptr;
          return RmsNormForward<T>{x,    add,  w,    h, a.output<T>("y", rows * cols), a.output<float>("r", rows),
                                   rows, cols, 1e-5f};
        },
        sums, R * ((residual ? 4 : 2) * e * D + 4) + e * D, double(few - 1) * e * D));
  for (bool passed : {false, true})
    list.push_back(emulated<RmsNormBackward<T>>(
        passed ? "RmsNormBackward with a residual" : "RmsNormBackward", 2,
        [=](Arrays& a) {
          auto const dy = a.normal<T>("dy", rows * cols);
          auto const dpassed = passed ? a.normal<T>("dpassed", rows * cols) : nullptr;
          auto const h = a.normal<T>("h", rows * cols);
          auto const w = a.normal<T>("w", cols);
          auto const r = a.make<float>("r", rows, Use::input, [&](auto) { return 0.5f + 0.1f * float(a.below(10)); });
          auto const dh = a.output<T>("dh", rows * cols);
          return RmsNormBackward<T>{
              dy,   dpassed, h, w, r, dh, a.output<float>("partial", RmsNormBackward<T>::groups(rows) * cols),
              rows, cols};
        },
        sums, R * ((passed ? 4 : 3) * e * D + 4) + e * D + double(RmsNormBackward<T>::groups(rows)) * 4 * D, e * D));
  list.push_back(emulated<ColumnSum<T>>(
      "ColumnSum", 2,
      [=](Arrays& a) {
        auto const x = a.normal<float>("x", rows * cols);
        return ColumnSum<T>{x, a.output<T>("out", cols), rows, cols};
      },
      0, 4 * n + e * D));
  return list;
}

template <class T>
std::vector<Emulated> rope_kernels(Shape<T> const& s) {
  using namespace kernel;
  std::vector<Emulated> list;
  std::int64_t const rows = s.rows, cols = s.cols, few = s.few();
  double const e = s.e(), R = s.R(), D = s.D();
  for (bool interleaved : {false, true}) {
    std::int64_t const heads = s.heads + interleaved;  // an odd and an even number
    list.push_back(emulated<Rope<T>>(
        interleaved ? "Rope, interleaved" : "Rope", few,
        [=](Arrays& a) {
          std::int64_t const token = heads * 2 * cols;
          auto const x = a.normal<T>("x", rows * token);
          auto const c = a.normal<float>("cosine", rows * cols), sine = a.normal<float>("sine", rows * cols);
          return Rope<T>{x, c, sine, a.output<T>("y", rows * token), rows, heads, cols, token, -1, interleaved};
        },
        0, R * (double(heads) * 4 * e * D + 8 * D)));
  }
  return list;
}

template <class T>
std::vector<Emulated> swiglu_kernels(Shape<T> const& s) {
  using namespace kernel;
  std::vector<Emulated> list;
  std::int64_t const rows = s.rows, cols = s.cols, few = s.few();
  double const e = s.e(), n = s.n();
  list.push_back(emulated<SwigluForward<T>>(
      "SwigluForward", few,
      [=](Arrays& a) {
        auto const g = a.normal<T>("gate", rows * cols), u = a.normal<T>("up", rows * cols);
        return SwigluForward<T>{g, u, a.output<T>("y", rows * cols), rows, cols, cols, cols};
      },
      0, 3 * e * n));
  list.push_back(emulated<SwigluBackward<T>>(
      "SwigluBackward", few,
      [=](Arrays& a) {
        auto const dy = a.normal<T>("dy", rows * cols), g = a.normal<T>("gate", rows * cols),
                   u = a.normal<T>("up", rows * cols);
        auto const dg = a.output<T>("dgate", rows * cols), du = a.output<T>("dup", rows * cols);
        return SwigluBackward<T>{dy, g, u, dg, du, rows, cols, cols, cols};
      },
      0, 5 * e * n));
  return list;
}

// Every kernel of storage T.
template <class T>
std::vector<Emulated> kernels_of(std::int64_t rows, std::int64_t cols, std::int64_t heads = 3) {
  Shape<T> const s{rows, cols, heads};
  std::vector<Emulated> all;
  for (auto part :
       {embedding_kernels(s), loss_kernels(s), scale_kernels(s), norm_kernels(s), rope_kernels(s), swiglu_kernels(s)})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

// Reads after reduce() what another thread wrote before it: all must have met.
struct Meeting {
  static constexpr int threads = 64;
  struct Shared {
    float partial[kernel::warp];
  };
  float *x, *y;  // [64], x[i] = i; [32]
  bool aligned() const { return true; }
  template <class Team>
  void operator()(Team& team) const {
    int const rank = team.rank(), size = team.size(), next = (rank + 1) % size;
    team.write(x + rank, float(rank));
    float const all = kernel::reduce(team, float(rank), 0.0f, kernel::Add{}, team.shared().partial);
    float const other = team.read(x + next);
    if (rank < 32) team.write(y + rank, all - float(size * (size - 1) / 2) + other - float(next));
  }
};

inline std::vector<Emulated> meetings() {
  auto const build = [](Arrays& a) {
    auto const x = a.make<float>("x", 64, Use::update, [](std::int64_t i) { return float(i); });
    return Meeting{x, a.output<float>("y", 32)};
  };
  Emulated e{"Meeting", 1, Meeting::threads, 0, 0, 0, false, {}, {}};
  e.on_cpu = [=](Arrays& arrays) {
    Meeting const wanted = build(arrays);
    std::fill(wanted.y, wanted.y + 32, 0.0f);
  };
  e.emulated = [=](Arrays& arrays, kernel::Emulator& emulator) {
    Meeting const kernel = build(arrays);
    arrays.give(emulator);
    kernel::emulate(emulator, kernel, 1);
  };
  return {e};
}

// The kernels of one storage.
inline std::vector<Emulated> plain_kernels(std::int64_t n) {
  using namespace kernel;
  std::vector<Emulated> list;
  list.push_back(emulated<AdamWStep>(
      "AdamWStep", 3,
      [=](Arrays& a) {
        auto const p = a.normal<float>("p", n, Use::update), g = a.normal<float>("g", n);
        auto const m = a.normal<float>("m", n, Use::update);
        auto const v = a.make<float>("v", n, Use::update, [&](auto) { return 0.01f * float(a.below(100)); });
        return AdamWStep{p, g, m, v, n, 0.5f, 0.99f, 0.1f, 0.95f, 0.05f, 2.0f, 1e-8f, 1e-3f};
      },
      0, 28.0 * double(n)));
  list.push_back(emulated<SquaredNorm>(
      "SquaredNorm", 2,
      [=](Arrays& a) {
        auto const x = a.normal<float>("x", n);
        return SquaredNorm{x, a.output<double>("partial", SquaredNorm::blocks(n)), n};
      },
      1e-9, 4.0 * double(n) + 8.0 * double(SquaredNorm::blocks(n))));
  list.push_back(emulated<WeightedSum>(
      "WeightedSum", 2,
      [=](Arrays& a) {
        auto const w = a.make<float>("w", n, Use::input, [&](std::int64_t i) { return i % 5 == 0 ? 0.0f : 0.5f; });
        auto const loss =
            a.make<float>("loss", n, Use::input, [&](std::int64_t i) { return i % 5 == 0 ? NAN : float(a.below(9)); });
        return WeightedSum{w, loss, a.output<float>("out", 1), n};
      },
      1e-6, 8.0 * double(n) + 4));
  return list;
}

// A mask over sequences of 1 to 40 tokens, or, to count bytes, of `length` tokens with a quarter supervised.
inline std::vector<Emulated> mask_kernels(std::int64_t sequences, std::int32_t fixed_length = 0) {
  using namespace kernel;
  struct Made {
    MaskSpan* spans;
    float* weights;
    std::int64_t tokens, rows;
    std::vector<std::int64_t> start;
  };
  constexpr float lambda = 4;
  auto const make = [=](Arrays& a) {
    Made m{nullptr, nullptr, 0, 0, {}};
    m.spans = a.make<MaskSpan>("spans", sequences, Use::input, [&](std::int64_t b) {
      std::int32_t const length = fixed_length ? fixed_length : std::int32_t(1 + a.below(40));
      std::int32_t const prompt = fixed_length ? length * 3 / 4 : std::int32_t(a.below(length + 1));
      std::int32_t const behavior = std::min(prompt + 1, length), response = std::max(behavior, length - 1);
      MaskSpan const s{m.tokens, prompt, behavior, response, length, std::int32_t(b % 3), std::int32_t(b % 2)};
      m.tokens += length;
      return s;
    });
    m.weights =
        a.make<float>("task_weights", 3, Use::input, [](std::int64_t t) { return t == 2 ? 0.0f : 1.0f + float(t); });
    for (std::int64_t b = 0; b < sequences; ++b) {
      m.start.push_back(m.rows);
      MaskCounts const c(m.spans[b], lambda, m.weights[m.spans[b].task]);
      m.rows += c.behavior + c.rest;
    }
    m.start.push_back(m.rows);
    return m;
  };
  double const B = double(sequences), T = B * fixed_length, supervised = T / 4 * 2 / 3;  // a task in three weighs 0
  std::vector<Emulated> list;
  list.push_back(emulated<MaskPlan>(
      "MaskPlan", 2,
      [=](Arrays& a) {
        Made const m = make(a);
        auto const start = a.output<std::int64_t>("start", sequences + 1);
        return MaskPlan{m.spans, m.weights, start, a.output<MaskCell>("cells", 6), sequences, 3, 2, lambda};
      },
      0, fixed_length ? B * (sizeof(MaskSpan) + 8) + 8 + 6 * sizeof(MaskCell) + 12 : 0));
  list.push_back(emulated<MaskWrite>(
      "MaskWrite", 2,
      [=](Arrays& a) {
        Made const m = make(a);
        auto const start = a.make<std::int64_t>("start", sequences + 1, Use::input,
                                                [&](std::int64_t b) { return m.start[std::size_t(b)]; });
        auto const tokens =
            a.make<std::int32_t>("tokens", m.tokens, Use::input, [&](std::int64_t t) { return std::int32_t(100 + t); });
        auto const targets = a.output<std::int64_t>("targets", m.tokens);
        auto const weights = a.output<float>("weights", m.tokens);
        auto const row = a.output<std::int32_t>("row", m.rows);
        auto const row_target = a.output<std::int64_t>("row_target", m.rows);
        auto const row_weight = a.output<float>("row_weight", m.rows);
        return MaskWrite{m.spans,   m.weights, start,      tokens,     targets,
                         weights,   row,       row_target, row_weight, a.output<std::uint8_t>("channel", m.rows),
                         sequences, lambda};
      },
      0, fixed_length ? B * (sizeof(MaskSpan) + 12) + 12 * T + 21 * supervised : 0));
  for (Emulated& e : list) e.ragged = true;
  return list;
}

// What goes wrong where the emulated kernel must do as on the CPU, under three schedules; empty where nothing does.
// thread_counts: 0 is the kernel's own.
inline std::string fault(Emulated const& e, std::string const& size, std::vector<int> const& thread_counts) {
  Arrays cpu(7);
  e.on_cpu(cpu);
  for (int threads : thread_counts) {
    std::unique_ptr<Arrays> first;
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      auto arrays = std::make_unique<Arrays>(7);
      kernel::Emulator emulator(threads ? threads : e.threads, seed);
      std::string const what = e.name + ", " + size + ", " + std::to_string(emulator.threads()) +
                               " threads, schedule " + std::to_string(seed) + ": ";
      try {
        e.emulated(*arrays, emulator);
      } catch (kernel::Accusation const& accusation) {
        return what + accusation.what();
      }
      if (auto const d = cpu.difference(*arrays, e.tolerance); !d.empty()) return what + d;
      if (!first)
        first = std::move(arrays);
      else if (auto const d = first->difference(*arrays, 0); !d.empty())
        return what + d + " than under schedule 0";
    }
  }
  return "";
}

}  // namespace bsft::test
