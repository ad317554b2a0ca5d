#include "kernels/run/cpu.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "data/base/error.hpp"
#include "kernels/run/cpu_set.hpp"
#include "kernels/run/cuda.hpp"
#include "kernels/run/run.hpp"

namespace bsft::run {
namespace {

constexpr std::int64_t worth_a_thread = 16384;  // elements

template <class Kernel>
void run_set(Isa isa, Kernel const& kernel, std::int64_t begin, std::int64_t end, std::int64_t blocks) {
  switch (isa) {
#if defined(BSFT_CPU_V4)
    case Isa::v4:
      return run_blocks<V4>(kernel, begin, end, blocks);
#endif
#if defined(BSFT_CPU_V3)
    case Isa::v3:
      return run_blocks<V3>(kernel, begin, end, blocks);
#endif
    default:
      return run_blocks<Baseline>(kernel, begin, end, blocks);
  }
}

Isa wanted() {
  auto const sets = cpu_sets();
  char const* const forced = std::getenv("BSFT_CPU_ISA");
  if (!forced) return sets.back();
  for (Isa isa : sets)
    if (name(isa) == forced) return isa;
  throw Unavailable("BSFT_CPU_ISA=" + std::string(forced), "not built, or this CPU lacks it",
                    "the widest here is " + name(sets.back()));
}

std::atomic<Isa>& chosen() {
  static std::atomic<Isa> isa{wanted()};
  return isa;
}

}  // namespace

std::vector<Isa> cpu_sets() {
  std::vector<Isa> sets{Isa::baseline};
#if defined(BSFT_CPU_V3)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    sets.push_back(Isa::v3);
#endif
#if defined(BSFT_CPU_V4)
  if (sets.back() == Isa::v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    sets.push_back(Isa::v4);
#endif
  return sets;
}

std::string name(Isa isa) { return isa == Isa::v4 ? "v4" : isa == Isa::v3 ? "v3" : "baseline"; }

Isa cpu_set() { return chosen(); }

void use_cpu_set(Isa isa) {
  auto const sets = cpu_sets();
  if (std::find(sets.begin(), sets.end(), isa) == sets.end())
    throw Unavailable("instruction set " + name(isa), "not built, or this CPU lacks it");
  chosen() = isa;
}

Grid units(std::int64_t n, std::int64_t cost) {
  return {n, std::max<std::int64_t>(1, worth_a_thread / std::max<std::int64_t>(1, cost))};
}

Grid elements(std::int64_t n, Place const& place) {
  constexpr std::int64_t device_tile = 2048, most_device_blocks = 4096;
  if (place.cuda) return {std::min((n + device_tile - 1) / device_tile, most_device_blocks), 1};
  return {(n + worth_a_thread - 1) / worth_a_thread, 1};
}

Place place_of(at::Tensor const& tensor) {
  if (tensor.device().is_cpu()) return host;
  if (!tensor.device().is_cuda())
    throw Unavailable("kernels on " + tensor.device().str(), "CPU and CUDA only", "set kernels: reference");
  int const device = tensor.device().index();
  return {true, device, current_stream(device)};
}

template <class Kernel>
void launch(Kernel const& kernel, Grid grid, Place const& place) {
  if (grid.blocks <= 0) return;
  if (place.cuda) return launch_cuda(kernel, grid.blocks, place.device, place.stream);
  Isa const isa = cpu_set();
  if (grid.blocks <= grid.grain) return run_set(isa, kernel, 0, grid.blocks, grid.blocks);
  at::parallel_for(0, grid.blocks, grid.grain,
                   [&](std::int64_t begin, std::int64_t end) { run_set(isa, kernel, begin, end, grid.blocks); });
}

using namespace kernel;
#define BSFT_INSTANTIATE(...) template void launch(__VA_ARGS__ const&, Grid, Place const&);
BSFT_EACH_KERNEL(BSFT_INSTANTIATE)

}  // namespace bsft::run
