// Ours against libtorch's own ops, in turn in one process; a JSON line each:
//   {"bench", "size", "ours", "theirs", "ratio", "unit": "us", "threads", "set", "gb_per_s", "share_of_copy"}
// ratio is theirs over ours: above 1 we are faster.  Figures are the least of the rounds, the steadiest on a busy
// machine.  gb_per_s: the least bytes of kernels/README.md's formula over ours; share_of_copy: over what a copy of 256
// MB reads and writes in this run on this device (above 1: the caches hold the size).
//   bench_kernels [--threads N] [--rounds N] [--device cpu|cuda] [--only layers|head|optimizer]
// Their side is the composition that an eager model of transformers runs; their cross-entropy gives the loss alone,
// ours also entropy, correctness and the behaviour columns.  Head and loss: theirs computes every row's logits and
// ignores what is not supervised; peak_memory_ratio is ours over theirs, of the tensors that one forward and backward
// makes, the gradients of hidden and head among them.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

#include "kernels/op/op.hpp"
#include "kernels/run/cpu.hpp"
#include "tests/kernels/peak_memory.hpp"
#include "kernels/op/torch.hpp"

namespace {

using namespace bsft;

struct Options {
  int threads = 1, rounds = 15;
  at::Device device = at::kCPU;
  std::string only;
} options;

bool wanted(char const* part) { return options.only.empty() || options.only == part; }

double seconds(std::function<void()> const& f) {
  auto const start = std::chrono::steady_clock::now();
  f();
  if (options.device.is_cuda()) at::empty({1}, at::TensorOptions(options.device)).zero_().item();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Bytes a second that a copy reads and writes.
double copy_rate() {
  static double const rate = [] {
    auto const from = at::ones({64'000'000}, at::TensorOptions(options.device)), to = at::zeros_like(from);
    double best = 1e30;
    for (int round = 0; round < 8; ++round) best = std::min(best, seconds([&] { to.copy_(from); }));
    return 2.0 * double(from.nbytes()) / best;
  }();
  return rate;
}

std::string rate(double bytes, double seconds) {
  if (bytes == 0) return "";
  char text[80];
  std::snprintf(text, sizeof text, ", \"gb_per_s\": %.1f, \"share_of_copy\": %.2f", bytes / seconds / 1e9,
                bytes / seconds / copy_rate());
  return text;
}

void compare(std::string const& bench, std::string const& size, double bytes, std::function<void()> const& ours,
             std::function<void()> const& theirs, int rounds = options.rounds, std::string const& more = "") {
  ours(), theirs();
  double best[2] = {1e30, 1e30};
  for (int round = 0; round < rounds; ++round) {
    best[0] = std::min(best[0], seconds(ours));
    best[1] = std::min(best[1], seconds(theirs));
  }
  std::printf(
      "{\"bench\": \"%s\", \"size\": \"%s\", \"ours\": %.1f, \"theirs\": %.1f, \"ratio\": %.2f, \"unit\": \"us\", "
      "\"threads\": %d, \"set\": \"%s\"%s%s}\n",
      bench.c_str(), size.c_str(), best[0] * 1e6, best[1] * 1e6, best[1] / best[0], options.threads,
      options.device.is_cuda() ? "cuda" : run::name(run::cpu_set()).c_str(), rate(bytes, best[0]).c_str(),
      more.c_str());
  std::fflush(stdout);
}

at::Tensor normal(at::IntArrayRef sizes) { return at::randn(sizes, at::TensorOptions(options.device)); }
at::Tensor leaf(at::IntArrayRef sizes) { return normal(sizes).requires_grad_(); }
void forget(std::initializer_list<at::Tensor> leaves) {
  for (auto const& x : leaves) x.mutable_grad().reset();
}

// Times f, and f with its backward; least bytes of either.
struct Bytes {
  double forward = 0, both = 0;
};
void with_backward(std::string const& name, std::string const& size, Bytes bytes,
                   std::function<at::Tensor()> const& ours, std::function<at::Tensor()> const& theirs,
                   std::initializer_list<at::Tensor> leaves) {
  auto const shape = ours().sizes().vec();
  auto const dy = normal(shape);
  auto const forward = [](auto const& f) {
    at::NoGradGuard const guard;
    f();
  };
  compare(
      name + " forward", size, bytes.forward, [&] { forward(ours); }, [&] { forward(theirs); });
  auto const both = [&](auto const& f) {
    f().backward(dy);
    forget(leaves);
  };
  compare(
      name + " forward and backward", size, bytes.both, [&] { both(ours); }, [&] { both(theirs); });
}

struct Model {
  char const* name;
  std::int64_t T, D, F, V, R, H, E;
};

void layers(Model const& s) {
  double const T = double(s.T), TD = 4 * T * double(s.D), TF = 4 * T * double(s.F), TE = 4 * T * double(s.E);
  auto const x = leaf({s.T, s.D}), w = leaf({s.D});
  with_backward(
      "rms_norm", s.name, Bytes{2 * TD + 4 * T, 5 * TD + 8 * T}, [&] { return op::rms_norm(x, w, 1e-5); },
      [&] { return x * at::rsqrt(x.square().mean(1, true) + 1e-5) * w; }, {x, w});

  auto const residual = leaf({s.T, s.D});  // both outputs go on, as in a decoder
  with_backward(
      "rms_norm with a residual", s.name, Bytes{},
      [&] {
        auto const [h, y] = op::passing_rms_norm(x, residual, w, 1e-5);
        return h + y;
      },
      [&] {
        auto const h = x + residual;
        return h + h * at::rsqrt(h.square().mean(1, true) + 1e-5) * w;
      },
      {x, residual, w});

  auto const q = leaf({s.T, s.H, s.E}), angle = normal({s.T, s.E / 2});
  auto const c = angle.cos(), si = angle.sin();
  auto const wide_c = at::cat({c, c}, 1).unsqueeze(1), wide_s = at::cat({si, si}, 1).unsqueeze(1);
  with_backward(
      "rope", s.name, Bytes{(2 * double(s.H) + 1) * TE, (4 * double(s.H) + 2) * TE}, [&] { return op::rope(q, c, si); },
      [&] {
        auto const half = q.chunk(2, 2);
        return q * wide_c + at::cat({-half[1], half[0]}, 2) * wide_s;
      },
      {q});

  auto const gate = leaf({s.T, s.F}), up = leaf({s.T, s.F});
  with_backward(
      "swiglu", s.name, Bytes{3 * TF, 8 * TF}, [&] { return op::swiglu(gate, up); },
      [&] { return at::silu(gate) * up; }, {gate, up});
}

void table(Model const& s) {
  auto const known = at::tensor({std::int64_t(1), s.V + 2, s.V + 3, s.V + 4}, at::kLong);
  auto const ids = at::randint(2, s.V, {s.T}, at::TensorOptions(at::kLong)).to(options.device);
  auto const base = leaf({s.V, s.D}), rows = leaf({4, s.D}), gradient = at::zeros_like(base);
  with_backward(
      "behavior_embedding", s.name, Bytes{double(s.T) * (8 * double(s.D) + 8), 0},
      [&] { return op::behavior_embedding(ids, base, rows, known, gradient); },
      [&] { return at::embedding(base, ids); }, {base, rows});
}

void loss(Model const& s) {
  auto const known = at::tensor({std::int64_t(1), s.V + 2, s.V + 3, s.V + 4}, at::kLong);
  auto const logits = normal({s.R, s.V}), behavior = leaf({s.R, 4});
  auto const targets = at::randint(2, s.V, {s.R}, at::TensorOptions(at::kLong)).to(options.device);
  auto const weights = at::ones({s.R}, logits.options());
  auto const none = std::optional<at::Tensor>();
  {
    at::NoGradGuard const guard;
    compare(
        "cross_entropy forward", s.name, 4 * double(s.R) * double(s.V),
        [&] { op::masked_cross_entropy(logits, behavior, known, targets, weights); },
        [&] { at::cross_entropy_loss(logits, targets, none, at::Reduction::Sum); });
  }
  // Both sides pay for making the logits an intermediate, as a matrix product's result is.
  auto const both = [&](auto const& f) {
    auto const source = logits.detach().requires_grad_();
    f(source * 1).backward();
    behavior.mutable_grad().reset();
  };
  compare(
      "cross_entropy forward and backward", s.name, 0,
      [&] {
        both([&](auto const& z) { return op::masked_cross_entropy(z, behavior, known, targets, weights).total; });
      },
      [&] { both([&](auto const& z) { return at::cross_entropy_loss(z, targets, none, at::Reduction::Sum); }); });
}

void head_and_loss(std::int64_t T, std::int64_t V, std::int64_t D, double supervised) {
  constexpr int rounds = 5;  // seconds each
  auto const known = at::tensor({std::int64_t(1), V + 2, V + 3, V + 4}, at::kLong);
  // Logits of a model's spread (about 2.4): wider ones have subnormal probabilities, which make a product crawl on some
  // CPUs, theirs more than ours.
  auto const hidden = leaf({T, D}), head = (0.1 * normal({V, D})).requires_grad_(),
             behavior_head = (0.1 * normal({4, D})).requires_grad_();
  auto const count = std::int64_t(double(T) * supervised);
  auto const index = at::floor_divide(at::arange(count, at::kLong) * T, count).to(options.device);
  auto const targets = at::randint(2, V, {count}, index.options()), all = at::full({T}, -100, index.options());
  all.index_copy_(0, index, targets);
  auto const weights = at::ones({count}, at::TensorOptions(options.device));
  auto const ours = [&] {
    op::HeadGradients const into{at::zeros({V, D}, weights.options()), at::zeros({4, D}, weights.options())};
    op::masked_linear_cross_entropy(hidden.index_select(0, index), head, behavior_head, known, targets, weights, into)
        .total.backward();
    forget({hidden});
  };
  auto const theirs = [&] {
    auto const loss = at::cross_entropy_loss(at::linear(hidden, head), all, {}, at::Reduction::Sum, -100);
    loss.backward();  // the logits themselves are gone by now
    forget({hidden, head});
  };
  std::string more;
  if (options.device.is_cpu()) {
    auto& memory = test::PeakMemory::install();
    auto const peak = [&](auto const& f) {
      memory.reset();
      f();
      return double(memory.peak()) / 1e6;
    };
    double const mine = peak(ours), other = peak(theirs);
    char text[160];
    std::snprintf(text, sizeof text, ", \"peak_mb\": [%.0f, %.0f], \"peak_memory_ratio\": %.3f", mine, other,
                  mine / other);
    more = text;
  }
  compare("head and loss forward and backward",
          "T=" + std::to_string(T) + " V=" + std::to_string(V) + " D=" + std::to_string(D) + ", " +
              std::to_string(count) + " rows supervised",
          0, ours, theirs, std::min(options.rounds, rounds), more);
}

void optimizer(std::int64_t n) {
  auto const size = std::to_string(n) + " parameters";
  auto const p = normal({n}), g = normal({n}), m = at::zeros_like(p), v = at::zeros_like(p),
             step = at::ones({}, p.options());
  op::AdamW const settings{1e-4, 0.9, 0.999, 1e-8, 0.01, 3, 0.5};
  std::vector<at::Tensor> ps{p}, gs{g}, ms{m}, vs{v}, none, steps{step};
  auto const fused = [&] {
    at::_fused_adamw_(ps, gs, ms, vs, none, steps, 1e-4, 0.9, 0.999, 0.01, 1e-8, false, false);
  };
  compare(
      "adamw", size, 28 * double(n), [&] { op::adamw(p, g, m, v, settings); }, fused);
  compare(
      "squared_norm", size, 4 * double(n), [&] { op::squared_norm(g); },
      [&] { at::linalg_vector_norm(g, 2).item<float>(); });
  compare(
      "clip and adamw", size, 32 * double(n),
      [&] {
        op::squared_norm(g);
        op::adamw(p, g, m, v, settings);
      },
      [&] {
        float const norm = at::linalg_vector_norm(g, 2).item<float>();
        g.mul_(norm > 0 ? 1.0 : 0.5);
        fused();
      });
}

}  // namespace

int main(int count, char** arguments) {
  for (int i = 1; i + 1 < count; i += 2) {
    std::string const key = arguments[i], value = arguments[i + 1];
    if (key == "--threads")
      options.threads = std::stoi(value);
    else if (key == "--rounds")
      options.rounds = std::stoi(value);
    else if (key == "--device")
      options.device = at::Device(value);
    else if (key == "--only")
      options.only = value;
    else
      return std::fprintf(stderr, "unknown option %s (see tests/bench/kernels.cpp)\n", key.c_str()), 64;
  }
  at::set_num_threads(options.threads);
  if (wanted("layers"))
    for (Model const& model : {Model{"tiny T=3000 D=128 F=512 V=1500 R=1000", 3000, 128, 512, 1500, 1000, 4, 32},
                               Model{"SmolLM2 T=1000 D=576 F=1536 V=49152 R=75", 1000, 576, 1536, 49152, 75, 9, 64}}) {
      layers(model);
      table(model);
      loss(model);
    }
  if (wanted("head"))
    for (double supervised : {0.05, 0.25, 1.0}) head_and_loss(2048, 49152, 576, supervised);
  if (wanted("optimizer")) {
    optimizer(2'000'000);
    optimizer(16'000'000);
  }
}
